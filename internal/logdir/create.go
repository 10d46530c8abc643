package logdir

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"milena/internal/commitlog"
	"milena/internal/config"
)

func newDirectoryID() string {
	var id [16]byte
	_, _ = rand.Read(id[:])
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// Create gives a partition's log: the one that is there, or a new one in the directory with the fewest logs. isNew says that the
// partition never had a log on this broker; without it none is made while a directory is offline, for the log may lie there. The
// error is ErrOffline or the disk's.
func (d *Dirs) Create(tp TopicPartition, topicID [16]byte, cfg *config.Topic, isNew bool) (*Log, error) {
	d.createMu.Lock()
	defer d.createMu.Unlock()
	d.mu.RLock()
	l, broken := d.logs[tp], d.broken[tp]
	d.mu.RUnlock()
	if l != nil {
		if l.dir.Offline() {
			return nil, ErrOffline
		}
		return l, nil
	}
	if broken != nil {
		return nil, fmt.Errorf("%w: %w", ErrOffline, broken)
	}
	if !isNew && d.offline.Load() > 0 {
		return nil, fmt.Errorf("%w: no log is made for %s, which may have one in an offline directory", ErrOffline, dirName(tp))
	}
	err := error(ErrOffline)
	for _, dir := range d.byLoad() {
		if l, err = dir.create(tp, topicID, cfg); err == nil {
			return l, nil
		}
	}
	return nil, err
}

// Broken is why a partition's log could not be opened at start; nil for all others.
func (d *Dirs) Broken(tp TopicPartition) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.broken[tp]
}

// byLoad lists the usable directories, the one with the fewest logs first.
func (d *Dirs) byLoad() []*Dir {
	online := slices.DeleteFunc(slices.Clone(d.dirs), (*Dir).Offline)
	slices.SortStableFunc(online, func(a, b *Dir) int { return cmp.Compare(a.Logs(), b.Logs()) })
	return online
}

func (d *Dir) create(tp TopicPartition, topicID [16]byte, cfg *config.Topic) (*Log, error) {
	name := d.file(dirName(tp))
	l := &Log{TopicPartition: tp, dir: d}
	d.promise(cfg)
	if err := d.dropStale(tp); err != nil {
		d.failed(err)
		return nil, err
	}
	log, err := commitlog.Open(d.env, name, cfg, commitlog.OpenOptions{Clean: true})
	if err != nil {
		_ = d.env.FS.RemoveAll(name) // what a full disk left of it
		d.failed(err)
		return nil, err
	}
	l.Log = log
	if topicID != ([16]byte{}) {
		if err := l.setTopicID(topicID); err != nil {
			_ = log.Delete()
			d.failed(err)
			return nil, err
		}
	}
	o := d.owner
	o.mu.Lock()
	o.logs[tp] = l
	o.mu.Unlock()
	d.count.Add(1)
	return l, nil
}

func (l *Log) setTopicID(id [16]byte) error {
	if err := writeTopicID(l.dir.env.FS, l.Log.Dir(), id); err != nil {
		return err
	}
	l.id.Store(&id)
	l.idUnsynced.Store(true)
	return nil
}

// AssignTopicID gives a log without a topic id its topic's.
func (d *Dirs) AssignTopicID(l *Log, id [16]byte) error {
	if l.TopicID() != ([16]byte{}) || id == ([16]byte{}) {
		return nil
	}
	err := l.setTopicID(id)
	if err != nil {
		l.dir.failed(err)
	}
	return err
}

// Delete takes a log out and renames its directory; the files go after file.delete.delay.ms. A partition without a log is fine.
func (d *Dirs) Delete(tp TopicPartition) error { return d.takeAway(tp, kindDelete) }

// SetAside takes out a log that belongs to a topic that is no more, and renames its directory to "-stray" for its owner to look at.
func (d *Dirs) SetAside(tp TopicPartition) error { return d.takeAway(tp, kindStray) }

func (d *Dirs) takeAway(tp TopicPartition, k kind) error {
	d.createMu.Lock()
	defer d.createMu.Unlock()
	l := d.Get(tp)
	if l == nil {
		return nil
	}
	if l.dir.Offline() {
		return ErrOffline
	}
	d.cleaning.pause(tp)
	defer d.cleaning.resume(tp)
	name := l.dir.file(markedName(tp, k))
	if err := l.Rename(name); err != nil {
		l.dir.failed(err)
		return err
	}
	d.mu.Lock()
	delete(d.logs, tp)
	d.mu.Unlock()
	l.dir.count.Add(-1)
	l.dir.checkpointMu.Lock()
	l.dir.stale[tp] = true
	l.dir.checkpointMu.Unlock()
	if k == kindStray {
		d.options.Logger.Warn("log of a topic that is no more; remove it if it is not needed", "directory", name)
		l.CloseDirty()
		return nil
	}
	delay := time.Duration(l.Config().FileDeleteDelayMs) * time.Millisecond
	d.removals.add(time.Now().Add(delay), l.Log.Delete, l.dir)
	return nil
}
