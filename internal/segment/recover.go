package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"milena/internal/record"
)

// CheckCRC verifies the checksum of a whole batch of any format.
func CheckCRC(h *record.Header, batch []byte) error {
	if h.Magic >= 2 {
		return record.Batch(batch).CheckCRC()
	}
	const crcPosition = 12
	const covered = crcPosition + 4
	if got := crc32.ChecksumIEEE(batch[covered:]); got != binary.BigEndian.Uint32(batch[crcPosition:]) {
		return fmt.Errorf("%w: CRC is %d, should be %d", record.ErrCorrupt, h.CRC, got)
	}
	return nil
}

// Recover reads every batch, rebuilds the indexes and cuts off what does not follow: a batch that is torn, fails its CRC or whose
// offsets do not fit. visit is shown each good batch, in order. It returns how many bytes were cut, and why.
func (s *Segment) Recover(l Limits, visit func(b *Batch) error) (cutBytes int64, cause, err error) {
	for _, e := range [...]*entries{&s.offsets, &s.times, &s.txns} {
		if err := e.truncate(s, 0); err != nil {
			return 0, nil, err
		}
		if err := e.ensure(s); err != nil && !IsFull(err) {
			return 0, nil, err
		}
	}
	s.sinceIndex = 0
	s.firstBatchMs, s.firstBatchSet = NoTimestamp, false
	s.setLargest(TimestampOffset{TimestampMs: NoTimestamp, Offset: s.base})
	size := s.size.Load()
	next := s.base
	var stop error
	end, err := s.Walk(0, size, func(b *Batch) (bool, error) {
		if err := CheckCRC(&b.Header, b.Bytes); err != nil {
			return false, err
		}
		if b.Header.LastOffset < next || !s.Fits(b.Header.LastOffset) {
			return false, fmt.Errorf("%w: last offset %d where at least %d must follow", record.ErrCorrupt, b.Header.LastOffset, next)
		}
		if stop = s.noteBatch(&b.Header, b.Position, l); stop != nil {
			return false, stop
		}
		next = b.Header.LastOffset + 1
		if stop = visit(b); stop != nil {
			return false, stop
		}
		return true, nil
	})
	switch {
	case stop != nil:
		return 0, nil, stop
	case err != nil && !errors.Is(err, record.ErrCorrupt) && !errors.Is(err, record.ErrTruncated):
		return 0, nil, err
	}
	cutBytes, cause = size-end, err
	if cutBytes > 0 {
		if err := s.cut(end); err != nil {
			return 0, nil, err
		}
	}
	return cutBytes, cause, s.ignoreFull(s.Seal())
}
