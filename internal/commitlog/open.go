package commitlog

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"milena/internal/config"
	"milena/internal/record"
	"milena/internal/segment"
	"milena/internal/vfs"
)

// Open opens or creates the log in directory dir (".../topic-partition").
//
// Of a log that was stopped cleanly, the directory is listed, the producer snapshot and the leader epochs are read, and the end is
// found from the last index entry. Otherwise the segments from the recovery point on are recovered first, see recover.go.
func Open(env Env, dir string, cfg *config.Topic, opts OpenOptions) (*Log, error) {
	l := &Log{env: env, dir: segment.NewDir(env.FS, env.Files, dir)}
	l.cfg.Store(cfg)
	l.flusher.changed.L = &l.flusher.mu
	l.firstUnstable.Store(noOffset)
	l.rollJitterMs = l.newJitter()
	now := nowMs()
	l.lastFlushMs.Store(now)
	listing, err := l.list()
	if err != nil {
		return nil, fmt.Errorf("commitlog: opening %s: %w", dir, err)
	}
	if err = l.load(listing, opts, now); err == nil && !opts.Clean {
		err = l.syncFound()
	}
	if err != nil {
		l.CloseDirty()
		return nil, fmt.Errorf("commitlog: opening %s: %w", dir, err)
	}
	return l, nil
}

// syncFound does for what recovery has found what flush.messages demands of an append: others will count on it. A full disk is left for later.
func (l *Log) syncFound() error {
	if err := l.flushAsConfigured(l.end.Load()); err != nil && !errors.Is(err, ErrNoSpace) {
		return err
	}
	return nil
}

// load brings the log up from what the directory holds.
func (l *Log) load(d *listing, opts OpenOptions, now int64) error {
	if err := l.tidy(d); err != nil {
		return err
	}
	if err := l.openSegments(d, now); err != nil {
		return err
	}
	if err := l.loadEpochs(d); err != nil {
		return err
	}
	l.start.Store(opts.LogStartOffset)
	l.cleanedTo.Store(max(0, opts.CleanedTo))
	l.checkpointed.Store(opts.RecoveryPoint)
	if !opts.Clean {
		// Names that the last run made may not be durable yet.
		l.named++
		l.parentDirty = true
	}
	recovered := !opts.Clean && len(l.segments()) > 0
	if recovered {
		if err := l.recover(d, opts); err != nil {
			return err
		}
	} else if err := l.rebuildMissingIndexes(d); err != nil {
		return err
	}
	if err := l.settle(opts, now); err != nil {
		return err
	}
	if err := l.loadProducersAtOpen(d, recovered); err != nil {
		return err
	}
	l.producers.recoverable(opts.RecoveryPoint)
	end := l.end.Load()
	l.epochs.truncateFromEnd(end)
	l.epochs.truncateFromStart(l.start.Load())
	l.synced.Store(end)
	l.indexed.Store(end)
	l.sealed.Store(l.active().BaseOffset())
	if recovered {
		point := min(opts.RecoveryPoint, end)
		segs := l.segments()
		l.synced.Store(point)
		l.indexed.Store(noOffset)
		l.sealed.Store(segs[floor(segs, point)].BaseOffset())
	}
	return nil
}

// openSegments describes the segments on disk without touching their files.
func (l *Log) openSegments(d *listing, now int64) error {
	bases := d.bases(segment.Log)
	segs := make([]*segment.Segment, 0, max(1, len(bases)))
	for _, base := range bases {
		info, err := d.files[fileKey{base, segment.Log}].Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		segs = append(segs, segment.Open(l.dir, base, info.Size(), info.ModTime().UnixMilli(), now))
		l.size.Add(info.Size())
	}
	l.setSegments(segs)
	return nil
}

// settle finds where the log begins and ends, and makes the first segment of an empty one.
func (l *Log) settle(opts OpenOptions, now int64) error {
	segs := l.segments()
	start, end := max(0, opts.LogStartOffset), int64(-1)
	if len(segs) > 0 {
		var err error
		last := segs[len(segs)-1]
		if end, err = last.NextOffset(); err != nil {
			return err
		}
		start = max(start, segs[0].BaseOffset())
	}
	if len(segs) > 0 && start > end {
		l.env.Logger.Warn("the log ends before its start offset: it is emptied and starts there", "dir", l.dir.Path(),
			"start", start, "end", end)
		for _, s := range segs {
			if err := l.removeSegment(s, now); err != nil {
				return err
			}
		}
		segs = nil
	}
	if len(segs) == 0 {
		first, err := segment.Create(l.dir, start, now)
		if err != nil {
			return err
		}
		segs, end = []*segment.Segment{first}, start
		l.named++
	}
	l.setSegments(segs)
	l.start.Store(start)
	l.end.Store(end)
	l.high.Store(start)
	active := l.active()
	l.tail.reset(endPosition{offset: end, base: active.BaseOffset(), position: active.SizeBytes()})
	return nil
}

func (l *Log) loadEpochs(d *listing) error {
	if !d.hasEpochs {
		return nil
	}
	name := l.dir.Path() + "/" + epochFile
	content, err := vfs.ReadFile(l.env.FS, name)
	if err != nil {
		return err
	}
	list, err := decodeEpochs(content)
	if err != nil {
		l.env.Logger.Warn("leader epochs cannot be read and are taken from the batches", "file", name, "reason", err)
		return l.rebuildEpochs()
	}
	l.epochs.list = list
	return nil
}

// rebuildEpochs reads all batches for the leader epochs they carry, as far as the log is whole.
func (l *Log) rebuildEpochs() error {
	for _, s := range l.segments() {
		end, err := s.Walk(0, s.SizeBytes(), func(b *segment.Batch) (bool, error) {
			if b.Header.Magic >= 2 && b.Header.LeaderEpoch >= 0 {
				l.epochs.assign(b.Header.LeaderEpoch, b.Header.BaseOffset)
			}
			return true, nil
		})
		if err != nil && !errors.Is(err, record.ErrCorrupt) && !errors.Is(err, record.ErrTruncated) {
			return err
		}
		if end < s.SizeBytes() {
			break
		}
	}
	return nil
}

// loadProducersAtOpen keeps the snapshots that belong to segments and the newest one, and loads the state at the log's end. After a
// recovery the state is there already.
func (l *Log) loadProducersAtOpen(d *listing, recovered bool) error {
	snapshots := d.bases(segment.Snapshot)
	segs := l.segments()
	end := l.end.Load()
	kept := snapshots[:0]
	for i, offset := range snapshots {
		_, belongs := slices.BinarySearchFunc(segs, offset, compareBase)
		if belongs || (i == len(snapshots)-1 && offset <= end) {
			kept = append(kept, offset)
			continue
		}
		if err := l.removeSnapshot(offset); err != nil {
			return err
		}
	}
	if recovered {
		l.producers.endOffset = end
		l.producers.replicated(l.high.Load())
		l.updateUnstable()
		return nil
	}
	if len(kept) == 0 {
		// Written before there were snapshots, or without any producer: Kafka does not read all of it either.
		l.producers.clear(end)
		return nil
	}
	return l.loadProducers(kept, end)
}

func compareBase(s *segment.Segment, offset int64) int {
	switch base := s.BaseOffset(); {
	case base < offset:
		return -1
	case base > offset:
		return 1
	}
	return 0
}
