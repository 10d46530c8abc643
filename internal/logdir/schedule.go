package logdir

import (
	"fmt"
	"math"
	"path"
	"time"
)

// schedule starts one goroutine for each kind of work that has its own rhythm.
func (d *Dirs) schedule() {
	b := d.options.Config.Broker()
	d.every(b.InitialTaskDelayMs, b.RetentionCheckIntervalMs, d.deleteOld)
	d.every(b.InitialTaskDelayMs, b.FlushSchedulerIntervalMs, d.flush)
	d.every(b.InitialTaskDelayMs, b.FlushOffsetCheckpointMs, d.checkpointRecoveryPoints)
	d.every(b.InitialTaskDelayMs, b.FlushStartOffsetCheckpointMs, d.checkpointLogStarts)
	d.every(b.ProducerIDExpirationCheckMs, b.ProducerIDExpirationCheckMs, d.expireProducers)
	d.running.Go(func() { d.removals.run(d.stop) })
	d.cleaning.start()
}

// every runs work after delayMs and then every intervalMs, until the directories are closed. An interval that time cannot express
// is never.
func (d *Dirs) every(delayMs, intervalMs int64, work func()) {
	if intervalMs <= 0 || intervalMs > math.MaxInt64/int64(time.Millisecond) {
		return
	}
	d.running.Go(func() {
		timer := time.NewTimer(time.Duration(delayMs) * time.Millisecond)
		defer timer.Stop()
		for {
			select {
			case <-d.stop:
				return
			case <-timer.C:
				work()
				timer.Reset(time.Duration(intervalMs) * time.Millisecond)
			}
		}
	})
}

// online calls f for every log of every directory in service.
func (d *Dirs) online(f func(*Log)) {
	for _, l := range d.All() {
		if !l.dir.Offline() {
			f(l)
		}
	}
}

// deleteOld is retention. That of compacted logs is the cleaner's, where there is one.
func (d *Dirs) deleteOld() {
	now := time.Now()
	cleaner := d.options.Config.Broker().LogCleaner
	d.online(func(l *Log) {
		if !l.Config().Compact || !cleaner.Enable || cleaner.Threads == 0 {
			d.deleteOldOf(l, now)
		}
	})
}

func (d *Dirs) deleteOldOf(l *Log, now time.Time) {
	n, err := l.DeleteOld(now.UnixMilli())
	if err != nil && !l.dir.Offline() && d.Get(l.TopicPartition) == l {
		d.options.Logger.Warn("retention failed", "log", l.Log.Dir(), "error", err)
	}
	if n > 0 {
		d.removeRenamed(l)
	}
}

// removeRenamed plans the removal of segments that have just been renamed.
func (d *Dirs) removeRenamed(l *Log) {
	due := time.Now().Add(time.Duration(l.Config().FileDeleteDelayMs) * time.Millisecond)
	renamedBeforeMs := time.Now().UnixMilli() + 1
	d.removals.add(due, func() error {
		if d.Get(l.TopicPartition) != l {
			return nil // deleted meanwhile, and its segments with it
		}
		return l.DeleteRenamed(renamedBeforeMs)
	}, l.dir)
}

func (d *Dirs) flush() {
	nowMs := time.Now().UnixMilli()
	d.online(func(l *Log) {
		if l.RecoveryPoint() >= l.LogEndOffset() || nowMs-l.LastFlushMs() < l.Config().FlushMs {
			return
		}
		if err := l.Flush(); err != nil && !l.dir.Offline() {
			d.options.Logger.Warn("flush failed", "log", l.Log.Dir(), "error", err)
		}
	})
}

func (d *Dirs) expireProducers() {
	nowMs := time.Now().UnixMilli()
	d.online(func(l *Log) { l.ExpireProducers(nowMs) })
}

func (d *Dirs) checkpointRecoveryPoints() {
	d.online(func(l *Log) {
		if l.idUnsynced.CompareAndSwap(true, false) {
			if err := l.dir.syncTopicID(l.Log.Dir()); err != nil {
				l.dir.failed(fmt.Errorf("%s: %w", path.Join(l.Log.Dir(), partitionMetadataFile), err))
			}
		}
	})
	for _, dir := range d.dirs {
		dir.checkpointRecoveryPoints()
		dir.forgetStale()
	}
}

func (d *Dir) checkpointRecoveryPoints() {
	points := map[*Log]point{}
	d.checkpoint(recoveryPointFile, func(l *Log) (int64, bool) {
		p := point{generation: l.Generation()}
		p.offset = l.RecoveryPoint()
		points[l] = p
		return p.offset, true
	}, func() {
		for l, p := range points {
			l.recoveryPoint.Store(p.offset)
			l.Checkpointed(p.offset, p.generation)
		}
	})
}

// point is a recovery point, and of which generation of the log it is.
type point struct{ offset, generation int64 }

// checkpointLogStarts notes only starts that were moved: without a line a log starts at its first segment.
func (d *Dirs) checkpointLogStarts() {
	for _, dir := range d.dirs {
		dir.checkpointLogStarts()
	}
}

func (d *Dir) checkpointLogStarts() {
	d.checkpoint(logStartFile, func(l *Log) (int64, bool) {
		start := l.LogStartOffset()
		return start, start > 0
	}, nil)
}

// CheckpointHighWatermarks writes the high watermarks of every directory; of gives that of a log, or false where it is not known
// yet: then what was checkpointed before stays.
func (d *Dirs) CheckpointHighWatermarks(of func(*Log) (int64, bool)) {
	for _, dir := range d.dirs {
		dir.checkpoint(highWatermarkFile, func(l *Log) (int64, bool) {
			if hw, ok := of(l); ok {
				return hw, true
			}
			return l.HighWatermark, l.HighWatermark > 0
		}, nil)
	}
}

// checkpoint writes a checkpoint of the directory; written is called when it holds what of has told.
func (d *Dir) checkpoint(file string, of func(*Log) (int64, bool), written func()) {
	d.checkpointMu.Lock()
	defer d.checkpointMu.Unlock()
	if !d.loaded.Load() || d.Offline() {
		return
	}
	var rows []entry
	for _, l := range d.owner.All() {
		if l.dir != d {
			continue
		}
		if offset, ok := of(l); ok {
			rows = append(rows, entry{l.TopicPartition, offset})
		}
	}
	if d.writeCheckpoint(file, append(rows, d.brokenLines(file)...)) && written != nil {
		written()
	}
}

// brokenLines are a checkpoint's lines of the logs that could not be opened: whoever mends them needs them.
func (d *Dir) brokenLines(file string) (kept []entry) {
	d.owner.mu.RLock()
	defer d.owner.mu.RUnlock()
	for _, tp := range d.broken {
		if offset, ok := d.atStart[file][tp]; ok {
			kept = append(kept, entry{tp, offset})
		}
	}
	return kept
}
