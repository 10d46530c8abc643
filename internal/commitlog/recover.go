package commitlog

import (
	"errors"
	"fmt"

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
	l.changed = total > 0 // what is rebuilt is not durable yet
	done := int64(0)
	for i := first; i < len(segs); i++ {
		s := segs[i]
		size := s.SizeBytes()
		whole, err := l.recoverSegment(d, opts, s, segs[i+1:])
		if err != nil {
			return err
		}
		if done += size; opts.Progress != nil {
			opts.Progress(done, total)
		}
		if !whole {
			l.setSegments(segs[: i+1 : i+1])
			break
		}
	}
	return nil
}

// recoverSegment checks one segment and rebuilds what is derived from it, going on from the state of the producers before it. Where it
// is not whole, the later segments go first and then its bad end, so that a crash in between leaves no gap.
func (l *Log) recoverSegment(d *listing, opts OpenOptions, s *segment.Segment, later []*segment.Segment) (whole bool, err error) {
	base := s.BaseOffset()
	if l.producers.endOffset = base; base > l.segments()[0].BaseOffset() {
		if err := l.writeSnapshot(false); err != nil && !segment.IsFull(err) {
			return false, err
		}
	}
	if err := knowIndexes(d, s); err != nil {
		return false, err
	}
	l.epochs.truncateFromEnd(base)
	r, err := s.Recover(l.limits(), func(b *segment.Batch) error {
		err := l.recoverBatch(s, b)
		if err == nil && opts.Rewrite {
			err = s.Rewrite(b)
		}
		return err
	})
	if err != nil {
		return false, err
	}
	if r.Cause == nil && len(later) > 0 && later[0].BaseOffset() != r.NextOffset && !l.mayBeCleaned(opts, base) {
		// A segment begins where the one before ended, unless the cleaner was there: the power went when the name of the later
		// one was durable, but not all records of this one.
		r.Cause = fmt.Errorf("%w: it ends at %d, the next one begins at %d", segment.ErrCorrupt, r.NextOffset, later[0].BaseOffset())
	}
	if r.Cause == nil {
		if len(later) > 0 {
			if err := s.Seal(); err != nil && !segment.IsFull(err) {
				return false, err
			}
		}
		return true, nil
	}
	l.env.Logger.Warn("the tail of a segment is cut off: it is not whole", "dir", l.dir.Path(), "segment", segment.FileName(base, segment.Log),
		"bytes", s.SizeBytes()-r.Position, "reason", r.Cause, "laterSegmentsDropped", len(later))
	if err := l.removeFromEnd(later, nowMs()); err != nil {
		return false, err
	}
	l.size.Add(r.Position - s.SizeBytes())
	return false, s.Cut(r.Position)
}

// mayBeCleaned tells whether the cleaner may have been at a segment above the recovery point, where it never goes: before that was lost
// or taken back, or when the topic was still compacted.
func (l *Log) mayBeCleaned(opts OpenOptions, base int64) bool {
	return base < opts.CleanedTo || opts.NoCheckpoint && l.cfg.Load().Compact
}

// knowIndexes tells a segment of its index files what the listing shows of them.
func knowIndexes(d *listing, s *segment.Segment) error {
	missing := false
	for _, kind := range [...]segment.Kind{segment.OffsetIndex, segment.TimeIndex, segment.TxnIndex} {
		e, ok := d.files[fileKey{s.BaseOffset(), kind}]
		if !ok {
			s.KnowIndex(kind, 0)
			missing = missing || kind != segment.TxnIndex
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		s.KnowIndex(kind, info.Size())
	}
	if missing {
		return s.MakeIndexes()
	}
	return nil
}

// removeFromEnd takes the last segments of the log out, one after the other and durably, so that no crash leaves a gap before one.
func (l *Log) removeFromEnd(segs []*segment.Segment, now int64) error {
	for i := len(segs) - 1; i >= 0; i-- {
		if err := l.removeSegment(segs[i], now); err != nil {
			return err
		}
		if err := l.env.FS.SyncDir(l.dir.Path()); err != nil {
			return l.fail("removing a segment", err)
		}
	}
	return nil
}

func (l *Log) recoverBatch(s *segment.Segment, b *segment.Batch) error {
	if latest, ok := l.epochs.latest(); ok && b.Header.LeaderEpoch >= 0 && b.Header.LeaderEpoch < latest {
		// What a truncation had cut off and a crash has brought back.
		return fmt.Errorf("%w: leader epoch %d after %d", record.ErrCorrupt, b.Header.LeaderEpoch, latest)
	}
	var control *marker
	if b.Header.IsControl() {
		m, err := decodeMarker(b.Bytes)
		if err != nil {
			return err
		}
		control = m
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
	if err := s.MakeIndexes(); err != nil {
		return err
	}
	epochs := l.epochs.list
	l.epochs.list = nil
	r, err := s.Recover(l.limits(), func(b *segment.Batch) error { return l.recoverBatch(s, b) })
	l.epochs.list, l.epochs.dirty = epochs, false
	if err != nil {
		return err
	}
	if r.Cause == nil {
		if err := s.Seal(); err != nil && !segment.IsFull(err) {
			return err
		}
		return s.Sync() // no recovery comes back to it
	}
	l.env.Logger.Error("a segment is cut where it is corrupt", "dir", l.dir.Path(),
		"segment", segment.FileName(s.BaseOffset(), segment.Log), "bytes", s.SizeBytes()-r.Position, "reason", r.Cause)
	l.size.Add(r.Position - s.SizeBytes())
	return s.Cut(r.Position)
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
			file := segment.FileName(base, segment.Log) + segment.SwapSuffix
			return 0, &segment.Error{Dir: l.dir.Path(), Segment: file, Position: position, Err: err}
		}
		end = h.LastOffset + 1
		position += int64(h.SizeBytes)
	}
	return end, nil
}
