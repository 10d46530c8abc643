package commitlog

import (
	"errors"

	"milena/internal/record"
	"milena/internal/segment"
)

// recover checks the segments that an unclean stop may have harmed: from the one that holds the recovery point on, every batch is
// read and its CRC verified, indexes, producer snapshots and leader epochs are rebuilt. The first batch that is not whole ends the
// log there; segments behind it are dropped.
func (l *Log) recover(d *listing, opts OpenOptions) error {
	segs := l.segments()
	first := floor(segs, opts.RecoveryPoint)
	if err := l.rebuildMissingIndexesOf(d, segs[:first]); err != nil {
		return err
	}
	if err := l.loadProducersBefore(d, segs[first].BaseOffset()); err != nil {
		return err
	}
	total := int64(0)
	for _, s := range segs[first:] {
		total += s.SizeBytes()
	}
	done := int64(0)
	for i := first; i < len(segs); i++ {
		s := segs[i]
		size := s.SizeBytes()
		cut, err := l.recoverSegment(s)
		if err != nil {
			return err
		}
		if done += size; opts.Progress != nil {
			opts.Progress(done, total)
		}
		if cut == 0 {
			continue
		}
		l.size.Add(-cut)
		for _, later := range segs[i+1:] {
			l.env.Logger.Warn("a segment behind a corrupt one is dropped", "dir", l.dir.Path(), "segment", later.BaseOffset())
			if err := l.removeSegment(later, nowMs()); err != nil {
				return err
			}
		}
		l.setSegments(segs[:i+1])
		break
	}
	return nil
}

// recoverSegment checks one segment and rebuilds what is derived from it, going on from the state of the producers before it.
func (l *Log) recoverSegment(s *segment.Segment) (cutBytes int64, err error) {
	base := s.BaseOffset()
	if l.producers.endOffset = max(l.producers.endOffset, base); base > l.start.Load() {
		if err := l.writeSnapshot(false); err != nil && !segment.IsFull(err) {
			return 0, err
		}
	}
	l.epochs.truncateFromEnd(base)
	cut, cause, err := s.Recover(l.limits(), func(b *segment.Batch) error { return l.recoverBatch(s, b) })
	if err != nil {
		return 0, err
	}
	if cut > 0 {
		l.env.Logger.Warn("the tail of a segment is cut off: it is not a whole batch", "dir", l.dir.Path(),
			"segment", segment.FileName(base, segment.Log), "bytes", cut, "reason", cause)
	}
	return cut, nil
}

func (l *Log) recoverBatch(s *segment.Segment, b *segment.Batch) error {
	var control *marker
	if b.Header.IsControl() {
		m, err := decodeMarker(b.Bytes)
		if err != nil {
			return err
		}
		control = m
	}
	if b.Header.LastOffset < l.start.Load() {
		b.Header.ProducerID = -1 // deleted records say nothing of producers
	}
	return l.note(&b.Header, b.Bytes, control, s)
}

// loadProducersBefore brings the state of the producers to that before the first segment to be recovered, and removes the snapshots
// behind it, which the recovered records need not bear out.
func (l *Log) loadProducersBefore(d *listing, base int64) error {
	var usable []int64
	for _, offset := range d.bases(segment.Snapshot) {
		if offset <= base {
			usable = append(usable, offset)
			continue
		}
		if err := l.removeSnapshot(offset); err != nil {
			return err
		}
	}
	if len(usable) == 0 && base <= l.start.Load() {
		l.producers.clear(base)
		return nil
	}
	return l.loadProducers(usable, base)
}

// rebuildMissingIndexes recovers segments that lack an index file.
func (l *Log) rebuildMissingIndexes(d *listing) error {
	return l.rebuildMissingIndexesOf(d, l.segments())
}

func (l *Log) rebuildMissingIndexesOf(d *listing, segs []*segment.Segment) error {
	for _, s := range segs {
		base := s.BaseOffset()
		_, offsets := d.files[fileKey{base, segment.OffsetIndex}]
		_, times := d.files[fileKey{base, segment.TimeIndex}]
		if offsets && times {
			continue
		}
		l.env.Logger.Info("an index file is missing and is rebuilt", "dir", l.dir.Path(), "segment", segment.FileName(base, segment.Log))
		if err := l.rebuildIndexes(s); err != nil {
			return err
		}
	}
	return nil
}

// rebuildIndexes makes a segment's indexes anew from its records; the aborted transactions come from a state of the producers of
// its own.
func (l *Log) rebuildIndexes(s *segment.Segment) error {
	saved := l.producers
	defer func() { l.producers = saved }()
	l.producers.clear(s.BaseOffset())
	offsets, err := l.snapshotOffsets()
	if err != nil {
		return err
	}
	for _, offset := range offsets {
		if offset == s.BaseOffset() {
			if _, err := l.loadSnapshot(offset); err != nil {
				return err
			}
		}
	}
	cut, cause, err := s.Recover(l.limits(), func(b *segment.Batch) error {
		b.Header.LeaderEpoch = noEpoch
		return l.recoverBatch(s, b)
	})
	if cut > 0 {
		l.size.Add(-cut)
		l.env.Logger.Error("a segment is cut where it is corrupt", "dir", l.dir.Path(),
			"segment", segment.FileName(s.BaseOffset(), segment.Log), "bytes", cut, "reason", cause)
	}
	return err
}

// swapEnd finds the offset behind the last record of a replacement.
func (l *Log) swapEnd(base int64) (int64, error) {
	name := l.dir.Path() + "/" + segment.FileName(base, segment.Log) + segment.SwapSuffix
	f, err := l.env.FS.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	end := base
	head := make([]byte, record.HeaderSize)
	for position := int64(0); position < size; {
		n := min(int64(len(head)), size-position)
		if _, err := f.ReadAt(head[:n], position); err != nil {
			return 0, err
		}
		h, err := record.ParseHeader(head[:n])
		if errors.Is(err, record.ErrCorrupt) || errors.Is(err, record.ErrTruncated) {
			return 0, &segment.Error{Dir: l.dir.Path(), Segment: segment.FileName(base, segment.Log) + segment.SwapSuffix, Position: position, Err: err}
		}
		end = h.LastOffset + 1
		position += int64(h.SizeBytes)
	}
	return end, nil
}
