package segment

import (
	"milena/internal/record"
	"milena/internal/vfs"
)

// Append writes whole batches, offsets and epochs stamped, at the end with one write, and adds index entries where the interval has
// passed. After an error the segment is as before, except where Truncated in the error says that not even that could be done.
func (s *Segment) Append(batches []byte, l Limits, nowMs int64) error {
	position := s.size.Load()
	f, err := s.OpenLog()
	if err != nil {
		return err
	}
	defer s.CloseLog()
	if _, err := f.WriteAt(batches, position); err != nil {
		return s.undo(f, position, err)
	}
	if err := s.index(batches, position, l); err != nil {
		return s.undo(f, position, err)
	}
	s.modifiedMs.Store(nowMs)
	s.size.Store(position + int64(len(batches)))
	return nil
}

// UndoError says that a failed append left bytes behind the end that could not be cut off.
type UndoError struct{ Err error }

func (e *UndoError) Error() string { return "cannot take a failed append back: " + e.Err.Error() }
func (e *UndoError) Unwrap() error { return e.Err }

// undo cuts off what a failed append may have written.
func (s *Segment) undo(f vfs.File, position int64, cause error) error {
	if err := f.Truncate(position); err != nil {
		return s.wrap(Log, position, &UndoError{Err: err})
	}
	return s.wrap(Log, position, cause)
}

// index notes batches that were written at position.
func (s *Segment) index(batches []byte, position int64, l Limits) error {
	for len(batches) > 0 {
		h, err := record.ParseHeader(batches)
		if err != nil {
			return err
		}
		if err := s.noteBatch(&h, position, l); err != nil {
			return err
		}
		position += int64(h.SizeBytes)
		batches = batches[h.SizeBytes:]
	}
	return nil
}

// noteBatch keeps the largest timestamp and, once the interval has passed, adds an entry to both indexes.
func (s *Segment) noteBatch(h *record.Header, position int64, l Limits) error {
	if !s.firstBatchSet && position == 0 {
		s.firstBatchMs, s.firstBatchSet = h.MaxTimestamp, true
	}
	largest, err := s.LargestTimestamp()
	if err != nil {
		return err
	}
	if h.MaxTimestamp > largest.TimestampMs {
		largest = TimestampOffset{TimestampMs: h.MaxTimestamp, Offset: h.LastOffset}
		s.setLargest(largest)
	}
	if s.sinceIndex > l.IndexIntervalBytes {
		if err := s.addOffset(OffsetPosition{Offset: h.LastOffset, Position: position}); err != nil {
			return s.ignoreFull(err)
		}
		if err := s.addTime(largest); err != nil {
			return s.ignoreFull(err)
		}
		s.sinceIndex = 0
	}
	s.sinceIndex += h.SizeBytes
	return nil
}

// ignoreFull lets an append pass when only its index entry found the disk full: the entry stays in memory and is written later.
func (s *Segment) ignoreFull(err error) error {
	if IsFull(err) {
		return nil
	}
	return err
}

// LargestTimestamp is the largest timestamp so far and the last offset of the batch that has it; NoTimestamp where there is none.
func (s *Segment) LargestTimestamp() (TimestampOffset, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known {
		last, err := s.lastTimeEntry()
		if err != nil {
			return TimestampOffset{}, err
		}
		s.largest, s.known = last, true
	}
	return s.largest, nil
}

func (s *Segment) setLargest(t TimestampOffset) {
	s.mu.Lock()
	s.largest, s.known = t, true
	s.mu.Unlock()
}

// RetentionTimestamp is what retention by time goes by: the largest timestamp or, without one, when the segment was last written.
func (s *Segment) RetentionTimestamp() (int64, error) {
	largest, err := s.LargestTimestamp()
	if err != nil || largest.TimestampMs >= 0 {
		return largest.TimestampMs, err
	}
	return s.modifiedMs.Load(), nil
}

// AgeMs is how long the segment has been taking appends, as segment.ms counts it: from its first batch to the batch to be appended
// (timestampMs), or since it was made where batches have no timestamps.
func (s *Segment) AgeMs(timestampMs, nowMs int64) (int64, error) {
	if !s.firstBatchSet && s.size.Load() > 0 {
		h, _, err := s.headerAt(0)
		if err != nil {
			return 0, err
		}
		s.firstBatchMs, s.firstBatchSet = h.MaxTimestamp, true
	}
	if s.firstBatchSet && s.firstBatchMs >= 0 {
		return timestampMs - s.firstBatchMs, nil
	}
	return nowMs - s.createdMs, nil
}

// Seal ends the appends: the time index gets its last entry, and the index files are brought up to date.
func (s *Segment) Seal() error {
	largest, err := s.LargestTimestamp()
	if err != nil {
		return err
	}
	if largest.TimestampMs >= 0 {
		if err := s.addTime(largest); err != nil {
			return err
		}
	}
	for _, e := range [...]*entries{&s.offsets, &s.times, &s.txns} {
		if err := e.write(s); err != nil {
			return err
		}
		e.rest()
	}
	return nil
}

// SyncLog makes the records durable; Sync the indexes as well.
func (s *Segment) SyncLog() error {
	f, err := s.OpenLog()
	if err != nil {
		return err
	}
	defer s.CloseLog()
	return s.wrap(Log, s.size.Load(), f.Sync())
}

func (s *Segment) Sync() error {
	if err := s.SyncLog(); err != nil {
		return err
	}
	return s.SyncIndexes()
}

// SyncIndexes makes the index files durable with all entries.
func (s *Segment) SyncIndexes() error {
	for _, e := range [...]*entries{&s.offsets, &s.times, &s.txns} {
		if err := e.sync(s); err != nil {
			return err
		}
	}
	return nil
}
