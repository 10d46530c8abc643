package logdir

import (
	"errors"
	"slices"
	"syscall"
	"time"
)

// fullEveryMs is how often a full disk is logged: the schedules meet it again every few seconds.
const fullEveryMs = 60_000

// failed is told of a disk error in the directory. A full disk is not one: it refuses writes, and reading and deleting go on.
// Anything else takes the directory out of service until the process starts anew, since what a failed fsync lost cannot be known.
func (d *Dir) failed(err error) {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		now := time.Now().UnixMilli()
		if last := d.fullToldMs.Load(); now-last >= fullEveryMs && d.fullToldMs.CompareAndSwap(last, now) {
			d.env.Logger.Warn("disk is full", "directory", d.path, "error", err)
		}
		return
	}
	if !d.down.CompareAndSwap(false, true) {
		return
	}
	d.env.Logger.Error("log directory goes offline", "directory", d.path, "error", err)
	o := d.owner
	all := int(o.offline.Add(1)) == len(o.dirs)
	// Elsewhere: the caller may hold a log's lock.
	o.failing.Go(func() {
		d.takeOut()
		if all {
			close(o.allOffline)
		}
	})
}

// takeOut tells the owner of the partitions, then closes the logs.
func (d *Dir) takeOut() {
	d.dropRunning() // what a failed disk has lost cannot be known
	o := d.owner
	o.mu.RLock()
	told := slices.Clone(o.told)
	o.mu.RUnlock()
	for _, f := range told {
		f(d)
	}
	for _, l := range o.All() {
		if l.dir == d {
			l.CloseDirty()
		}
	}
}

// OnFailure has f called when a directory goes offline, on a goroutine of its own, after those who asked before; at once for
// directories that are offline already (f may then be called twice for one that fails at that moment).
func (d *Dirs) OnFailure(f func(*Dir)) {
	d.mu.Lock()
	d.told = append(d.told, f)
	d.mu.Unlock()
	for _, dir := range d.dirs {
		if dir.Offline() {
			f(dir)
		}
	}
}

// AllOffline is closed when the last directory has gone offline: the broker can do nothing any more.
func (d *Dirs) AllOffline() <-chan struct{} { return d.allOffline }
