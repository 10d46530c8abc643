package logdir

import (
	"cmp"
	"context"
	"slices"
	"time"

	"milena/internal/compact"
)

// held is a log that no other thread works on; its context ends when it is to be let go.
type held struct {
	ctx     context.Context
	release func()
}

// hold takes a log for a thread; false where another one has it, or it is paused or deleted.
func (c *cleaning) hold(ctx context.Context, l *Log) (held, bool) {
	tp := l.TopicPartition
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy[tp] != nil || c.paused[tp] > 0 || c.dirs.Get(tp) != l {
		return held{}, false
	}
	ctx, cancel := context.WithCancel(ctx)
	c.busy[tp] = cancel
	return held{ctx: ctx, release: func() {
		cancel()
		c.mu.Lock()
		delete(c.busy, tp)
		c.idle.Broadcast()
		c.mu.Unlock()
	}}, true
}

// pause ends a cleaning of the partition's log, and lets none begin until resume is called as often.
func (c *cleaning) pause(tp TopicPartition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused[tp]++
	for c.busy[tp] != nil {
		c.busy[tp]()
		c.idle.Wait()
	}
}

func (c *cleaning) resume(tp TopicPartition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused[tp]--; c.paused[tp] == 0 {
		delete(c.paused, tp)
	}
}

// abort ends a cleaning that is under way.
func (c *cleaning) abort(tp TopicPartition) {
	c.pause(tp)
	c.resume(tp)
}

// grab takes the filthiest of the logs that are filthy enough; l is nil where there is none.
func (c *cleaning) grab(ctx context.Context) (l *Log, w compact.Work, h held) {
	nowMs := time.Now().UnixMilli()
	c.stats.lastRun.Store(nowMs)
	type found struct {
		log  *Log
		work compact.Work
	}
	var due []found
	dirtiest, delayMs := 0.0, int64(0)
	logs := c.compacted()
	c.syncSealed(ctx, logs)
	for _, l := range logs {
		if ctx.Err() != nil {
			return nil, w, h
		}
		w, ok := c.look(l, nowMs)
		if !ok {
			continue
		}
		dirtiest, delayMs = max(dirtiest, w.Ratio()), max(delayMs, w.DelayMs)
		if w.Due() {
			due = append(due, found{l, w})
		}
	}
	c.stats.looked(dirtiest, delayMs)
	slices.SortStableFunc(due, func(a, b found) int { return cmp.Compare(b.work.Ratio(), a.work.Ratio()) })
	for _, f := range due {
		h, ok := c.hold(ctx, f.log)
		if !ok {
			continue
		}
		// Another thread may have cleaned it since.
		if w, ok := c.look(f.log, nowMs); ok && w.Due() {
			return f.log, w, h
		}
		h.release()
	}
	return nil, w, h
}

// syncSealed makes durable what is to be cleaned, and that it is: segments that were there before a crash, recovery points.
func (c *cleaning) syncSealed(ctx context.Context, logs []*Log) {
	wanted := false
	for _, l := range logs {
		if ctx.Err() != nil {
			return
		}
		if err := l.SyncSealed(); err != nil {
			c.failed(l, err)
		}
		wanted = wanted || l.Uncheckpointed()
	}
	if wanted {
		c.dirs.checkpointRecoveryPoints()
	}
}

// look tells what there is to clean in a log; false where that cannot be told.
func (c *cleaning) look(l *Log, nowMs int64) (compact.Work, bool) {
	w, err := compact.Look(l.Log, nowMs)
	if err != nil {
		c.failed(l, err)
		return w, false
	}
	if w.Reset != "" && l.SetCleanedTo(w.FirstDirty, w.Generation) {
		if !l.Config().Delete {
			c.dirs.options.Logger.Warn("the cleaner begins a log anew: its checkpoint does not fit", "log", l.Log.Dir(),
				"reason", w.Reset, "from", w.FirstDirty)
		}
		c.checkpoint()
	}
	return w, true
}
