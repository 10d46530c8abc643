package segment

import (
	"errors"
	"io"
	"syscall"

	"milena/internal/record"
	"milena/internal/vfs"
)

// IsFull tells whether an error says that the volume has no room, which an operator can mend, rather than that it is broken.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Found is a batch that Find has found.
type Found struct {
	Position int64
	Header   record.Header
}

// Find finds the first batch whose last offset is at least offset, among the bytes below limit. ok is false where there is none.
func (s *Segment) Find(offset, limit int64) (f Found, ok bool, err error) {
	if offset <= s.base {
		offset = s.base
	}
	start, err := s.lookupOffset(offset)
	if err != nil {
		return Found{}, false, err
	}
	ok, err = s.Headers(start.Position, limit, func(position int64, h record.Header) bool {
		if h.LastOffset < offset {
			return true
		}
		f = Found{Position: position, Header: h}
		return false
	})
	return f, ok, err
}

// headerAt reads the head of the batch at a position; ok is false at the end of the segment.
func (s *Segment) headerAt(position int64) (h record.Header, ok bool, err error) {
	ok, err = s.Headers(position, s.size.Load(), func(_ int64, found record.Header) bool {
		h = found
		return false
	})
	return h, ok, err
}

// Headers walks the heads of the batches in [position, limit) until visit returns false, and tells whether it did.
func (s *Segment) Headers(position, limit int64, visit func(position int64, h record.Header) bool) (stopped bool, err error) {
	if position >= limit {
		return false, nil
	}
	log, err := s.OpenLog()
	if err != nil {
		return false, err
	}
	defer s.CloseLog()
	scratch := buffers.Get().(*[]byte)
	defer buffers.Put(scratch)
	var block []byte // the file's bytes from position on
	for position < limit {
		h, parseErr := record.ParseHeader(block)
		if errors.Is(parseErr, record.ErrTruncated) {
			n := int(min(int64(len(*scratch)), limit-position))
			if block, err = readAt(log, (*scratch)[:n], position); err != nil {
				return false, s.wrap(Log, position, err)
			}
			h, parseErr = record.ParseHeader(block)
		}
		if parseErr != nil {
			return false, s.wrap(Log, position, parseErr)
		}
		if !visit(position, h) {
			return true, nil
		}
		position += int64(h.SizeBytes)
		block = block[min(h.SizeBytes, len(block)):]
	}
	return false, nil
}

// readAt fills b as far as the file goes.
func readAt(f vfs.File, b []byte, position int64) ([]byte, error) {
	n, err := f.ReadAt(b, position)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b[:n], nil
}

// NextOffset finds the offset behind the last record: the base offset of an empty segment.
func (s *Segment) NextOffset() (int64, error) {
	var last OffsetPosition
	size := s.size.Load()
	if size == 0 {
		return s.base, nil
	}
	if size > blockBytes { // else one read shows all of it, and the index need not be opened
		var err error
		if last, err = s.lastOffsetEntry(); err != nil {
			return 0, err
		}
	}
	next := s.base
	_, err := s.Headers(last.Position, size, func(_ int64, h record.Header) bool {
		next = h.LastOffset + 1
		return true
	})
	return next, err
}

// IndexFloor is the position that the offset index alone knows for an offset: that of the batch at or before it.
func (s *Segment) IndexFloor(offset int64) (int64, error) {
	o, err := s.lookupOffset(max(offset, s.base))
	return o.Position, err
}

// Batch is one whole batch of a walk; Bytes are good until the next one.
type Batch struct {
	Position int64
	Header   record.Header
	Bytes    []byte
}

// Walk reads the batches in [position, limit) whole and in order, until visit returns false or an error. It ends with the position
// behind the last good batch; bytes that are no batch end it with an error that wraps record.ErrCorrupt or record.ErrTruncated.
func (s *Segment) Walk(position, limit int64, visit func(b *Batch) (bool, error)) (end int64, err error) {
	if position >= limit {
		return position, nil
	}
	buf := make([]byte, min(limit-position, walkBytes))
	return s.WalkBuffered(position, limit, &buf, visit)
}

// WalkBuffered is Walk with a buffer of the caller's, which is replaced by one of the batch's size where a batch does not fit.
func (s *Segment) WalkBuffered(position, limit int64, buffer *[]byte, visit func(b *Batch) (bool, error)) (end int64, err error) {
	log, err := s.OpenLog()
	if err != nil {
		return position, err
	}
	defer s.CloseLog()
	buf := *buffer
	var b Batch
	var block []byte
	for position < limit {
		h, parseErr := record.ParseHeader(block)
		if parseErr == nil && h.SizeBytes > len(block) {
			parseErr = record.ErrTruncated
		}
		if errors.Is(parseErr, record.ErrTruncated) {
			if h.SizeBytes > 0 && int64(h.SizeBytes) > limit-position {
				return position, s.wrap(Log, position, record.ErrTruncated)
			}
			if h.SizeBytes > len(buf) {
				buf = make([]byte, h.SizeBytes)
				*buffer = buf
			}
			n := int(min(int64(len(buf)), limit-position))
			if n <= len(block) {
				return position, s.wrap(Log, position, record.ErrTruncated)
			}
			if block, err = readAt(log, buf[:n], position); err != nil {
				return position, s.wrap(Log, position, err)
			}
			if len(block) < n {
				limit = position + int64(len(block)) // the file is shorter than it should be
			}
			continue
		}
		if parseErr != nil {
			return position, s.wrap(Log, position, parseErr)
		}
		b = Batch{Position: position, Header: h, Bytes: block[:h.SizeBytes]}
		more, err := visit(&b)
		if err != nil {
			return position, s.wrap(Log, position, err)
		}
		position += int64(h.SizeBytes)
		block = block[h.SizeBytes:]
		if !more {
			break
		}
	}
	return position, nil
}

// walkBytes is how much Walk reads at once; a larger batch makes it read that batch at once.
const walkBytes = 256 << 10
