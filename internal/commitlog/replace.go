package commitlog

import (
	"errors"
	"fmt"
	"slices"

	"milena/internal/segment"
)

// ErrOvertaken says that the log was truncated, renamed or closed, or lost segments to retention, since a cleaning of it began.
var ErrOvertaken = errors.New("commitlog: the log has changed under its cleaning")

// Generation changes whenever records are taken away at the log's end, or its directory is renamed: what a cleaner has read before is
// then void.
func (l *Log) Generation() int64 { return l.cuts.Load() }

// NewCleaned makes the empty segment, its files ending in ".cleaned", into which the cleaner writes what remains of the segments from
// base on. It is either handed to Replace or to Discard.
func (l *Log) NewCleaned(base int64) (*segment.Segment, error) {
	if err := l.usable(); err != nil {
		return nil, err
	}
	var s *segment.Segment
	err := l.dir.Under(func(string) (err error) {
		s, err = segment.CreateCleaned(l.dir, base, nowMs())
		return err
	})
	if err != nil {
		return nil, l.writeFailed("creating a cleaned segment", err)
	}
	return s, nil
}

// AppendCleaned writes batches at the end of a segment of NewCleaned. Errors: ErrNoSpace, ErrStorage.
func (l *Log) AppendCleaned(s *segment.Segment, batches []byte) error {
	if err := s.Append(batches, l.limits(), s.ModifiedMs()); err != nil {
		return l.writeFailed("writing a cleaned segment", err)
	}
	return nil
}

// SyncCleaned makes what was written so far durable, so that the disk gets it in pieces and not all at the end.
func (l *Log) SyncCleaned(s *segment.Segment) error {
	if err := s.SyncLog(); err != nil {
		return l.writeFailed("syncing a cleaned segment", err)
	}
	return nil
}

// Discard removes the files of a segment of NewCleaned that replaces nothing.
func (l *Log) Discard(s *segment.Segment) error {
	s.CloseFiles()
	if l.failure.Load() != nil {
		return nil // it may be half in its place: the next start decides
	}
	err := s.RemoveFiles()
	if err == nil {
		return nil
	}
	// Left behind, they would void a later replacement that a crash interrupts.
	return l.fail("removing a cleaned segment", err)
}

// Replace puts a segment of NewCleaned in the place of old segments, which follow each other in the log; generation is that of before
// they were read. Whoever reads an old one goes on; its files go with DeleteRenamed. ErrOvertaken, ErrNoSpace: nothing was replaced.
//
// A crash at any moment leaves the old segments or the new one, see listing.go: fresh is durable before it is renamed from ".cleaned" to
// ".swap", that is durable before the first old segment is renamed, and all of those are gone durably before fresh loses its suffix.
func (l *Log) Replace(fresh *segment.Segment, old []*segment.Segment, generation int64) error {
	if err := l.completeCleaned(fresh); err != nil {
		return err
	}
	l.swapping.Lock()
	defer l.swapping.Unlock()
	if err := l.replaceable(old, generation); err != nil {
		return err
	}
	if err := l.makeSwap(fresh); err != nil {
		return err
	}
	l.publishCleaned(fresh, old)
	now := nowMs()
	for _, s := range old {
		if err := s.MarkDeleted(now); err != nil {
			return l.fail("renaming a segment", err)
		}
	}
	if err := l.env.FS.SyncDir(l.dir.Path()); err != nil {
		return l.fail("renaming segments", err)
	}
	if err := fresh.SetSuffix(""); err != nil {
		return l.fail("renaming a cleaned segment", err)
	}
	if err := l.env.FS.SyncDir(l.dir.Path()); err != nil {
		return l.fail("renaming a cleaned segment", err)
	}
	return l.retireReplaced(fresh, old, now)
}

// completeCleaned makes a cleaned segment durable with its indexes and names.
func (l *Log) completeCleaned(s *segment.Segment) error {
	if err := s.Seal(); err != nil {
		return l.writeFailed("completing the indexes of a cleaned segment", err)
	}
	if err := s.Sync(); err != nil {
		return l.writeFailed("syncing a cleaned segment", err)
	}
	if err := l.dir.Under(l.env.FS.SyncDir); err != nil {
		return l.writeFailed("syncing a cleaned segment", err)
	}
	return nil
}

// replaceable tells whether the old segments are what they were. The caller holds swapping.
func (l *Log) replaceable(old []*segment.Segment, generation int64) error {
	if err := l.usable(); err != nil {
		return err
	}
	segs := l.segments()
	i := slices.Index(segs, old[0])
	if i < 0 || i+len(old) >= len(segs) || l.cuts.Load() != generation || !slices.Equal(segs[i:i+len(old)], old) {
		return ErrOvertaken
	}
	return nil
}

// makeSwap renames the files of a cleaned segment to ".swap", durably. With a full disk they are removed under both names.
func (l *Log) makeSwap(s *segment.Segment) error {
	err := s.SetSuffix(segment.SwapSuffix)
	if err == nil {
		err = l.env.FS.SyncDir(l.dir.Path())
	} else if segment.IsFull(err) {
		s.CloseFiles()
		if err := s.RemoveUnder(segment.SwapSuffix); err != nil {
			return l.fail("removing a cleaned segment", err)
		}
		return fmt.Errorf("%w: renaming a cleaned segment: %w", ErrNoSpace, err)
	}
	if err != nil {
		return l.fail("renaming a cleaned segment", err)
	}
	return nil
}

// publishCleaned puts the new segment into the list.
func (l *Log) publishCleaned(fresh *segment.Segment, old []*segment.Segment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	segs := l.segments()
	i := slices.Index(segs, old[0])
	l.setSegments(slices.Concat(segs[:i], []*segment.Segment{fresh}, segs[i+len(old):]))
	l.size.Add(fresh.SizeBytes())
	for _, s := range old {
		l.size.Add(-s.SizeBytes())
	}
}

// retireReplaced leaves the old segments to DeleteRenamed, with the snapshots that belong to none any more.
func (l *Log) retireReplaced(fresh *segment.Segment, old []*segment.Segment, now int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deleted = append(l.deleted, old...)
	for _, s := range old {
		if s.BaseOffset() == fresh.BaseOffset() {
			continue
		}
		if err := l.retireSnapshot(s.BaseOffset(), now); err != nil {
			return l.fail("renaming a producer snapshot", err)
		}
	}
	return nil
}
