package segment

import (
	"errors"

	"milena/internal/record"
)

// RecordPosition is a record found by its timestamp.
type RecordPosition struct {
	TimestampMs int64
	Offset      int64
	LeaderEpoch int32
}

// maxDecodedBytes bounds what one batch may decompress to while it is searched for a record.
const maxDecodedBytes = 1 << 30

// FindByTimestamp finds the first record at or above offset from, and below offset upTo, that is not older than timestampMs.
func (s *Segment) FindByTimestamp(timestampMs, from, upTo int64) (r RecordPosition, ok bool, err error) {
	entry, err := s.lookupTime(timestampMs)
	if err != nil {
		return r, false, err
	}
	start, err := s.lookupOffset(max(entry.Offset, from))
	if err != nil {
		return r, false, err
	}
	hit := func(h *record.Header) bool { return h.MaxTimestamp >= timestampMs }
	err = s.search(start.Position, hit, func(h *record.Header, rec *record.Record) bool {
		if rec.TimestampMs < timestampMs || rec.Offset < from {
			return false
		}
		if ok = rec.Offset < upTo; ok {
			r = RecordPosition{TimestampMs: rec.TimestampMs, Offset: rec.Offset, LeaderEpoch: h.LeaderEpoch}
		}
		return true
	})
	return r, ok, err
}

// FindLargestTimestamp finds the first record that has the largest timestamp of the segment.
func (s *Segment) FindLargestTimestamp() (r RecordPosition, ok bool, err error) {
	largest, err := s.LargestTimestamp()
	if err != nil {
		return r, false, err
	}
	start, err := s.lookupOffset(largest.Offset)
	if err != nil {
		return r, false, err
	}
	hit := func(h *record.Header) bool { return h.MaxTimestamp == largest.TimestampMs }
	err = s.search(start.Position, hit, func(h *record.Header, rec *record.Record) bool {
		if ok = rec.TimestampMs == largest.TimestampMs; ok {
			r = RecordPosition{TimestampMs: rec.TimestampMs, Offset: rec.Offset, LeaderEpoch: h.LeaderEpoch}
		}
		return ok
	})
	return r, ok, err
}

// search decodes the batches that hit names, from position on, until take accepts one of their records.
func (s *Segment) search(position int64, hit func(h *record.Header) bool, take func(h *record.Header, r *record.Record) bool) error {
	limit := s.size.Load()
	for position < limit {
		var found Found
		stopped, err := s.Headers(position, limit, func(at int64, h record.Header) bool {
			found = Found{Position: at, Header: h}
			return !hit(&h)
		})
		if err != nil || !stopped {
			return err
		}
		batch := make([]byte, min(int64(found.Header.SizeBytes), limit-found.Position))
		if err := s.readBatch(batch, found.Position); err != nil {
			return err
		}
		for rec, err := range record.Records(batch, maxDecodedBytes) {
			if err != nil {
				return s.wrap(Log, found.Position, err)
			}
			if take(&found.Header, &rec) {
				return nil
			}
		}
		position = found.Position + int64(found.Header.SizeBytes)
	}
	return nil
}

func (s *Segment) readBatch(b []byte, position int64) error {
	log, err := s.OpenLog()
	if err != nil {
		return err
	}
	defer s.CloseLog()
	if _, err := log.ReadAt(b, position); err != nil {
		return s.wrap(Log, position, err)
	}
	return nil
}

// findLargestAfterIndex sets the largest timestamp from the last entry of the time index and the batches behind it.
func (s *Segment) findLargestAfterIndex() error {
	largest, err := s.lastTimeEntry()
	if err != nil {
		return err
	}
	start, err := s.lookupOffset(largest.Offset)
	if err != nil {
		return err
	}
	_, err = s.Headers(start.Position, s.size.Load(), func(_ int64, h record.Header) bool {
		if h.MaxTimestamp > largest.TimestampMs {
			largest = TimestampOffset{TimestampMs: h.MaxTimestamp, Offset: h.LastOffset}
		}
		return true
	})
	if err != nil && !errors.Is(err, record.ErrCorrupt) {
		return err
	}
	s.setLargest(largest)
	return nil
}

// FirstTimestamp is the largest timestamp of the first batch; NoTimestamp where there is none.
func (s *Segment) FirstTimestamp() (int64, error) {
	h, ok, err := s.headerAt(0)
	if err != nil || !ok {
		return NoTimestamp, err
	}
	return h.MaxTimestamp, nil
}
