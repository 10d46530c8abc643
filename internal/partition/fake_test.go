package partition

import (
	"milena/internal/commitlog"
	"milena/internal/config"
	"milena/internal/record"
)

// fakeLog is a log of records of one byte each, one to an offset, with an epoch each; nothing is stored.
type fakeLog struct {
	start, high int64
	epochs      []int32 // of offset start+i
	assigned    []EpochEnd
	unstable    int64 // -1 none
	refuse      error // of the next append or assignment
	refuseSync  error
	duplicate   bool
	mustSync    bool
	synced      int64
	cfg         config.Topic
}

func (l *fakeLog) end() int64 { return l.start + int64(len(l.epochs)) }

func (l *fakeLog) AppendUnsynced(c record.Checked, leaderEpoch int32, _ record.Origin) (commitlog.Appended, bool, error) {
	if l.refuse != nil {
		return commitlog.Appended{}, false, l.refuse
	}
	if l.duplicate {
		return commitlog.Appended{FirstOffset: l.start, LastOffset: l.end() - 1, Duplicate: true}, l.mustSync, nil
	}
	first := l.end()
	for range c.MaxTimestampOffsetDelta + 1 {
		l.epochs = append(l.epochs, leaderEpoch)
	}
	return commitlog.Appended{FirstOffset: first, LastOffset: l.end() - 1, AppendTimeMs: -1, LogStartOffset: l.start}, l.mustSync, nil
}

// AppendAsFollower appends a record for each byte, which is its epoch.
func (l *fakeLog) AppendAsFollower(batches []byte) (commitlog.Appended, error) {
	if l.refuse != nil {
		return commitlog.Appended{}, l.refuse
	}
	for _, epoch := range batches {
		l.epochs = append(l.epochs, int32(epoch))
	}
	return commitlog.Appended{LastOffset: l.end() - 1}, nil
}

func (l *fakeLog) TruncateTo(offset int64) error {
	if offset < l.end() {
		l.epochs = l.epochs[:offset-l.start]
		l.synced = min(l.synced, offset)
	}
	return l.refuse
}

func (l *fakeLog) TruncateFullyAndStartAt(offset int64) error {
	l.start, l.epochs = offset, nil
	return l.refuse
}

func (l *fakeLog) LatestEpoch() (int32, bool) {
	if len(l.epochs) == 0 {
		return -1, false
	}
	return l.epochs[len(l.epochs)-1], true
}

func (l *fakeLog) MustSync() bool { return l.mustSync && l.synced < l.end() }

func (l *fakeLog) SyncUpTo(offset int64) error {
	if l.refuseSync == nil {
		l.synced = max(l.synced, offset)
	}
	return l.refuseSync
}

func (l *fakeLog) WhenSynced(offset int64, done func(error)) { done(l.SyncUpTo(offset)) }

func (l *fakeLog) Read(offset int64, maxBytes int, upTo int64, atLeastOne bool) (commitlog.Slice, error) {
	size := min(int(upTo-offset), maxBytes)
	if size == 0 && atLeastOne {
		size = 1
	}
	return commitlog.Slice{SizeBytes: size, Release: func() {}}, nil
}

func (l *fakeLog) SizeBetween(from, to int64) int64 { return to - from }
func (l *fakeLog) LogStartOffset() int64            { return l.start }
func (l *fakeLog) LogEndOffset() int64              { return l.end() }
func (l *fakeLog) FirstUnstableOffset() (int64, bool) {
	return l.unstable, l.unstable >= 0
}
func (l *fakeLog) SetHighWatermark(offset int64) { l.high = offset }

func (l *fakeLog) OffsetForTimestamp(timestampMs, _ int64) (commitlog.TimestampOffset, bool, error) {
	if timestampMs < l.start || timestampMs >= l.end() {
		return commitlog.TimestampOffset{}, false, nil
	}
	return commitlog.TimestampOffset{TimestampMs: timestampMs, Offset: timestampMs, LeaderEpoch: l.EpochAt(timestampMs)}, true, nil
}

func (l *fakeLog) OffsetOfMaxTimestamp() (commitlog.TimestampOffset, bool, error) {
	return l.OffsetForTimestamp(l.end()-1, 0)
}

// SegmentStarts has a segment at each second offset, written at the time of its offset.
func (l *fakeLog) SegmentStarts() (starts []commitlog.SegmentStart, err error) {
	for o := l.start; o == l.start || o < l.end(); o += 2 {
		starts = append(starts, commitlog.SegmentStart{Offset: o, ModifiedMs: o})
	}
	return starts, nil
}

func (l *fakeLog) EpochEnd(epoch int32) (int32, int64) {
	found, end := int32(-1), int64(-1)
	for i, e := range l.epochs {
		if e <= epoch {
			found, end = e, l.start+int64(i)+1
		}
	}
	return found, end
}

func (l *fakeLog) EpochAt(offset int64) int32 {
	if offset < l.start || offset >= l.end() {
		return -1
	}
	return l.epochs[offset-l.start]
}

func (l *fakeLog) AssignEpochStart(epoch int32, startOffset int64) error {
	if l.refuse != nil {
		return l.refuse
	}
	l.assigned = append(l.assigned, EpochEnd{epoch, startOffset})
	return nil
}

func (l *fakeLog) AbortedTxns(from, to int64) ([]commitlog.AbortedTxn, error) {
	return []commitlog.AbortedTxn{{ProducerID: 7, FirstOffset: from}}, nil
}
func (l *fakeLog) Producers() []commitlog.Producer { return []commitlog.Producer{{ID: 7}} }
func (l *fakeLog) AdvanceLogStartOffset(offset int64) error {
	l.epochs, l.start = l.epochs[offset-l.start:], offset
	return nil
}
func (l *fakeLog) Config() *config.Topic { return &l.cfg }
