package partition

import "milena/internal/commitlog"

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
