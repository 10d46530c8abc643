package commitlog

import (
	"fmt"

	"milena/internal/segment"
)

// hold keeps syncs out until the function it returns is called, so that a truncation never moves the log's end below a sync in flight.
func (f *flusher) hold() (letGo func()) {
	f.mu.Lock()
	for f.busy {
		f.changed.Wait()
	}
	f.busy = true
	f.mu.Unlock()
	return func() {
		f.mu.Lock()
		f.busy = false
		f.changed.Broadcast()
		f.mu.Unlock()
	}
}

// TruncateTo cuts everything at and above offset. TruncateFullyAndStartAt empties the log and starts it at offset.
func (l *Log) TruncateTo(offset int64) error {
	if offset < 0 {
		return fmt.Errorf("%w: cannot truncate to %d", ErrOffsetOutOfRange, offset)
	}
	l.swapping.Lock()
	defer l.swapping.Unlock()
	defer l.flusher.hold()()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	if end := l.end.Load(); offset >= end {
		// A leader that was elected and wrote nothing may have noted its epoch here.
		l.epochs.truncateFromEnd(end)
		return nil
	}
	if offset < l.segments()[0].BaseOffset() {
		return l.startAnew(offset)
	}
	if err := l.truncate(offset); err != nil {
		return l.fail("truncating", err)
	}
	return nil
}

// truncate cuts a log that holds offset. The caller holds mu and the flusher.
func (l *Log) truncate(offset int64) error {
	now := nowMs()
	segs := l.segments()
	last := floor(segs, offset)
	// Readers see the new end before bytes go.
	l.end.Store(offset)
	l.high.Store(min(l.high.Load(), offset))
	l.synced.Store(min(l.synced.Load(), offset))
	l.sealed.Store(min(l.sealed.Load(), segs[last].BaseOffset()))
	l.indexed.Store(noOffset)
	l.start.Store(min(l.start.Load(), offset))
	l.setSegments(segs[: last+1 : last+1])
	l.cut()
	if err := l.removeFromEnd(segs[last+1:], now); err != nil {
		return err
	}
	active := segs[last]
	size := active.SizeBytes()
	if err := active.TruncateTo(offset, now); err != nil {
		return err
	}
	l.size.Add(active.SizeBytes() - size)
	l.tail.reset(endPosition{offset: offset, base: active.BaseOffset(), position: active.SizeBytes()})
	l.epochs.truncateFromEnd(offset)
	l.changed = true
	snapshots, err := l.snapshotOffsets()
	if err != nil {
		return err
	}
	return l.loadProducers(snapshots, offset)
}

// TruncateFullyAndStartAt empties the log and starts it at offset.
func (l *Log) TruncateFullyAndStartAt(offset int64) error {
	if offset < 0 {
		return fmt.Errorf("%w: cannot start at %d", ErrOffsetOutOfRange, offset)
	}
	l.swapping.Lock()
	defer l.swapping.Unlock()
	defer l.flusher.hold()()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	return l.startAnew(offset)
}

// startAnew replaces all segments by an empty one at offset. The caller holds mu and the flusher.
func (l *Log) startAnew(offset int64) error {
	now := nowMs()
	if err := l.removeFromEnd(l.segments(), now); err != nil {
		return err
	}
	fresh, err := segment.Create(l.dir, offset, now)
	if err != nil {
		return l.fail("creating a segment", err)
	}
	l.setSegments([]*segment.Segment{fresh})
	l.cut()
	l.tail.reset(endPosition{offset: offset, base: offset})
	l.start.Store(offset)
	l.end.Store(offset)
	l.high.Store(offset)
	l.synced.Store(min(l.synced.Load(), offset))
	l.sealed.Store(offset)
	l.indexed.Store(offset)
	l.epochs.clear()
	l.named++
	l.changed = true
	snapshots, err := l.snapshotOffsets()
	if err != nil {
		return l.fail("listing producer snapshots", err)
	}
	for _, s := range snapshots {
		if err := l.removeSnapshot(s); err != nil {
			return l.fail("removing a producer snapshot", err)
		}
	}
	l.producers.clear(offset)
	l.updateUnstable()
	return nil
}

// AdvanceLogStartOffset moves the first offset forward (DeleteRecords, or a follower told by its leader); whole segments below go with
// DeleteOld. An offset at or below the first one changes nothing; one above the high watermark is ErrOffsetOutOfRange.
func (l *Log) AdvanceLogStartOffset(offset int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	if high := l.high.Load(); offset > high {
		return fmt.Errorf("%w: the log cannot start at %d, its high watermark is %d", ErrOffsetOutOfRange, offset, high)
	}
	l.advanceStart(offset)
	return nil
}

// advanceStart moves the first offset forward. The caller holds mu.
func (l *Log) advanceStart(offset int64) {
	if offset <= l.start.Load() {
		return
	}
	l.start.Store(offset)
	l.changed = true
	l.epochs.truncateFromStart(offset)
	l.producers.replicated(offset)
	l.producers.endOffset = max(l.producers.endOffset, offset)
	l.updateUnstable()
}
