package commitlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
)

// Producer is one row of DescribeProducers.
type Producer struct {
	ID               int64
	Epoch            int16
	LastSequence     int32
	LastTimestampMs  int64
	CoordinatorEpoch int32
	TxnStartOffset   int64 // -1 none
}

// Producers lists the active producers, sorted by id.
func (l *Log) Producers() []Producer {
	l.mu.Lock()
	list := make([]Producer, 0, len(l.producers.byID))
	for _, p := range l.producers.byID {
		list = append(list, Producer{
			ID: p.id, Epoch: p.epoch, LastSequence: p.lastSequence(), LastTimestampMs: p.lastTimestampMs,
			CoordinatorEpoch: p.coordinatorEpoch, TxnStartOffset: p.txnFirstOffset,
		})
	}
	l.mu.Unlock()
	slices.SortFunc(list, func(a, b Producer) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// Rename moves the log's directory (a deleted topic: "topic-0.<uuid>-delete").
func (l *Log) Rename(newDir string) error {
	l.swapping.Lock()
	defer l.swapping.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	if err := l.dir.Rename(newDir); err != nil {
		return l.fail("renaming the directory", err)
	}
	l.cuts.Add(1)
	if err := l.env.FS.SyncDir(path.Dir(newDir)); err != nil {
		return l.fail("renaming the directory", err)
	}
	return nil
}

// Close flushes, writes a producer snapshot at the end, and closes the files. A log that has not changed since it was opened is only
// closed. After an error the directory must not be taken for cleanly closed. Readers that still hold a Slice keep their files.
func (l *Log) Close(ctx context.Context) error {
	if l.closed.Load() {
		return nil
	}
	if err := l.usable(); err != nil {
		l.CloseDirty()
		return err
	}
	err := ctx.Err()
	if err == nil {
		err = l.closeClean()
	}
	l.CloseDirty()
	if err != nil {
		return fmt.Errorf("commitlog: closing %s: %w", l.dir.Path(), err)
	}
	return nil
}

func (l *Log) closeClean() error {
	l.flusher.settle()
	defer l.flusher.hold()()
	switch err := l.flushNames(); {
	case errors.Is(err, ErrNoSpace):
		return err
	case err != nil:
		return l.fail("closing", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.changed {
		return nil
	}
	active := l.active()
	if err := active.Seal(); err != nil {
		return l.writeFailed("closing", err)
	}
	// Without producers and earlier snapshots there is nothing to tell apart from an empty state.
	if len(l.producers.byID) > 0 || l.producers.snapshotted != noOffset {
		if err := l.writeSnapshot(true); err != nil {
			return l.writeFailed("closing", err)
		}
	}
	if err := l.flushSealedLocked(); err != nil {
		return l.fail("closing", err)
	}
	l.changed = false
	return nil
}

// flushSealedLocked makes everything durable, the active segment with its indexes. The caller holds mu and the flusher.
func (l *Log) flushSealedLocked() error {
	for _, s := range l.segments() {
		if s.BaseOffset() < l.sealed.Load() {
			continue
		}
		if err := s.Sync(); err != nil {
			return err
		}
	}
	if err := l.env.FS.SyncDir(l.dir.Path()); err != nil {
		return err
	}
	l.synced.Store(l.end.Load())
	l.indexed.Store(l.end.Load())
	l.sealed.Store(l.active().BaseOffset())
	return nil
}

// CloseDirty only closes the files (offline directory, deletion). What is called later answers ErrStorage.
func (l *Log) CloseDirty() {
	l.mu.Lock()
	closed := l.closed.Swap(true)
	l.mu.Unlock()
	if closed {
		return
	}
	// What is being synced ends first: with its files gone it would take the directory for broken.
	l.flusher.settle()
	l.swapping.Lock()
	defer l.swapping.Unlock()
	defer l.flusher.hold()()
	l.mu.Lock()
	defer l.mu.Unlock()
	if segs := l.segs.Load(); segs != nil {
		for _, s := range *segs {
			s.Release()
		}
	}
	for _, s := range l.deleted {
		s.Release()
	}
	l.deleted = nil
}

// Delete closes the log and removes its directory.
func (l *Log) Delete() error {
	l.CloseDirty()
	dir := l.dir.Path()
	if err := l.env.FS.RemoveAll(dir); err != nil {
		return l.fail("deleting", err)
	}
	if err := l.env.FS.SyncDir(path.Dir(dir)); err != nil {
		return l.fail("deleting", err)
	}
	return nil
}
