package commitlog

import (
	"errors"
	"io/fs"

	"milena/internal/segment"
)

// DeleteOld takes segments out that retention or the log start offset let go (time, size, start; only below the high watermark, only if
// cleanup.policy has delete, except for the log start offset) by renaming them to ".deleted". It returns how many.
func (l *Log) DeleteOld(nowMs int64) (int, error) {
	l.swapping.Lock()
	defer l.swapping.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return 0, err
	}
	cfg := l.cfg.Load()
	rules := []func() (func(s *segment.Segment, next int64) (bool, error), bool){
		func() (func(*segment.Segment, int64) (bool, error), bool) { return l.belowStart, true },
		func() (func(*segment.Segment, int64) (bool, error), bool) {
			return l.beyondSize(cfg.RetentionBytes), cfg.Delete && cfg.RetentionBytes >= 0 && l.size.Load() >= cfg.RetentionBytes
		},
		func() (func(*segment.Segment, int64) (bool, error), bool) {
			return olderThan(nowMs, cfg.RetentionMs), cfg.Delete && cfg.RetentionMs >= 0
		},
	}
	total := 0
	for _, rule := range rules {
		goes, on := rule()
		if !on {
			continue
		}
		n, err := l.deleteWhile(goes, nowMs)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// belowStart lets segments go that end at or below the log start offset; next is the base offset of the one that follows, -1 for none.
func (l *Log) belowStart(_ *segment.Segment, next int64) (bool, error) {
	return next >= 0 && next <= l.start.Load(), nil
}

// beyondSize lets the oldest segments go without which the log still has its size.
func (l *Log) beyondSize(retentionBytes int64) func(*segment.Segment, int64) (bool, error) {
	surplus := l.size.Load() - retentionBytes
	return func(s *segment.Segment, _ int64) (bool, error) {
		if surplus < s.SizeBytes() {
			return false, nil
		}
		surplus -= s.SizeBytes()
		return true, nil
	}
}

// olderThan lets segments go whose youngest record has passed its time.
func olderThan(nowMs, retentionMs int64) func(*segment.Segment, int64) (bool, error) {
	return func(s *segment.Segment, _ int64) (bool, error) {
		youngest, err := s.RetentionTimestamp()
		return err == nil && nowMs-youngest > retentionMs, err
	}
}

// deleteWhile takes segments out from the oldest on, as long as they go. When all go, a new one is started first. The caller holds mu.
func (l *Log) deleteWhile(goes func(s *segment.Segment, next int64) (bool, error), nowMs int64) (int, error) {
	segs := l.segments()
	n := 0
	for n < len(segs) {
		s := segs[n]
		next, upTo := int64(-1), l.end.Load()
		if n+1 < len(segs) {
			next = segs[n+1].BaseOffset()
			upTo = next
		} else if s.SizeBytes() == 0 {
			break
		}
		if l.high.Load() < upTo {
			break
		}
		ok, err := goes(s, next)
		if err != nil {
			return 0, l.readFailed(err)
		}
		if !ok {
			break
		}
		n++
	}
	if n == 0 {
		return 0, nil
	}
	if n == len(segs) {
		switch err := l.rollTo(l.end.Load(), nowMs); {
		case err == nil:
			segs = l.segments()
		case errors.Is(err, ErrNoSpace) && n > 1:
			n-- // deleting the others makes the room
		default:
			return 0, err
		}
	}
	l.setSegments(segs[n:])
	l.advanceStart(segs[n].BaseOffset())
	for i, s := range segs[:n] {
		if err := l.removeSegment(s, nowMs); err != nil {
			return n, err
		}
		// Where recovery may look, one goes after the other: if this one were gone after a power cut, and one before it back, what follows would
		// be behind a gap.
		if segs[i+1].BaseOffset() > l.checkpointed.Load() {
			if err := l.env.FS.SyncDir(l.dir.Path()); err != nil {
				return n, l.fail("removing a segment", err)
			}
		}
		if err := l.retireSnapshot(s.BaseOffset(), nowMs); err != nil {
			return n, l.fail("renaming a producer snapshot", err)
		}
	}
	return n, nil
}

// retireSnapshot renames the snapshot that belongs to a removed segment. The caller holds mu.
func (l *Log) retireSnapshot(base, nowMs int64) error {
	name := segment.FileName(base, segment.Snapshot)
	dir := l.dir.Path() + "/"
	err := l.env.FS.Rename(dir+name, dir+name+segment.DeletedSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		l.staleFiles = append(l.staleFiles, staleFile{name: name + segment.DeletedSuffix, renamedAtMs: nowMs})
	}
	return err
}

// DeleteRenamed removes the files that were renamed at or before a time. A segment that is still read is removed by its last reader.
func (l *Log) DeleteRenamed(renamedBeforeMs int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for n < len(l.deleted) && l.deleted[n].DeletedAtMs() <= renamedBeforeMs {
		l.deleted[n].Release()
		n++
	}
	l.deleted = l.deleted[n:]
	if len(l.deleted) == 0 {
		l.deleted = nil
	}
	for len(l.staleFiles) > 0 && l.staleFiles[0].renamedAtMs <= renamedBeforeMs {
		err := l.env.FS.Remove(l.dir.Path() + "/" + l.staleFiles[0].name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return l.fail("removing a producer snapshot", err)
		}
		l.staleFiles = l.staleFiles[1:]
	}
	return nil
}

// ExpireProducers forgets producers that have been silent for producer.id.expiration.ms.
func (l *Log) ExpireProducers(nowMs int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.producers.expire(nowMs, l.env.ProducerExpiryMs)
}
