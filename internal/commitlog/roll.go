package commitlog

import (
	"math"
	"math/rand/v2"
	"slices"

	"milena/internal/segment"
)

// rollIfDue starts a new segment where the active one cannot or should not take a batch of sizeBytes. The caller holds mu.
func (l *Log) rollIfDue(sizeBytes int, first, last, maxTimestampMs, now int64) error {
	due, err := l.rollDue(sizeBytes, last, maxTimestampMs, now)
	if err != nil {
		return l.fail("looking at the active segment", err)
	}
	if !due {
		return nil
	}
	// A segment begins where the log ends, though the batch of a follower may leave a gap (its leader has compacted it): recovery
	// takes a gap between segments for records that were lost.
	base := l.end.Load()
	if last-base > math.MaxInt32 {
		base = first
	}
	return l.rollTo(base, now)
}

func (l *Log) rollDue(sizeBytes int, last, maxTimestampMs, now int64) (bool, error) {
	cfg := l.cfg.Load()
	active := l.active()
	size := active.SizeBytes()
	if size > int64(cfg.SegmentBytes-sizeBytes) || !active.Fits(last) {
		return true, nil
	}
	if size > 0 {
		age, err := active.AgeMs(maxTimestampMs, now)
		if err != nil || age > cfg.SegmentMs-l.rollJitterMs {
			return err == nil, err
		}
	}
	return active.Full(l.limits())
}

// Roll starts a new segment at the log's end; an empty active segment stays.
func (l *Log) Roll() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	return l.rollTo(l.end.Load(), nowMs())
}

// rollTo seals the active segment, writes a snapshot of the producers and starts a segment at base. The sealed one is made durable
// in the background. The caller holds mu.
func (l *Log) rollTo(base, now int64) error {
	active := l.active()
	if active.SizeBytes() == 0 && active.BaseOffset() == base {
		return nil
	}
	l.indexed.Store(noOffset)
	if err := active.Seal(); err != nil {
		return l.writeFailed("completing the indexes of a segment", err)
	}
	l.producers.endOffset = base
	if err := l.writeSnapshot(false); err != nil {
		return l.writeFailed("writing a producer snapshot", err)
	}
	if err := l.nameInOrder(); err != nil {
		return l.fail("syncing the names of segments", err)
	}
	fresh, err := segment.Create(l.dir, base, now)
	if err != nil {
		return l.writeFailed("creating a segment", err)
	}
	segs := l.segments()
	if active.SizeBytes() == 0 {
		// A batch that does not fit an empty segment (its offsets are too far from the base) replaces it.
		if err := l.removeSegment(active, now); err != nil {
			return err
		}
		segs = segs[:len(segs)-1]
	}
	l.named++
	l.changed = true
	l.setSegments(append(slices.Clip(slices.Clone(segs)), fresh))
	l.rollJitterMs = l.newJitter()
	l.tail.reset(endPosition{offset: base, base: base})
	l.flushInBackground(base)
	return nil
}

// newJitter draws by how much earlier than segment.ms a segment rolls, so that those of many partitions do not roll at once.
func (l *Log) newJitter() int64 {
	cfg := l.cfg.Load()
	if limit := min(cfg.SegmentJitterMs, cfg.SegmentMs); limit > 0 {
		return rand.Int64N(limit)
	}
	return 0
}

// removeSegment renames a segment that left the list; it goes with DeleteRenamed. The caller holds mu.
func (l *Log) removeSegment(s *segment.Segment, now int64) error {
	if err := s.MarkDeleted(now); err != nil {
		return l.fail("renaming a segment", err)
	}
	l.deleted = append(l.deleted, s)
	l.size.Add(-s.SizeBytes())
	return nil
}
