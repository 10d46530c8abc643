package logdir

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// Close ends the schedules, closes every log and leaves the directories marked as cleanly shut down, unless ctx ends before: then
// the next start recovers. Directories that were never loaded are left as they are.
func (d *Dirs) Close(ctx context.Context, brokerEpoch int64) error {
	close(d.stop)
	d.running.Wait()
	errs := make([]error, len(d.dirs))
	var wait sync.WaitGroup
	for i, dir := range d.dirs {
		if !dir.Offline() {
			wait.Go(func() { errs[i] = dir.close(ctx) })
		}
	}
	wait.Wait()
	d.checkpointRecoveryPoints()
	d.checkpointLogStarts()
	d.failing.Wait() // the next life must not take what a failed disk has lost for written
	for i, dir := range d.dirs {
		if dir.Offline() || !dir.loaded.Load() || errs[i] != nil {
			continue
		}
		if err := writeCleanShutdown(d.options.FS, dir.path, brokerEpoch); err != nil {
			errs[i] = fmt.Errorf("clean shutdown marker of %s: %w", dir.path, err)
			continue
		}
		dir.endLife()
	}
	d.unlock()
	return errors.Join(errs...)
}

// closeWorkers is how many logs of a directory are closed at once: they wait for the disk, not for the processor.
const closeWorkers = 16

// close closes the directory's logs, several at a time.
func (d *Dir) close(ctx context.Context) error {
	var logs []*Log
	d.owner.online(func(l *Log) {
		if l.dir == d {
			logs = append(logs, l)
		}
	})
	errs := make([]error, len(logs))
	var next atomic.Int64
	var wait sync.WaitGroup
	for range max(closeWorkers, d.owner.recoveryThreads()) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(logs); i = int(next.Add(1)) - 1 {
				if ctx.Err() != nil {
					logs[i].CloseDirty()
					continue
				}
				errs[i] = logs[i].Close(ctx)
			}
		})
	}
	wait.Wait()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("log directory %s is closed in haste, the next start recovers it: %w", d.path, err)
	}
	return errors.Join(errs...)
}
