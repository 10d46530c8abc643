package config

import (
	"slices"

	"milena/internal/record"
)

// topicValues are the effective values of one topic: its overrides over the broker's.
type topicValues struct {
	broker    *Values
	overrides map[string]string
}

// parsed is the value of a topic key: its override, else the first of the broker keys that give its default, else Kafka's own.
func (t *topicValues) parsed(name string) (parsed, error) {
	r := tables().topic.rows[name]
	if text, ok := t.overrides[name]; ok {
		return r.parse(text)
	}
	for _, synonym := range r.Synonyms {
		if _, known := tables().broker.rows[synonym]; !known {
			continue
		}
		switch v := t.broker.parsed(synonym).(type) {
		case nil:
		case int64:
			if name == "retention.ms" && v < 0 {
				return int64(-1), nil // "no limit", in every unit
			}
			return v * unitOf(synonym), nil
		default:
			return v, nil
		}
	}
	if !r.HasDefault {
		return nil, nil
	}
	return r.parse(r.Default)
}

// The getters are called after every override has been checked.

func (t *topicValues) long(name string) int64 {
	p, _ := t.parsed(name)
	n, _ := p.(int64)
	return n
}

func (t *topicValues) int(name string) int     { return int(t.long(name)) }
func (t *topicValues) bool(name string) bool   { p, _ := t.parsed(name); b, _ := p.(bool); return b }
func (t *topicValues) text(name string) string { p, _ := t.parsed(name); s, _ := p.(string); return s }
func (t *topicValues) list(name string) []string {
	p, _ := t.parsed(name)
	l, _ := p.([]string)
	return l
}
func (t *topicValues) double(name string) float64 {
	p, _ := t.parsed(name)
	f, _ := p.(float64)
	return f
}

// TopicOf builds a topic's configuration from the broker's effective values (Kafka's defaults where broker is nil) and the topic's
// overrides. The error names key, value and what is allowed (Kafka's ConfigException text); it is what CreateTopics answers.
func TopicOf(broker *Broker, overrides map[string]string) (*Topic, error) {
	t := &topicValues{broker: &Values{}, overrides: overrides}
	if broker != nil {
		t.broker = &broker.Values
	}
	names := sortedNames(overrides)
	for _, name := range names {
		if tables().topic.rows[name] == nil {
			return nil, &UnknownKeyError{Kind: "topic", Key: name}
		}
	}
	for _, name := range names {
		if _, err := t.parsed(name); err != nil {
			return nil, err
		}
	}
	if t.bool("remote.storage.enable") {
		return nil, conflict("Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.")
	}
	topic := t.build()
	if err := topic.check(); err != nil {
		return nil, err
	}
	return topic, nil
}

// build reads every key. The overrides have been checked.
func (t *topicValues) build() *Topic {
	policy := t.list("cleanup.policy")
	topic := &Topic{
		SegmentBytes:           t.int("segment.bytes"),
		SegmentMs:              t.long("segment.ms"),
		SegmentJitterMs:        t.long("segment.jitter.ms"),
		SegmentIndexBytes:      t.int("segment.index.bytes"),
		IndexIntervalBytes:     t.int("index.interval.bytes"),
		RetentionBytes:         t.long("retention.bytes"),
		RetentionMs:            t.long("retention.ms"),
		LocalRetentionMs:       t.long("local.retention.ms"),
		LocalRetentionBytes:    t.long("local.retention.bytes"),
		MaxMessageBytes:        t.int("max.message.bytes"),
		Delete:                 slices.Contains(policy, "delete"),
		Compact:                slices.Contains(policy, "compact"),
		DeleteRetentionMs:      t.long("delete.retention.ms"),
		FileDeleteDelayMs:      t.long("file.delete.delay.ms"),
		FlushMessages:          t.long("flush.messages"),
		FlushMs:                t.long("flush.ms"),
		MinCompactionLagMs:     t.long("min.compaction.lag.ms"),
		MaxCompactionLagMs:     t.long("max.compaction.lag.ms"),
		MinCleanableDirtyRatio: t.double("min.cleanable.dirty.ratio"),
		MinInsyncReplicas:      t.int("min.insync.replicas"),
		UncleanLeaderElection:  t.bool("unclean.leader.election.enable"),
		Preallocate:            t.bool("preallocate"),
		Codec:                  codecOf(t.text("compression.type")),
		GzipLevel:              t.int("compression.gzip.level"),
		LZ4Level:               t.int("compression.lz4.level"),
		ZstdLevel:              t.int("compression.zstd.level"),
		FollowerThrottled:      throttledReplicasOf(t.list("follower.replication.throttled.replicas")),
		LeaderThrottled:        throttledReplicasOf(t.list("leader.replication.throttled.replicas")),
	}
	if n := t.long("internal.segment.bytes"); n > 0 {
		topic.SegmentBytes = int(n)
	}
	if t.text("message.timestamp.type") == "LogAppendTime" {
		topic.TimestampType = record.LogAppendTime
	}
	topic.TimestampBeforeMaxMs = t.timestampBound("message.timestamp.before.max.ms")
	topic.TimestampAfterMaxMs = t.timestampBound("message.timestamp.after.max.ms")
	return topic
}

// timestampBound is how far a record's time may be off in one direction. message.timestamp.difference.max.ms, which Kafka 3.x
// has, sets both directions that have no value of their own (KIP-937).
func (t *topicValues) timestampBound(name string) int64 {
	const old = "message.timestamp.difference.max.ms"
	_, own := t.overrides[name]
	_, difference := t.overrides[old]
	switch {
	case own:
		return t.long(name)
	case difference:
		return t.long(old)
	case !t.broker.isSet("log."+name) && t.broker.isSet("log."+old):
		return t.long(old)
	}
	return t.long(name)
}

// check refuses values that do not go together.
func (t *Topic) check() error {
	if t.MaxCompactionLagMs < t.MinCompactionLagMs {
		return conflict("conflict topic config setting min.compaction.lag.ms (%d) > max.compaction.lag.ms (%d)",
			t.MinCompactionLagMs, t.MaxCompactionLagMs)
	}
	return nil
}

func codecOf(name string) record.Codec {
	switch name {
	case "uncompressed":
		return record.None
	case "gzip":
		return record.Gzip
	case "snappy":
		return record.Snappy
	case "lz4":
		return record.LZ4
	case "zstd":
		return record.Zstd
	}
	return record.ProducerCodec
}

// Level is the compression level for Codec; 0 where it has none.
func (t *Topic) Level() int {
	switch t.Codec {
	case record.Gzip:
		return t.GzipLevel
	case record.LZ4:
		return t.LZ4Level
	case record.Zstd:
		return t.ZstdLevel
	}
	return 0
}

// Rules is what the topic demands of appended batches.
func (t *Topic) Rules() record.Rules {
	return record.Rules{
		MaxMessageBytes:   t.MaxMessageBytes,
		Codec:             t.Codec,
		Level:             t.Level(),
		TimestampType:     t.TimestampType,
		TimestampBeforeMs: t.TimestampBeforeMaxMs,
		TimestampAfterMs:  t.TimestampAfterMaxMs,
		KeysRequired:      t.Compact,
	}
}
