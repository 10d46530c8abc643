package commitlog

import (
	"errors"
	"io/fs"
	"slices"

	"milena/internal/segment"
	"milena/internal/vfs"
)

// writeSnapshot writes the state of the producers to the snapshot of the offset up to which it reaches, unless that is done already.
// The caller holds mu.
func (l *Log) writeSnapshot(sync bool) error {
	ps := &l.producers
	if ps.endOffset <= ps.snapshotted {
		return nil
	}
	f, err := l.env.FS.Create(l.snapshotName(ps.endOffset))
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(encodeSnapshot(ps.byID), 0); err == nil && sync {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	ps.snapshotted = ps.endOffset
	return nil
}

func (l *Log) snapshotName(offset int64) string {
	return l.dir.Path() + "/" + segment.FileName(offset, segment.Snapshot)
}

func (l *Log) removeSnapshot(offset int64) error {
	err := l.env.FS.Remove(l.snapshotName(offset))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// snapshotOffsets lists the snapshots on disk, rising.
func (l *Log) snapshotOffsets() ([]int64, error) {
	names, err := l.env.FS.ReadDir(l.dir.Path())
	if err != nil {
		return nil, err
	}
	var offsets []int64
	for _, e := range names {
		if offset, kind, suffix, ok := segment.ParseFileName(e.Name()); ok && kind == segment.Snapshot && suffix == "" {
			offsets = append(offsets, offset)
		}
	}
	slices.Sort(offsets)
	return offsets, nil
}

// loadProducers brings the state of the producers to that at offset upTo: from the newest usable snapshot at or below it, and from the
// records behind. The snapshots given are those on disk; those above upTo, and those that cannot be read, are removed.
// The caller holds mu, or is alone.
func (l *Log) loadProducers(snapshots []int64, upTo int64) error {
	// Records below the log's start count, too, as far as they are there: a transaction that began below may end above.
	l.producers.clear(min(upTo, l.segments()[0].BaseOffset()))
	for i := len(snapshots) - 1; i >= 0; i-- {
		offset := snapshots[i]
		if offset <= upTo {
			ok, err := l.loadSnapshot(offset)
			if err != nil {
				return err
			}
			if ok {
				break
			}
		}
		if err := l.removeSnapshot(offset); err != nil {
			return err
		}
	}
	if err := l.replay(l.producers.endOffset, upTo); err != nil {
		return err
	}
	l.producers.endOffset = max(l.producers.endOffset, upTo)
	l.producers.replicated(l.high.Load())
	l.updateUnstable()
	return nil
}

// loadSnapshot takes a snapshot in; ok is false where it is corrupt.
func (l *Log) loadSnapshot(offset int64) (ok bool, err error) {
	content, err := vfs.ReadFile(l.env.FS, l.snapshotName(offset))
	if err != nil {
		return false, err
	}
	list, err := decodeSnapshot(content)
	if err != nil {
		l.env.Logger.Warn("a producer snapshot is not used", "file", l.snapshotName(offset), "reason", err)
		return false, nil
	}
	now := nowMs()
	for _, p := range list {
		if p.expired(now, l.env.ProducerExpiryMs) {
			continue
		}
		if l.producers.byID == nil {
			l.producers.byID = make(map[int64]*producer, len(list))
		}
		l.producers.byID[p.id] = p
		if p.txnFirstOffset >= 0 {
			l.producers.open(txn{producerID: p.id, firstOffset: p.txnFirstOffset, lastOffset: noOffset})
		}
	}
	l.producers.endOffset, l.producers.snapshotted = offset, offset
	return true, nil
}

// replay reads the batches in [from, upTo) for what they say of producers.
func (l *Log) replay(from, upTo int64) error {
	segs := l.segments()
	for _, s := range segs[floor(segs, from):] {
		if s.BaseOffset() >= upTo || from >= upTo {
			return nil
		}
		start, err := s.IndexFloor(from)
		if err != nil {
			return err
		}
		if _, err := s.Walk(start, s.SizeBytes(), func(b *segment.Batch) (bool, error) {
			if b.Header.BaseOffset >= upTo {
				return false, nil
			}
			if b.Header.LastOffset < from {
				return true, nil
			}
			return true, l.replayBatch(b)
		}); err != nil {
			return err
		}
	}
	return nil
}

// replayBatch takes one batch of the log into account for the producers alone.
func (l *Log) replayBatch(b *segment.Batch) error {
	var control *marker
	if b.Header.IsControl() && b.Header.ProducerID >= 0 {
		m, err := decodeMarker(b.Bytes)
		if err != nil {
			return err
		}
		control = m
	}
	h := b.Header
	h.LeaderEpoch = noEpoch // the epochs know it already
	return l.note(&h, b.Bytes, control, nil)
}
