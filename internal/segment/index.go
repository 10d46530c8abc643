package segment

import "encoding/binary"

// Widths of index entries, in bytes. All numbers are big-endian.
//
//	.index      0       4        8
//	            |offset |position|            offset relative to the base offset; position of the batch in .log
//
//	.timeindex  0               8       12
//	            |timestamp      |offset |     largest timestamp (ms) in the segment up to offset, which is relative
//
//	.txnindex   0       2          10           18          26                34
//	            |version|producerId|firstOffset |lastOffset |lastStableOffset |     version 0; offsets are absolute
const (
	offsetWidth = 8
	timeWidth   = 12
	txnWidth    = 34
)

// OffsetPosition is an entry of the offset index: the batch at Position has Offset as its last offset.
type OffsetPosition struct {
	Offset   int64
	Position int64
}

// TimestampOffset is an entry of the time index: no record up to Offset is younger than TimestampMs.
type TimestampOffset struct {
	TimestampMs int64
	Offset      int64
}

// AbortedTxn is an entry of the transaction index.
type AbortedTxn struct {
	ProducerID       int64
	FirstOffset      int64
	LastOffset       int64 // of the marker
	LastStableOffset int64 // at the time of the marker
}

// lookupOffset finds the last entry at or below offset; the segment's start where there is none.
func (s *Segment) lookupOffset(offset int64) (OffsetPosition, error) {
	var entry [maxWidth]byte
	i, err := s.offsets.search(s, offset-s.base, &entry)
	if err != nil || i < 0 {
		return OffsetPosition{Offset: s.base}, err
	}
	return s.decodeOffset(entry[:]), nil
}

func (s *Segment) decodeOffset(entry []byte) OffsetPosition {
	return OffsetPosition{
		Offset:   s.base + int64(binary.BigEndian.Uint32(entry)),
		Position: int64(binary.BigEndian.Uint32(entry[4:])),
	}
}

func (s *Segment) addOffset(o OffsetPosition) error {
	var entry [offsetWidth]byte
	binary.BigEndian.PutUint32(entry[:], uint32(o.Offset-s.base))
	binary.BigEndian.PutUint32(entry[4:], uint32(o.Position))
	return s.offsets.add(s, entry[:])
}

// lastOffsetEntry is the last entry of the offset index; the segment's start where there is none.
func (s *Segment) lastOffsetEntry() (OffsetPosition, error) {
	var entry [offsetWidth]byte
	n, err := s.offsets.count(s)
	if err != nil {
		return OffsetPosition{}, err
	}
	ok, err := s.offsets.at(s, n-1, entry[:])
	if err != nil || !ok {
		return OffsetPosition{Offset: s.base}, err
	}
	return s.decodeOffset(entry[:]), nil
}

// lookupTime finds the last entry at or before the timestamp; the segment's start where there is none.
func (s *Segment) lookupTime(timestampMs int64) (TimestampOffset, error) {
	var entry [maxWidth]byte
	i, err := s.times.search(s, timestampMs, &entry)
	if err != nil || i < 0 {
		return TimestampOffset{TimestampMs: NoTimestamp, Offset: s.base}, err
	}
	return s.decodeTime(entry[:]), nil
}

func (s *Segment) decodeTime(entry []byte) TimestampOffset {
	return TimestampOffset{
		TimestampMs: int64(binary.BigEndian.Uint64(entry)),
		Offset:      s.base + int64(binary.BigEndian.Uint32(entry[8:])),
	}
}

func (s *Segment) lastTimeEntry() (TimestampOffset, error) {
	var entry [timeWidth]byte
	n, err := s.times.count(s)
	if err != nil {
		return TimestampOffset{}, err
	}
	ok, err := s.times.at(s, n-1, entry[:])
	if err != nil || !ok {
		return TimestampOffset{TimestampMs: NoTimestamp, Offset: s.base}, err
	}
	return s.decodeTime(entry[:]), nil
}

// addTime notes the largest timestamp so far, if it is larger than the last one noted.
func (s *Segment) addTime(t TimestampOffset) error {
	last, err := s.lastTimeEntry()
	if err != nil || t.TimestampMs <= last.TimestampMs {
		return err
	}
	var entry [timeWidth]byte
	binary.BigEndian.PutUint64(entry[:], uint64(t.TimestampMs))
	binary.BigEndian.PutUint32(entry[8:], uint32(t.Offset-s.base))
	return s.times.add(s, entry[:])
}

// AddAborted notes an aborted transaction and brings it to the file at once, since a read_committed reader depends on it.
func (s *Segment) AddAborted(t AbortedTxn) error {
	var entry [txnWidth]byte
	binary.BigEndian.PutUint64(entry[2:], uint64(t.ProducerID))
	binary.BigEndian.PutUint64(entry[10:], uint64(t.FirstOffset))
	binary.BigEndian.PutUint64(entry[18:], uint64(t.LastOffset))
	binary.BigEndian.PutUint64(entry[26:], uint64(t.LastStableOffset))
	if err := s.txns.add(s, entry[:]); err != nil {
		return err
	}
	return s.txns.write(s)
}

// Aborted calls yield for each aborted transaction, in order of their markers, until it returns false.
func (s *Segment) Aborted(yield func(AbortedTxn) bool) error {
	n, err := s.txns.count(s)
	if err != nil {
		return err
	}
	var entry [txnWidth]byte
	for i := range n {
		ok, err := s.txns.at(s, i, entry[:])
		if err != nil || !ok {
			return err
		}
		if version := binary.BigEndian.Uint16(entry[:]); version != 0 {
			return s.corrupt(TxnIndex, int64(i)*txnWidth, "aborted transaction of unknown version")
		}
		t := AbortedTxn{
			ProducerID:       int64(binary.BigEndian.Uint64(entry[2:])),
			FirstOffset:      int64(binary.BigEndian.Uint64(entry[10:])),
			LastOffset:       int64(binary.BigEndian.Uint64(entry[18:])),
			LastStableOffset: int64(binary.BigEndian.Uint64(entry[26:])),
		}
		if !yield(t) {
			return nil
		}
	}
	return nil
}

// truncateIndexes forgets every entry at or above offset.
func (s *Segment) truncateIndexes(offset int64) error {
	var entry [maxWidth]byte
	i, err := s.offsets.search(s, offset-s.base-1, &entry)
	if err != nil {
		return err
	}
	if err := s.offsets.truncate(s, i+1); err != nil {
		return err
	}
	n, err := s.times.count(s)
	if err != nil {
		return err
	}
	// Offsets rise with the timestamps, but are not the key here.
	for ; n > 0; n-- {
		if ok, err := s.times.at(s, n-1, entry[:timeWidth]); err != nil {
			return err
		} else if ok && s.decodeTime(entry[:]).Offset < offset {
			break
		}
	}
	if err := s.times.truncate(s, n); err != nil {
		return err
	}
	kept := int32(0)
	if err := s.Aborted(func(t AbortedTxn) bool {
		if t.LastOffset >= offset {
			return false
		}
		kept++
		return true
	}); err != nil {
		return err
	}
	return s.txns.truncate(s, kept)
}

// IndexBytes is the size of the offset index and of the time index.
func (s *Segment) IndexBytes() (offsets, times int64, err error) {
	n, err := s.offsets.count(s)
	if err != nil {
		return 0, 0, err
	}
	m, err := s.times.count(s)
	return int64(n) * offsetWidth, int64(m) * timeWidth, err
}
