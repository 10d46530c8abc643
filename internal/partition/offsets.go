package partition

import (
	"time"

	"milena/internal/commitlog"
)

// Kafka's special timestamps of ListOffsets.
const (
	TimestampLatest                int64 = -1
	TimestampEarliest              int64 = -2
	TimestampMax                   int64 = -3 // KIP-734
	TimestampEarliestLocal         int64 = -4 // KIP-405
	TimestampLatestTiered          int64 = -5 // KIP-1005
	TimestampEarliestPendingUpload int64 = -6 // KIP-1023
)

// OffsetFor answers ListOffsets for a timestamp or a special one; ok false where no record is late enough. Without tiered storage
// the whole log is local and nothing was uploaded.
func (p *Partition) OffsetFor(timestampMs int64, i Isolation, currentLeaderEpoch int32, leaderOnly bool) (
	t commitlog.TimestampOffset, ok bool, err error) {
	st := p.state.Load()
	if err := st.check(currentLeaderEpoch, leaderOnly); err != nil {
		return t, false, err
	}
	upTo := p.end(i)
	// A new leader whose high watermark is below the start of its own epoch may know less than its predecessor told.
	var unavailable error
	if st.Role == Leader && st.LeaderEpochStart > p.HighWatermark() {
		unavailable = ErrOffsetNotAvailable
	}
	none := commitlog.TimestampOffset{TimestampMs: -1, Offset: -1, LeaderEpoch: -1}
	switch timestampMs {
	case TimestampLatest:
		return commitlog.TimestampOffset{TimestampMs: -1, Offset: upTo, LeaderEpoch: st.LeaderEpoch}, true, unavailable
	case TimestampEarliest, TimestampEarliestLocal:
		start := p.log.LogStartOffset()
		return commitlog.TimestampOffset{TimestampMs: -1, Offset: start, LeaderEpoch: p.log.EpochAt(start)}, true, nil
	case TimestampLatestTiered, TimestampEarliestPendingUpload:
		return none, true, nil
	case TimestampMax:
		t, ok, err = p.log.OffsetOfMaxTimestamp()
	default:
		t, ok, err = p.log.OffsetForTimestamp(timestampMs, upTo)
	}
	if err != nil {
		return none, false, err
	}
	if ok && t.Offset < upTo {
		return t, true, nil
	}
	return none, false, unavailable
}

// OffsetsBefore answers ListOffsets v0: the starts of the segments last written at or before timestampMs, and the log's end where
// the last segment has records, from the highest down, at most limit of them. A consumer sees the high watermark in place of all
// that is above it.
func (p *Partition) OffsetsBefore(timestampMs int64, limit int, consumer, leaderOnly bool) ([]int64, error) {
	if err := p.state.Load().check(-1, leaderOnly); err != nil {
		return nil, err
	}
	end := p.log.LogEndOffset()
	starts, err := p.log.SegmentStarts()
	if err != nil {
		return nil, err
	}
	if n := len(starts); n == 0 || end > starts[n-1].Offset {
		starts = append(starts, commitlog.SegmentStart{Offset: end, ModifiedMs: time.Now().UnixMilli()})
	}
	switch timestampMs {
	case TimestampLatest:
	case TimestampEarliest:
		starts = starts[:1]
	default:
		for len(starts) > 0 && starts[len(starts)-1].ModifiedMs > timestampMs {
			starts = starts[:len(starts)-1]
		}
	}
	hw := p.HighWatermark()
	var offsets []int64
	for i := len(starts) - 1; i >= 0 && len(starts)-i <= limit; i-- {
		offset := starts[i].Offset
		if consumer && offset > hw {
			offset = hw
			if len(offsets) > 0 {
				continue
			}
		}
		offsets = append(offsets, offset)
	}
	return offsets, nil
}
