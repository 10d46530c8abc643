package commitlog

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sync"
	"sync/atomic"

	"milena/internal/segment"
	"milena/internal/vfs"
)

// flusher lets all that wait for durability share one fsync: one goroutine syncs at a time, whoever comes meanwhile joins the next
// sync, which covers everything that was appended before it began.
type flusher struct {
	mu      sync.Mutex
	changed sync.Cond
	busy    bool
	running int // tasks in the background

	waits   []syncWait // for WhenSynced
	serving bool       // a goroutine serves waits
}

// start runs a task in the background. It may be called while settle waits, as no WaitGroup may: appends go on while a log is closed. The caller
// holds f.mu.
func (f *flusher) start(task func()) {
	f.running++
	go func() {
		task()
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.running--; f.running == 0 {
			f.changed.Broadcast()
		}
	}()
}

// settle returns when no task runs in the background.
func (f *flusher) settle() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.running > 0 {
		f.changed.Wait()
	}
}

// syncWait is one who waits for an fsync without a goroutine.
type syncWait struct {
	offset int64
	done   func(error)
}

// flushAsConfigured waits for durability where flush.messages demands it.
func (l *Log) flushAsConfigured(offset int64) error {
	if !l.mustSync(offset) {
		return nil
	}
	return l.SyncUpTo(offset)
}

// mustSync tells whether flush.messages demands that what lies below offset is synced now.
func (l *Log) mustSync(offset int64) bool {
	return offset-l.synced.Load() >= l.cfg.Load().FlushMessages
}

// MustSync tells whether flush.messages demands that what the log holds is synced before anybody counts on it.
func (l *Log) MustSync() bool { return l.mustSync(l.end.Load()) }

// SyncUpTo returns when the records below offset are durable; all who wait share an fsync (group commit).
func (l *Log) SyncUpTo(offset int64) error { return l.flush(&l.synced, offset, (*Log).flushRecords) }

// WhenSynced is SyncUpTo without the wait: done is called, on another goroutine, when the records below offset are durable or cannot be. Those
// who share an fsync are told together, the one with the highest offset first.
func (l *Log) WhenSynced(offset int64, done func(error)) {
	f := &l.flusher
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waits = append(f.waits, syncWait{offset, done})
	if !f.serving {
		f.serving = true
		f.start(l.serveWaits)
	}
}

// serveWaits syncs for all who wait, until nobody does. The next sync begins while those of the last one are told.
func (l *Log) serveWaits() {
	f := &l.flusher
	for {
		f.mu.Lock()
		waits := f.waits
		f.waits = nil
		f.serving = len(waits) > 0
		f.mu.Unlock()
		if len(waits) == 0 {
			return
		}
		slices.SortFunc(waits, func(a, b syncWait) int { return cmp.Compare(b.offset, a.offset) })
		err := l.SyncUpTo(waits[0].offset)
		f.mu.Lock()
		f.start(func() {
			for _, w := range waits {
				w.done(err)
			}
		})
		f.mu.Unlock()
	}
}

// Flush syncs everything below the log's end and moves the recovery point there.
func (l *Log) Flush() error {
	if err := l.usable(); err != nil {
		return err
	}
	return l.flush(&l.indexed, l.end.Load(), (*Log).flushAll)
}

// LastFlushMs is when the log was last flushed, or opened; in ms since 1970.
func (l *Log) LastFlushMs() int64 { return l.lastFlushMs.Load() }

// flushInBackground makes the segments below base, which are complete, durable. The caller holds mu.
func (l *Log) flushInBackground(base int64) {
	f := &l.flusher
	f.mu.Lock()
	defer f.mu.Unlock()
	f.start(func() {
		// A failure marks the log and tells its directory.
		_ = l.flush(&l.sealed, base, func(l *Log) error { return l.flushSealed(base) })
	})
}

// flush returns when the mark has reached offset; sync, which moves it there, is run by one goroutine at a time.
func (l *Log) flush(mark *atomic.Int64, offset int64, sync func(*Log) error) error {
	f := &l.flusher
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		if mark.Load() >= offset {
			return nil
		}
		if err := l.usable(); err != nil {
			return err
		}
		if !f.busy {
			break
		}
		f.changed.Wait()
	}
	f.busy = true
	f.mu.Unlock()
	err := sync(l)
	if err != nil && !errors.Is(err, ErrNoSpace) {
		err = l.fail("syncing", err)
	}
	f.mu.Lock()
	f.busy = false
	f.changed.Broadcast()
	return err
}

// flushAll is flushRecords and the active segment's indexes.
func (l *Log) flushAll() error {
	l.mu.Lock()
	end, active := l.end.Load(), l.active()
	l.mu.Unlock()
	if err := l.flushRecords(); err != nil {
		return err
	}
	if !active.Acquire() {
		return errClosed
	}
	defer active.Release()
	switch err := active.SyncIndexes(); {
	case segment.IsFull(err):
		return nil // the records are durable; the indexes can be rebuilt from them
	case err != nil:
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.active() == active { // else a roll has added to the indexes meanwhile
		advance(&l.indexed, end)
	}
	return nil
}

// flushRecords syncs everything up to the log's end as it is when the sync begins. Of the active segment only the records are synced:
// recovery rebuilds the indexes of the segment that holds the recovery point.
func (l *Log) flushRecords() error {
	l.mu.Lock()
	end := l.end.Load()
	active := l.active()
	held := active.Acquire()
	l.mu.Unlock()
	if !held {
		return errClosed
	}
	defer active.Release()
	if l.synced.Load() < active.BaseOffset() {
		if err := l.flushSealed(active.BaseOffset()); err != nil {
			return err
		}
	}
	if err := l.flushNames(); err != nil {
		return err
	}
	if err := active.SyncLog(); err != nil {
		return err
	}
	advance(&l.synced, end)
	l.lastFlushMs.Store(nowMs())
	return nil
}

// flushSealed syncs the segments below base that are not durable yet, with their indexes and snapshots, the names in the directory and
// the leader epochs.
func (l *Log) flushSealed(base int64) error {
	segs := l.segments()
	base = min(base, segs[len(segs)-1].BaseOffset()) // a truncation may have made an older segment the active one again
	for i, s := range segs {
		if s.BaseOffset() >= base {
			break
		}
		if s.BaseOffset() < l.sealed.Load() || !s.Acquire() {
			continue // durable, or deleted meanwhile
		}
		err := s.Sync()
		s.Release()
		if err != nil {
			return err
		}
		if i+1 < len(segs) {
			if err := l.syncFile(segment.FileName(segs[i+1].BaseOffset(), segment.Snapshot)); err != nil {
				return err
			}
		}
	}
	if err := l.flushNames(); err != nil {
		return err
	}
	advance(&l.sealed, base)
	advance(&l.synced, base)
	return nil
}

// advance moves a mark forward. Only the flusher does.
func advance(mark *atomic.Int64, offset int64) { mark.Store(max(mark.Load(), offset)) }

// flushNames makes the names of new files durable and writes the leader epochs where they have changed. On a full volume it gives
// ErrNoSpace, and the next flush does it again.
func (l *Log) flushNames() error {
	if err := l.writeEpochs(); err != nil {
		return err
	}
	if err := l.syncIdentity(); err != nil {
		return err
	}
	l.mu.Lock()
	named, durable, parent := l.named, l.namedDurably, l.parentDirty
	l.parentDirty = false
	l.mu.Unlock()
	err := l.dir.Under(func(dir string) error {
		if named > durable {
			if err := l.env.FS.SyncDir(dir); err != nil {
				return err
			}
		}
		if parent {
			return l.env.FS.SyncDir(path.Dir(dir))
		}
		return nil
	})
	if err == nil {
		l.mu.Lock()
		l.namedDurably = max(l.namedDurably, named)
		l.mu.Unlock()
	}
	return err
}

// syncIdentity is for a log whose directory is new, or may be: once for each time that it is opened.
func (l *Log) syncIdentity() error {
	l.mu.Lock()
	fresh := l.parentDirty
	l.mu.Unlock()
	if !fresh || l.env.SyncIdentity == nil {
		return nil
	}
	err := l.dir.Under(l.env.SyncIdentity)
	if segment.IsFull(err) {
		return fmt.Errorf("%w: syncing: %w", ErrNoSpace, err)
	}
	return err
}

// nameInOrder makes the names of files durable before that of a later segment is there: a power cut may keep any of those that are not, and a log
// whose first segment is gone begins, for all that can be seen of it, at the second. The caller holds mu, and waits here at a log's first roll, or
// where its disk is slower than its rolls.
func (l *Log) nameInOrder() error {
	if l.named == l.namedDurably {
		return nil
	}
	err := l.env.FS.SyncDir(l.dir.Path())
	if err == nil {
		l.namedDurably = l.named
	}
	return err
}

// writeEpochs brings the leader epochs to their file where they have changed.
func (l *Log) writeEpochs() error {
	content := l.epochs.take()
	if content == nil {
		return nil
	}
	err := l.dir.Under(func(dir string) error { return vfs.WriteFileAtomic(l.env.FS, dir+"/"+epochFile, content) })
	if segment.IsFull(err) {
		l.epochs.putBack()
		return fmt.Errorf("%w: syncing: %w", ErrNoSpace, err)
	}
	return err
}

// syncFile makes a file of the directory durable, if it is there.
func (l *Log) syncFile(name string) error {
	return l.dir.Under(func(dir string) error {
		f, err := l.env.FS.OpenReadWrite(dir + "/" + name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer f.Close()
		return f.Sync()
	})
}
