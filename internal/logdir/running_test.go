package logdir

import (
	"context"
	"errors"
	"syscall"
	"testing"

	"milena/internal/config"
	"milena/internal/vfs/memfs"
)

// TestUncleanStarts: what a start says of the lives before it.
func TestUncleanStarts(t *testing.T) {
	stopped := func(t *testing.T, fs *memfs.FS, d *Dirs) *memfs.FS {
		if err := d.Close(context.Background(), 1); err != nil {
			t.Fatal(err)
		}
		return fs.Kill()
	}
	stoppedThenCut := func(t *testing.T, fs *memfs.FS, d *Dirs) *memfs.FS { return stopped(t, fs, d).Crash(0) }
	killed := func(_ *testing.T, fs *memfs.FS, _ *Dirs) *memfs.FS { return fs.Kill() }
	powerCut := func(_ *testing.T, fs *memfs.FS, _ *Dirs) *memfs.FS { return fs.Crash(0) }
	settled := func(_ *testing.T, fs *memfs.FS, d *Dirs) *memfs.FS { d.Settled(); return nil }
	diskFailed := func(t *testing.T, fs *memfs.FS, d *Dirs) *memfs.FS {
		fs.SetFault(memfs.FailKind(memfs.OpWrite, ".log", syscall.EIO))
		_ = write(t, create(t, d, "t", 0), "x")
		fs.SetFault(nil)
		<-d.AllOffline()
		return fs.Kill()
	}
	unsyncedTopic := func(t *testing.T, fs *memfs.FS, d *Dirs) *memfs.FS {
		cfg, err := config.TopicOf(d.options.Config.Broker(), map[string]string{"flush.messages": "5"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Create(TopicPartition{"u", 0}, topicID, cfg, true); err != nil {
			t.Fatal(err)
		}
		return nil
	}
	type act = func(*testing.T, *memfs.FS, *Dirs) *memfs.FS
	for _, c := range []struct {
		name    string
		synced  bool
		acts    []act // from the first start on; what gives a file system is followed by another start
		unclean bool
	}{
		{"the first start: who says that the disk is not another one", false, nil, true},
		{"the first start, settled, killed", false, []act{settled, killed}, false},
		{"killed before it was settled", false, []act{killed}, true},
		{"power cut", false, []act{settled, powerCut}, true},
		{"power cut, then killed before it was settled", false, []act{settled, powerCut, killed}, true},
		{"power cut, then stopped before it was settled", false, []act{settled, powerCut, stopped}, true},
		{"power cut, settled, killed", false, []act{settled, powerCut, settled, killed}, false},
		{"power cut, settled, stopped", false, []act{settled, powerCut, settled, stopped}, false},
		{"stopped, then a power cut while nothing ran", false, []act{settled, stoppedThenCut}, false},
		{"the disk failed", false, []act{settled, diskFailed}, true},
		{"power cut, but all is synced", true, []act{settled, powerCut}, false},
		{"power cut, and one topic was not synced", true, []act{settled, unsyncedTopic, powerCut}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			live := settings(t, "log.dirs=/a")
			if c.synced {
				live = settings(t, "log.dirs=/a", "log.flush.interval.messages=1")
			}
			fs := memfs.New()
			if err := errors.Join(fs.MkdirAll("/a"), fs.SyncDir("/")); err != nil {
				t.Fatal(err)
			}
			d := mustOpen(t, fs, live)
			for _, do := range c.acts {
				if after := do(t, fs, d); after != nil {
					fs = after
					d = mustOpen(t, fs, live)
				}
			}
			if got := d.Unclean(); got != c.unclean {
				t.Errorf("unclean %v", got)
			}
		})
	}
}

// TestFailedSyncIsMadeGood: what a failed sync has left in memory alone is written again by the start that follows, so that the syncs after that
// bring it to the disk: also where the first such start is killed.
func TestFailedSyncIsMadeGood(t *testing.T) {
	live := settings(t, "log.dirs=/a")
	fs := memfs.New()
	if err := errors.Join(fs.MkdirAll("/a"), fs.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	d := mustOpen(t, fs, live)
	l := create(t, d, "t", 0)
	if err := errors.Join(write(t, l, "first"), l.Flush(), write(t, l, "not synced")); err != nil {
		t.Fatal(err)
	}
	fs.SetFault(memfs.FailKind(memfs.OpSync, ".log", syscall.EIO))
	if err := l.Flush(); err == nil {
		t.Fatal("the disk did not fail")
	}
	<-d.AllOffline()
	fs.SetFault(nil)
	fs = fs.Kill()
	fs.SetFault(memfs.FailKind(memfs.OpWrite, "t-0/", syscall.EIO))
	if d = mustOpen(t, fs, live); d.Get(TopicPartition{"t", 0}) != nil {
		t.Fatal("nothing was written by a start after a failed sync")
	}
	fs.SetFault(nil)
	fs = fs.Kill()
	d = mustOpen(t, fs, live)
	l = d.Get(TopicPartition{"t", 0})
	if err := errors.Join(write(t, l, "last"), l.Flush()); err != nil {
		t.Fatal(err)
	}
	d = mustOpen(t, fs.Crash(0), live)
	if l = d.Get(TopicPartition{"t", 0}); l.LogEndOffset() != 3 {
		t.Errorf("%d of 3 records are left", l.LogEndOffset())
	}
}
