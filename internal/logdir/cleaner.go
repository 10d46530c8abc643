package logdir

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"milena/internal/commitlog"
	"milena/internal/compact"
	"milena/internal/config"
)

// cleaning is the cleaner of all directories: threads that each take the filthiest log, one after the other.
type cleaning struct {
	dirs     *Dirs
	throttle compact.Throttle
	change   chan struct{} // the configuration changed; has room for one signal

	checkpointMu sync.Mutex // one writes the checkpoints

	mu          sync.Mutex
	idle        sync.Cond // a log is not busy any more
	busy        map[TopicPartition]context.CancelFunc
	paused      map[TopicPartition]int
	uncleanable map[TopicPartition]*Log
	fullUntil   map[*Dir]time.Time // directories without room for a cleaned segment are left alone for a while
	stats       cleanerCounts
}

func newCleaning(d *Dirs) *cleaning {
	c := &cleaning{
		dirs: d, change: make(chan struct{}, 1),
		busy: map[TopicPartition]context.CancelFunc{}, paused: map[TopicPartition]int{},
		uncleanable: map[TopicPartition]*Log{}, fullUntil: map[*Dir]time.Time{},
	}
	c.idle.L = &c.mu
	return c
}

// start begins to clean where log.cleaner.enable allows it, until the directories are closed.
func (c *cleaning) start() {
	live := c.dirs.options.Config
	if !live.Broker().LogCleaner.Enable {
		return
	}
	c.stats.lastRun.Store(time.Now().UnixMilli())
	live.OnChange(func(old, now *config.Broker) {
		if old.LogCleaner == now.LogCleaner {
			return
		}
		select {
		case c.change <- struct{}{}:
		default:
		}
	})
	c.dirs.running.Go(c.run)
}

// run keeps as many threads as are configured, and new ones after each change.
func (c *cleaning) run() {
	for {
		ctx, cancel := context.WithCancel(context.Background())
		var threads sync.WaitGroup
		cfg := c.dirs.options.Config.Broker().LogCleaner
		c.throttle.SetRate(cfg.IOMaxBytesPerSecond)
		for range cfg.Threads {
			threads.Go(func() { c.thread(ctx, cfg) })
		}
		stopped := false
		select {
		case <-c.change:
		case <-c.dirs.stop:
			stopped = true
		}
		cancel()
		threads.Wait()
		if stopped {
			return
		}
	}
}

// thread cleans the filthiest log, and the next one, and rests when no log is filthy enough.
func (c *cleaning) thread(ctx context.Context, cfg config.LogCleaner) {
	cleaner := compact.New(compact.Options{
		MapBytes: cfg.DedupeBufferBytes / int64(cfg.Threads), MapLoad: cfg.LoadFactor,
		IOBytes: cfg.IOBufferBytes / cfg.Threads / 2, Throttle: &c.throttle,
	})
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		backoff := time.Duration(cfg.BackoffMs) * time.Millisecond
		if c.cleanFilthiest(ctx, cleaner) {
			backoff = 0
		} else {
			cleaner.Rest()
		}
		c.deleteOld(ctx)
		pause.Reset(backoff)
	}
}

// cleanFilthiest cleans one log; false where there was none to clean, or it failed.
func (c *cleaning) cleanFilthiest(ctx context.Context, cleaner *compact.Cleaner) bool {
	l, w, h := c.grab(ctx)
	if l == nil {
		return false
	}
	stats, err := cleaner.Clean(h.ctx, w, time.Now().UnixMilli())
	h.release()
	if err != nil {
		c.failed(l, err)
	} else {
		c.stats.cleaned(&stats)
		c.dirs.options.Logger.Debug("log cleaned", "log", l.Log.Dir(), "from", stats.From, "to", stats.To, "bytesBefore", stats.BytesRead,
			"bytesAfter", stats.BytesWritten, "recordsBefore", stats.RecordsRead, "recordsAfter", stats.RecordsWritten, "took", stats.WholeTime)
	}
	if stats.BytesRead > 0 {
		c.dirs.removeRenamed(l)
	}
	c.checkpoint()
	return err == nil
}

// failed sorts the error of a cleaning: a log that is damaged is not cleaned again, a full disk is left alone for a while, a failing
// one takes its directory out of service.
func (c *cleaning) failed(l *Log, err error) {
	switch {
	case l.dir.Offline() || errors.Is(err, context.Canceled) || errors.Is(err, commitlog.ErrOvertaken):
	case errors.Is(err, commitlog.ErrNoSpace):
		l.dir.failed(err)
		backoff := time.Duration(c.dirs.options.Config.Broker().LogCleaner.BackoffMs) * time.Millisecond
		c.mu.Lock()
		c.fullUntil[l.dir] = time.Now().Add(backoff)
		c.mu.Unlock()
	case errors.Is(err, commitlog.ErrStorage): // its directory knows, or it was closed
	case compact.Damaged(err):
		c.mu.Lock()
		c.uncleanable[l.TopicPartition] = l
		c.mu.Unlock()
		c.dirs.options.Logger.Error("log cannot be cleaned: it grows until its damaged segment is gone or mended and the broker started anew",
			"log", l.Log.Dir(), "error", err)
	default:
		l.dir.failed(fmt.Errorf("cleaning %s: %w", l.Log.Dir(), err))
	}
}

// deleteOld does for compacted logs what the schedule of retention does for the others: no log is cleaned and shortened at once.
func (c *cleaning) deleteOld(ctx context.Context) {
	now := time.Now()
	for _, l := range c.compacted() {
		if ctx.Err() != nil {
			return
		}
		if held, ok := c.hold(ctx, l); ok {
			c.dirs.deleteOldOf(l, now)
			held.release()
		}
	}
}

// compacted lists the logs that the cleaner is for and can be at.
func (c *cleaning) compacted() []*Log {
	var list []*Log
	c.dirs.online(func(l *Log) {
		if l.Config().Compact {
			list = append(list, l)
		}
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	for tp, l := range c.uncleanable {
		if c.dirs.Get(tp) != l {
			delete(c.uncleanable, tp)
		}
	}
	usable := list[:0]
	for _, l := range list {
		if c.uncleanable[l.TopicPartition] != l && !time.Now().Before(c.fullUntil[l.dir]) {
			usable = append(usable, l)
		}
	}
	return usable
}

// checkpoint writes how far each log was cleaned.
func (c *cleaning) checkpoint() {
	c.checkpointMu.Lock()
	defer c.checkpointMu.Unlock()
	for _, dir := range c.dirs.dirs {
		dir.checkpoint(cleanerFile, func(l *Log) (int64, bool) {
			offset := l.CleanedTo()
			return offset, offset > 0
		}, nil)
	}
}
