package commitlog

import (
	"errors"

	"milena/internal/segment"
)

// TimestampOffset is an answer to ListOffsets.
type TimestampOffset struct {
	TimestampMs int64
	Offset      int64
	LeaderEpoch int32 // -1 unknown
}

// OffsetForTimestamp finds the first record below upTo whose timestamp is at least timestampMs; ok false where there is none.
func (l *Log) OffsetForTimestamp(timestampMs, upTo int64) (t TimestampOffset, ok bool, err error) {
	if err := l.usable(); err != nil {
		return t, false, err
	}
	list := l.segs.Load()
	for _, s := range *list {
		if !s.Acquire() {
			if l.segs.Load() != list { // the cleaner or retention was quicker
				return l.OffsetForTimestamp(timestampMs, upTo)
			}
			continue
		}
		largest, err := s.RetentionTimestamp()
		if err == nil && largest < timestampMs {
			s.Release()
			continue
		}
		var r segment.RecordPosition
		if err == nil {
			r, ok, err = s.FindByTimestamp(timestampMs, l.start.Load(), upTo)
		}
		s.Release()
		if err != nil {
			return t, false, l.readFailed(err)
		}
		return TimestampOffset(r), ok, nil
	}
	return t, false, nil
}

// OffsetOfMaxTimestamp finds the record with the largest timestamp (KIP-734).
func (l *Log) OffsetOfMaxTimestamp() (t TimestampOffset, ok bool, err error) {
	if err := l.usable(); err != nil {
		return t, false, err
	}
	var best *segment.Segment
	largest := int64(segment.NoTimestamp)
	list := l.segs.Load()
	for _, s := range *list {
		in, err := s.LargestTimestamp()
		if err != nil {
			return t, false, l.readFailed(err)
		}
		if in.TimestampMs > largest {
			best, largest = s, in.TimestampMs
		}
	}
	if best == nil {
		return t, false, nil
	}
	if !best.Acquire() {
		if l.usable() == nil && l.segs.Load() != list {
			return l.OffsetOfMaxTimestamp()
		}
		return t, false, nil
	}
	defer best.Release()
	r, ok, err := best.FindLargestTimestamp()
	if err != nil {
		return t, false, l.readFailed(err)
	}
	return TimestampOffset(r), ok, nil
}

// AbortedTxn is one entry of the aborted transactions that a read_committed fetch is told.
type AbortedTxn struct {
	ProducerID  int64
	FirstOffset int64
}

// abortedTries bounds how often the list of aborted transactions is begun anew.
const abortedTries = 10

// AbortedTxns lists the aborted transactions that overlap [from, to).
func (l *Log) AbortedTxns(from, to int64) ([]AbortedTxn, error) {
	if err := l.usable(); err != nil {
		return nil, err
	}
	aborted, err := l.Aborted(from, to)
	for tries := 0; errors.Is(err, ErrOvertaken) && tries < abortedTries; tries++ {
		aborted, err = l.Aborted(from, to) // a segment was replaced, or went, just then
	}
	if err != nil {
		return nil, l.readFailed(err)
	}
	var list []AbortedTxn
	for _, t := range aborted {
		list = append(list, AbortedTxn{ProducerID: t.ProducerID, FirstOffset: t.FirstOffset})
	}
	return list, nil
}
