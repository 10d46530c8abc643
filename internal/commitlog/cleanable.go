package commitlog

import (
	"milena/internal/segment"
)

// CleanedTo is the offset below which the cleaner has seen every record; 0 where it was never here. A truncation takes it back.
func (l *Log) CleanedTo() int64 { return l.cleanedTo.Load() }

// SetCleanedTo tells how far the cleaner has come; false, and nothing changes, where the log is not of that generation any more.
func (l *Log) SetCleanedTo(offset, generation int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cuts.Load() != generation {
		return false
	}
	l.cleanedTo.Store(offset)
	return true
}

// cut notes that records at the log's end went. The caller holds mu; the list of segments is the new one.
func (l *Log) cut() {
	l.cuts.Add(1)
	l.cleanedTo.Store(min(l.cleanedTo.Load(), l.active().BaseOffset()))
	l.checkpointed.Store(min(l.checkpointed.Load(), l.active().BaseOffset()))
}

// SegmentList is the segments at this moment, by base offset, the active one last. Whoever reads one takes a reference to it first.
func (l *Log) SegmentList() []*segment.Segment { return l.segments() }

// Checkpointed tells the log that a recovery point of it, which it had in that generation, is durable: after a crash nothing below is
// recovered.
func (l *Log) Checkpointed(recoveryPoint, generation int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cuts.Load() == generation {
		l.checkpointed.Store(recoveryPoint)
		l.producers.recoverable(recoveryPoint)
	}
}

// Uncheckpointed tells whether there are segments that could be cleaned if only the recovery point were checkpointed.
func (l *Log) Uncheckpointed() bool { return l.checkpointed.Load() < l.sealed.Load() }

// CleanableEnd is the offset that a cleaning must not reach: that of the active segment, of the first record that is not stable, or
// would not be without the markers that a crash may take, and the recovery point that a crash would find. Recovery takes an end of a segment that is not the beginning of the next one for a loss
// of records, which it would be wrong about where the cleaner was.
func (l *Log) CleanableEnd() int64 {
	end := min(l.high.Load(), l.active().BaseOffset(), l.sealed.Load(), l.checkpointed.Load())
	if unstable := l.firstUnstable.Load(); unstable != noOffset {
		end = min(end, unstable)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.producers.firstEnded(end)
}

// SyncSealed makes the segments below the active one durable, as far as a roll has not done it: those that were there before a crash.
func (l *Log) SyncSealed() error {
	base := l.active().BaseOffset()
	return l.flush(&l.sealed, base, func(l *Log) error { return l.flushSealed(base) })
}

// LastRecord is what of a producer must stay in the log: the batch that ends at DataOffset, which has its last sequence number, or
// (-1) the marker that has its epoch.
type LastRecord struct {
	DataOffset int64
	Epoch      int16
}

// LastRecords tells this of every producer that is not forgotten, by id.
func (l *Log) LastRecords() map[int64]LastRecord {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make(map[int64]LastRecord, len(l.producers.byID))
	for id, p := range l.producers.byID {
		last := LastRecord{DataOffset: noOffset, Epoch: p.epoch}
		if p.batchCount > 0 {
			last.DataOffset = p.batches[p.batchCount-1].lastOffset
		}
		all[id] = last
	}
	return all
}

// Aborted lists the aborted transactions that overlap [from, to), in order of their markers. ErrOvertaken where segments went meanwhile.
func (l *Log) Aborted(from, to int64) ([]segment.AbortedTxn, error) {
	var list []segment.AbortedTxn
	segs := l.segments()
	complete := false
	for _, s := range segs[floor(segs, from):] {
		if complete {
			break
		}
		if !s.Acquire() {
			return nil, ErrOvertaken
		}
		err := s.Aborted(func(t segment.AbortedTxn) bool {
			if t.LastOffset >= from && t.FirstOffset < to {
				list = append(list, t)
			}
			// What was stable beyond the range when this one was aborted has nothing older open.
			complete = t.LastStableOffset >= to
			return !complete
		})
		s.Release()
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}
