package compact

import (
	"math"
	"sort"

	"milena/internal/commitlog"
	"milena/internal/segment"
)

// Work is what there is to clean in a log.
type Work struct {
	Log        *commitlog.Log
	Generation int64 // of the log when it was looked at
	FirstDirty int64 // from here on nothing was cleaned yet
	End        int64 // a segment's base offset; from here on nothing may be cleaned yet
	CleanBytes int64
	DirtyBytes int64 // between FirstDirty and End
	// DelayMs is by how much the oldest dirty record has passed max.compaction.lag.ms; 0: it has not.
	DelayMs int64
	// Reset says why CleanedTo of the log could not be true, and was taken for its start; empty: it holds.
	Reset string
}

// Ratio is how much of what could be cleaned is dirty, 0 to 1.
func (w *Work) Ratio() float64 {
	if w.CleanBytes+w.DirtyBytes == 0 {
		return 0
	}
	return float64(w.DirtyBytes) / float64(w.CleanBytes+w.DirtyBytes)
}

// Due tells whether the log is to be cleaned: it is dirtier than min.cleanable.dirty.ratio, or max.compaction.lag.ms has passed.
func (w *Work) Due() bool {
	return w.DirtyBytes > 0 && (w.DelayMs > 0 || w.Ratio() > w.Log.Config().MinCleanableDirtyRatio)
}

// Look tells what there is to clean in a log; nowMs is in ms since 1970. An error is the disk's.
func Look(l *commitlog.Log, nowMs int64) (Work, error) {
	w := Work{Log: l, Generation: l.Generation(), FirstDirty: l.CleanedTo()}
	start := l.LogStartOffset()
	switch {
	case w.FirstDirty == 0:
		w.FirstDirty = start
	case w.FirstDirty < start:
		w.Reset, w.FirstDirty = "the log starts behind it", start
	case w.FirstDirty > l.LogEndOffset():
		w.Reset, w.FirstDirty = "the log ends before it", start
	}
	segs := l.SegmentList()
	end := l.CleanableEnd()
	sealed := segs[:len(segs)-1]
	var dirty []*segment.Segment
	if w.FirstDirty < segs[len(segs)-1].BaseOffset() {
		dirty = sealed[at(segs, w.FirstDirty):]
	}
	lagged, err := lagEnd(dirty, l.Config().MinCompactionLagMs, nowMs)
	if err != nil {
		return w, err
	}
	end = max(w.FirstDirty, min(end, lagged))
	if w.DelayMs, err = delay(dirty, l.Config().MaxCompactionLagMs, nowMs); err != nil {
		return w, err
	}
	w.End = segs[at(segs, end)].BaseOffset()
	first := at(segs, min(w.FirstDirty, w.End))
	for i, s := range sealed {
		if s.BaseOffset() < w.FirstDirty {
			w.CleanBytes += s.SizeBytes()
		}
		if s.BaseOffset() < w.End && i >= first {
			w.DirtyBytes += s.SizeBytes()
		}
	}
	return w, nil
}

// at is the number of the last segment that begins at or below offset; the first one where none does.
func at(segs []*segment.Segment, offset int64) int {
	return max(0, sort.Search(len(segs), func(i int) bool { return segs[i].BaseOffset() > offset })-1)
}

// lagEnd is where the first segment begins that has a record younger than min.compaction.lag.ms.
func lagEnd(dirty []*segment.Segment, lagMs, nowMs int64) (int64, error) {
	if lagMs <= 0 {
		return math.MaxInt64, nil
	}
	for _, s := range dirty {
		if !s.Acquire() {
			continue
		}
		youngest, err := s.LargestTimestamp()
		s.Release()
		if err != nil {
			return 0, err
		}
		if youngest.TimestampMs > nowMs-lagMs {
			return s.BaseOffset(), nil
		}
	}
	return math.MaxInt64, nil
}

// delay is by how much the oldest first batch of the segments has passed max.compaction.lag.ms.
func delay(dirty []*segment.Segment, lagMs, nowMs int64) (int64, error) {
	if lagMs == math.MaxInt64 {
		return 0, nil
	}
	oldest := int64(math.MaxInt64)
	for _, s := range dirty {
		if !s.Acquire() {
			continue
		}
		first, err := s.FirstTimestamp()
		s.Release()
		if err != nil {
			return 0, err
		}
		if first > 0 {
			oldest = min(oldest, first)
		}
	}
	return max(0, nowMs-max(lagMs, 0)-oldest), nil
}
