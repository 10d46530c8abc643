package segment

import (
	"errors"
	"fmt"

	"milena/internal/record"
)

// Recover reads every batch and rebuilds the indexes, up to the first that is torn, fails its CRC, has offsets that do not fit, or that
// visit, which is shown each good batch in order, calls corrupt. Cut then makes the segment end there; Seal completes the indexes of
// one that takes no more appends.
func (s *Segment) Recover(l Limits, visit func(b *Batch) error) (Recovered, error) {
	for _, e := range [...]*entries{&s.offsets, &s.times, &s.txns} {
		if err := e.truncate(s, 0); err != nil {
			return Recovered{}, err
		}
	}
	s.sinceIndex = 0
	s.firstBatchMs, s.firstBatchSet = NoTimestamp, false
	s.setLargest(TimestampOffset{TimestampMs: NoTimestamp, Offset: s.base})
	next := s.base
	end, cause := s.Walk(0, s.size.Load(), func(b *Batch) (bool, error) {
		if err := record.CheckCRC(b.Bytes); err != nil {
			return false, err
		}
		if b.Header.LastOffset < next || !s.Fits(b.Header.LastOffset) {
			return false, fmt.Errorf("%w: last offset %d where at least %d must follow", record.ErrCorrupt, b.Header.LastOffset, next)
		}
		if err := visit(b); err != nil {
			return false, err
		}
		next = b.Header.LastOffset + 1
		return true, s.noteBatch(&b.Header, b.Position, l)
	})
	if cause != nil && !errors.Is(cause, record.ErrCorrupt) && !errors.Is(cause, record.ErrTruncated) {
		return Recovered{}, cause
	}
	return Recovered{Position: end, NextOffset: next, Cause: cause}, nil
}

// Rewrite writes a batch once more where it is, so that the next sync brings it to the disk, whatever became of it before.
func (s *Segment) Rewrite(b *Batch) error {
	f, err := s.OpenLog()
	if err != nil {
		return err
	}
	defer s.CloseLog()
	_, err = f.WriteAt(b.Bytes, b.Position)
	return s.wrap(Log, b.Position, err)
}

// Recovered tells how far a segment is good.
type Recovered struct {
	Position   int64 // where the good batches end
	NextOffset int64 // the offset that follows them
	Cause      error // what stopped there; nil: the end of the file
}

// Cut makes the records end at position, durably, so that nothing behind it comes back with a later crash.
func (s *Segment) Cut(position int64) error {
	if position >= s.size.Load() {
		return nil
	}
	if err := s.cut(position); err != nil {
		return err
	}
	return s.SyncLog()
}
