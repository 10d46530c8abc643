package logdir

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"milena/internal/commitlog"
	"milena/internal/config"
)

// progressAfter is how long a start may be silent.
const progressAfter = 2 * time.Second

// Load opens every log of every directory, directories and logs in parallel, recovering those that were not closed cleanly, and
// starts the schedules. topicConfig gives a topic's configuration. A log that cannot be opened is logged and left out (Create
// refuses it); a name that is no log's, or a log that lies in two directories, is an error.
func (d *Dirs) Load(ctx context.Context, topicConfig func(topic string) *config.Topic) error {
	var progress progress
	stop := progress.report(d.options.Logger)
	defer stop()
	errs := make([]error, len(d.dirs))
	var wait sync.WaitGroup
	for i, dir := range d.dirs {
		if dir.Offline() {
			continue
		}
		wait.Go(func() { errs[i] = dir.load(ctx, topicConfig, &progress) })
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := d.usable(); err != nil {
		return err
	}
	d.schedule()
	return nil
}

// found is one log on disk, to be opened.
type found struct {
	name string
	tp   TopicPartition
}

func (d *Dir) load(ctx context.Context, topicConfig func(string) *config.Topic, p *progress) error {
	clean, _, err := isCleanShutdown(d.env.FS, d.path)
	if err == nil {
		if d.beginLife(clean); clean {
			err = takeCleanShutdown(d.env.FS, d.path)
		}
	}
	if err != nil {
		d.failed(fmt.Errorf("clean shutdown marker of %s: %w", d.path, err))
		return nil
	}
	d.clean = clean
	rewrite := d.doubtful()
	logs, err := d.list()
	if err != nil {
		return err
	}
	d.startFrom(logs)
	recoveryPoints, starts, cleaned := d.atStart[recoveryPointFile], d.atStart[logStartFile], d.atStart[cleanerFile]
	p.partitions.Add(int64(len(logs)))
	next := atomic.Int64{}
	errs := make([]error, d.owner.recoveryThreads())
	var wait sync.WaitGroup
	for worker := range errs {
		wait.Go(func() {
			for ctx.Err() == nil && !d.Offline() {
				i := int(next.Add(1)) - 1
				if i >= len(logs) {
					return
				}
				tp := logs[i].tp
				opts := commitlog.OpenOptions{
					NoCheckpoint: recoveryPoints == nil, Rewrite: rewrite,
					Clean: clean, RecoveryPoint: recoveryPoints[tp], LogStartOffset: starts[tp], CleanedTo: cleaned[tp], Progress: p.bytes(),
				}
				if err := d.openLog(logs[i], topicConfig(tp.Topic), opts); err != nil {
					errs[worker] = err
					return
				}
				p.opened.Add(1)
			}
		})
	}
	wait.Wait()
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return err
	}
	if len(d.broken) == 0 {
		d.trusted()
	}
	d.loaded.Store(true)
	return nil
}

// list reads the directory. Logs under deletion are handed to the remover.
func (d *Dir) list() ([]found, error) {
	entries, err := d.env.FS.ReadDir(d.path)
	if err != nil {
		d.failed(err)
		return nil, nil
	}
	var logs []found
	for _, e := range entries {
		if !e.IsDir() || foreign(e.Name()) {
			continue
		}
		tp, k, err := parseName(e.Name())
		if err != nil {
			return nil, fmt.Errorf("found directory %s: %w", d.file(e.Name()), err)
		}
		switch k {
		case kindLive:
			logs = append(logs, found{name: e.Name(), tp: tp})
		case kindDelete:
			name := d.file(e.Name())
			d.owner.removals.add(time.Now(), func() error { return d.env.FS.RemoveAll(name) }, d)
		case kindStray:
			d.env.Logger.Warn("log of a topic that is no more; remove it if it is not needed", "directory", d.file(e.Name()))
		case kindFuture:
			d.env.Logger.Warn("unfinished move between log directories by another broker; left as it is", "directory", d.file(e.Name()))
		}
	}
	return logs, nil
}

func (d *Dir) openLog(f found, cfg *config.Topic, opts commitlog.OpenOptions) error {
	l := &Log{TopicPartition: f.tp, dir: d, HighWatermark: d.atStart[highWatermarkFile][f.tp]}
	l.recoveryPoint.Store(opts.RecoveryPoint)
	d.promise(cfg)
	id, err := readTopicID(d.env.FS, d.file(f.name))
	if err == nil {
		l.id.Store(&id)
		l.Log, err = commitlog.Open(d.env, d.file(f.name), cfg, opts)
	}
	o := d.owner
	o.mu.Lock()
	defer o.mu.Unlock()
	if other := o.logs[f.tp]; other != nil {
		return fmt.Errorf("the log of %s lies in two directories, %s and %s: keep the right one and move the other elsewhere",
			f.name, other.dir.path, d.path)
	}
	if err != nil {
		if !d.Offline() {
			d.env.Logger.Error("log cannot be opened; its partition is out of service", "directory", d.file(f.name), "error", err)
		}
		o.broken[f.tp] = err
		d.broken = append(d.broken, f.tp)
		return nil
	}
	o.logs[f.tp] = l
	d.count.Add(1)
	return nil
}

// recoveryThreads is num.recovery.threads.per.data.dir; unless the user set it, at least the number of processors.
func (d *Dirs) recoveryThreads() int {
	b := d.options.Config.Broker()
	n := max(1, b.NumRecoveryThreadsPerDataDir)
	if _, set := b.Values.Static["num.recovery.threads.per.data.dir"]; !set {
		n = max(n, runtime.GOMAXPROCS(0))
	}
	return n
}

// progress counts what a start has done.
type progress struct {
	partitions, opened    atomic.Int64
	doneBytes, totalBytes atomic.Int64
}

// bytes gives a log's Progress, which tells sums: what is new since its last call is added.
func (p *progress) bytes() func(done, total int64) {
	var lastDone, lastTotal int64
	return func(done, total int64) {
		p.doneBytes.Add(done - lastDone)
		p.totalBytes.Add(total - lastTotal)
		lastDone, lastTotal = done, total
	}
}

// report logs a line every two seconds until stopped.
func (p *progress) report(logger *slog.Logger) (stop func()) {
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		tick := time.NewTicker(progressAfter)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				logger.Info("opening logs", "opened", p.opened.Load(), "of", p.partitions.Load(),
					"recoveredBytes", p.doneBytes.Load(), "ofBytes", p.totalBytes.Load())
			}
		}
	})
	return func() { close(done); wait.Wait() }
}
