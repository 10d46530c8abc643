package config

// Groups is what the group coordinator needs: the keys group.* of classic groups, and offsets.*.
type Groups struct {
	MinSessionTimeoutMs     int32 // group.min.session.timeout.ms
	MaxSessionTimeoutMs     int32 // group.max.session.timeout.ms
	InitialRebalanceDelayMs int32 // group.initial.rebalance.delay.ms
	MaxSize                 int   // group.max.size

	OffsetMetadataMaxBytes          int   // offset.metadata.max.bytes: UTF-16 units, as Kafka counts them
	OffsetsRetentionMs              int64 // offsets.retention.minutes
	OffsetsRetentionCheckIntervalMs int64 // offsets.retention.check.interval.ms
	OffsetsCommitTimeoutMs          int64 // offsets.commit.timeout.ms
	OffsetsLoadBufferBytes          int   // offsets.load.buffer.size
	OffsetsTopicCodec               int8  // offsets.topic.compression.codec: the number of a record batch's codec

	Consumer ConsumerGroups // group.consumer.*
}

// setGroups reads the keys of groups and their offsets.
func setGroups(b *Broker, v *Values) error {
	b.Groups = Groups{
		MinSessionTimeoutMs:             int32(v.int("group.min.session.timeout.ms")),
		MaxSessionTimeoutMs:             int32(v.int("group.max.session.timeout.ms")),
		InitialRebalanceDelayMs:         int32(v.int("group.initial.rebalance.delay.ms")),
		MaxSize:                         v.int("group.max.size"),
		OffsetMetadataMaxBytes:          v.int("offset.metadata.max.bytes"),
		OffsetsRetentionMs:              int64(v.int("offsets.retention.minutes")) * 60_000,
		OffsetsRetentionCheckIntervalMs: v.long("offsets.retention.check.interval.ms"),
		OffsetsCommitTimeoutMs:          v.long("offsets.commit.timeout.ms"),
		OffsetsLoadBufferBytes:          v.int("offsets.load.buffer.size"),
		OffsetsTopicCodec:               int8(v.int("offsets.topic.compression.codec")),
	}
	if c := b.Groups.OffsetsTopicCodec; c < 0 || c > 4 {
		return conflict("Unknown compression type id: %d", c)
	}
	var err error
	b.Groups.Consumer, err = setConsumerGroups(v)
	return err
}
