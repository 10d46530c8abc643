package replica

import (
	"milena/internal/commitlog"
	"milena/internal/logdir"
	"milena/internal/partition"
)

// Isolation levels of ListOffsets.
const (
	ReadUncommitted int8 = 0
	ReadCommitted   int8 = 1
)

const (
	consumerID  int32 = -1
	debuggingID int32 = -2 // Kafka's tools: any replica answers, up to the log's end
)

// ListOffset answers one partition of ListOffsets: a timestamp in ms or one of the special ones. ok is false where no record is
// late enough.
func (r *Replicas) ListOffset(topic string, index, replicaID int32, isolation int8, currentLeaderEpoch int32, timestampMs int64) (
	t commitlog.TimestampOffset, ok bool, err error) {
	part, err := r.Partition(topic, index)
	if err != nil {
		return t, false, err
	}
	upTo := partition.UpToLogEnd
	if replicaID == consumerID {
		upTo = partition.UpToHighWatermark
		if isolation == ReadCommitted {
			upTo = partition.UpToLastStable
		}
	}
	return part.OffsetFor(timestampMs, upTo, currentLeaderEpoch, replicaID != debuggingID)
}

// OffsetsBefore answers one partition of ListOffsets v0: starts of segments, from the highest down.
func (r *Replicas) OffsetsBefore(topic string, index, replicaID int32, timestampMs int64, limit int32) ([]int64, error) {
	part, err := r.Partition(topic, index)
	if err != nil {
		return nil, err
	}
	return part.OffsetsBefore(timestampMs, int(limit), replicaID == consumerID, replicaID != debuggingID)
}

// EpochEnd answers one partition of OffsetForLeaderEpoch. Only the leader does.
func (r *Replicas) EpochEnd(topic string, index, currentLeaderEpoch, epoch int32) (EpochEnd, error) {
	part, err := r.Partition(topic, index)
	if err != nil {
		return EpochEnd{Epoch: -1, EndOffset: -1}, err
	}
	return part.EpochEnd(currentLeaderEpoch, epoch, true)
}

// DeleteRecords moves one partition's start to offset (-1: its high watermark) and returns the low watermark.
func (r *Replicas) DeleteRecords(topic string, index int32, offset int64) (lowWatermark int64, err error) {
	if internalTopic(topic) {
		return -1, ErrInvalidTopic
	}
	part, err := r.Partition(topic, index)
	if err != nil {
		return -1, err
	}
	st := part.State()
	lowWatermark, err = part.DeleteRecords(offset)
	return lowWatermark, r.judged(logdir.TopicPartition{Topic: topic, Partition: index}, st, err)
}

// Producers lists one partition's active producers.
func (r *Replicas) Producers(topic string, index int32) ([]commitlog.Producer, error) {
	part, err := r.Partition(topic, index)
	if err != nil {
		return nil, err
	}
	return part.Producers()
}

// DirDescription is one data directory for DescribeLogDirs.
type DirDescription struct {
	Path        string
	Offline     bool
	TotalBytes  int64 // -1 unknown
	UsableBytes int64
	Logs        []LogDescription
}

// LogDescription is one log in it.
type LogDescription struct {
	Topic     string
	Partition int32
	SizeBytes int64
	OffsetLag int64 // how far the log's end lies behind the high watermark
}

// DescribeDirs lists the data directories with those of their logs that wanted picks.
func (r *Replicas) DescribeDirs(wanted func(topic string, index int32) bool) []DirDescription {
	dirs := r.options.Dirs.Dirs()
	out := make([]DirDescription, len(dirs))
	for i, d := range dirs {
		out[i] = DirDescription{Path: d.Path(), Offline: d.Offline(), TotalBytes: -1, UsableBytes: -1}
		if space, err := d.Space(); err == nil {
			out[i].TotalBytes, out[i].UsableBytes = space.TotalBytes, space.UsableBytes
		}
	}
	for _, l := range r.options.Dirs.All() {
		if !wanted(l.Topic, l.Partition) || l.Dir().Offline() {
			continue
		}
		lag := int64(0)
		if part, err := r.Partition(l.Topic, l.Partition); err == nil {
			lag = max(0, part.HighWatermark()-l.LogEndOffset())
		}
		for i, d := range dirs {
			if d == l.Dir() {
				out[i].Logs = append(out[i].Logs, LogDescription{l.Topic, l.Partition, l.SizeBytes(), lag})
			}
		}
	}
	return out
}
