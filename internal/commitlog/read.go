package commitlog

import (
	"errors"
	"fmt"
	"sort"

	"milena/internal/segment"
	"milena/internal/vfs"
)

// Slice is what a read found: ranges of files in order, and what to call when they have been sent.
type Slice struct {
	Ranges    []vfs.Range
	SizeBytes int
	Release   func() // never nil; may be called once
}

func releaseNothing() {}

// Read finds the batches from the one that holds offset (returned whole) on, at most maxBytes, none with a base offset at or above upTo.
// At least one batch is returned with atLeastOne, however large. An offset outside LogStartOffset..LogEndOffset is ErrOffsetOutOfRange.
// The last batch may be cut off by maxBytes, as Kafka's may; a first batch that does not fit is left out.
func (l *Log) Read(offset int64, maxBytes int, upTo int64, atLeastOne bool) (Slice, error) {
	for {
		s, err := l.readOnce(offset, maxBytes, upTo, atLeastOne)
		if err != errOtherList {
			return s, err
		}
	}
}

// errOtherList says that a segment went, and the list of segments is another one by now.
var errOtherList = errors.New("commitlog: the list of segments has changed")

func (l *Log) readOnce(offset int64, maxBytes int, upTo int64, atLeastOne bool) (Slice, error) {
	none := Slice{Release: releaseNothing}
	if err := l.usable(); err != nil {
		return none, err
	}
	end := l.end.Load()
	if start := l.start.Load(); offset < start || offset > end {
		return none, fmt.Errorf("%w: %d, the log has %d to %d", ErrOffsetOutOfRange, offset, start, end)
	}
	upTo = min(upTo, end)
	if offset >= upTo || (maxBytes <= 0 && !atLeastOne) {
		return none, nil
	}
	list := l.segs.Load() // no older than the end
	segs := *list
	for i := floor(segs, offset); i < len(segs); i++ {
		s := segs[i]
		if s.BaseOffset() >= upTo {
			break
		}
		if !s.Acquire() {
			if err := l.usable(); err != nil {
				return none, err
			}
			if l.segs.Load() != list {
				return none, errOtherList // the cleaner or retention was quicker
			}
			return none, fmt.Errorf("%w: %d was deleted", ErrOffsetOutOfRange, offset)
		}
		limit, position, size, err := l.locate(s, segs[i+1:], offset, upTo, maxBytes, atLeastOne)
		if err == nil && size > 0 {
			return l.slice(s, position, size)
		}
		s.Release()
		if err != nil {
			return none, l.readFailed(err)
		}
		if position < limit {
			break // there is a batch, but it does not fit
		}
	}
	return none, nil
}

// floor is the number of the last segment that begins at or below offset; the first one where none does.
func floor(segs []*segment.Segment, offset int64) int {
	return max(0, sort.Search(len(segs), func(i int) bool { return segs[i].BaseOffset() > offset })-1)
}

// locate finds what of segment s a read gets. limit is where its readable part ends; position is at limit where there is nothing.
func (l *Log) locate(s *segment.Segment, later []*segment.Segment, offset, upTo int64, maxBytes int, atLeastOne bool) (
	limit, position int64, size int, err error) {
	if limit, err = l.limit(s, later, upTo); err != nil {
		return 0, 0, 0, err
	}
	firstBytes := int64(0) // unknown
	position, ok := l.tail.position(offset, s.BaseOffset())
	if !ok {
		found, ok, err := s.Find(offset, limit)
		if err != nil || !ok {
			return limit, limit, 0, err
		}
		position, firstBytes = found.Position, int64(found.Header.SizeBytes)
	}
	available := limit - position
	if available <= 0 {
		return limit, limit, 0, nil
	}
	if available <= int64(maxBytes) {
		return limit, position, int(available), nil
	}
	if firstBytes == 0 {
		found, ok, err := s.Find(offset, limit)
		if err != nil || !ok {
			return limit, limit, 0, err
		}
		firstBytes = int64(found.Header.SizeBytes)
	}
	switch {
	case firstBytes <= int64(maxBytes):
		return limit, position, maxBytes, nil
	case atLeastOne:
		return limit, position, int(min(firstBytes, available)), nil
	}
	return limit, position, 0, nil
}

// limit is the position of segment s at which batches at or above upTo begin.
func (l *Log) limit(s *segment.Segment, later []*segment.Segment, upTo int64) (int64, error) {
	if len(later) > 0 && later[0].BaseOffset() <= upTo {
		return s.SizeBytes(), nil
	}
	if position, ok := l.tail.position(upTo, s.BaseOffset()); ok {
		return position, nil
	}
	size := s.SizeBytes()
	found, ok, err := s.Find(upTo, size)
	if err != nil || !ok {
		return size, err
	}
	return found.Position, nil
}

// slice makes the answer of a read; the reference to s goes with it.
func (l *Log) slice(s *segment.Segment, position int64, size int) (Slice, error) {
	f, err := s.OpenLog()
	if err != nil {
		s.Release()
		return Slice{Release: releaseNothing}, l.readFailed(err)
	}
	return Slice{
		Ranges:    []vfs.Range{{File: f, Offset: position, Size: size}},
		SizeBytes: size,
		Release: func() {
			s.CloseLog()
			s.Release()
		},
	}, nil
}

// readFailed: a segment that cannot be read takes its log out of service; corruption (which names its place) does not fail the others.
func (l *Log) readFailed(err error) error {
	return fmt.Errorf("%w: reading: %w", ErrStorage, err)
}

// SizeBetween estimates, without reading, the bytes of records between two offsets (exact inside one segment at batch boundaries
// close to the log's end).
func (l *Log) SizeBetween(from, to int64) int64 {
	to = min(to, l.end.Load())
	if from >= to {
		return 0
	}
	segs := l.segments()
	first, last := floor(segs, from), floor(segs, to)
	size := l.estimate(segs[last], to) - l.estimate(segs[first], from)
	for _, s := range segs[first:last] {
		size += s.SizeBytes()
	}
	return max(0, size)
}

// estimate is the position of offset in segment s as far as memory and index know.
func (l *Log) estimate(s *segment.Segment, offset int64) int64 {
	if position, ok := l.tail.position(offset, s.BaseOffset()); ok {
		return position
	}
	if !s.Acquire() {
		return 0
	}
	defer s.Release()
	position, err := s.IndexFloor(offset)
	if err != nil {
		return 0
	}
	return position
}
