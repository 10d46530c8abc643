package logdir

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/config"
	"milena/internal/record"
	"milena/internal/vfs"
	"milena/internal/vfs/memfs"
)

var topicID = [16]byte{1, 2, 3}

func settings(t *testing.T, overrides ...string) *config.Live {
	t.Helper()
	b, _, err := config.Load("", append([]string{"log.dirs=/a,/b"}, overrides...))
	if err != nil {
		t.Fatal(err)
	}
	return config.NewLive(b)
}

func open(t *testing.T, fsys vfs.FS, live *config.Live) (*Dirs, error) {
	t.Helper()
	d, err := Open(Options{FS: fsys, Config: live, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		return nil, err
	}
	if err := d.Claim("cluster", 1); err != nil {
		return nil, err
	}
	cfg, err := config.TopicOf(live.Broker(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return d, d.Load(t.Context(), func(string) *config.Topic { return cfg })
}

func mustOpen(t *testing.T, fsys vfs.FS, live *config.Live) *Dirs {
	t.Helper()
	d, err := open(t, fsys, live)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func create(t *testing.T, d *Dirs, topic string, index int32) *Log {
	t.Helper()
	cfg, err := config.TopicOf(d.options.Config.Broker(), nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := d.Create(TopicPartition{topic, index}, topicID, cfg, true)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func write(t *testing.T, l *Log, value string) error {
	t.Helper()
	b, err := record.Builder{ProducerID: -1, ProducerEpoch: -1, BaseSequence: -1}.Build(
		[]record.Record{{TimestampMs: time.Now().UnixMilli(), Value: []byte(value)}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := record.Check(b, l.Config().Rules(), record.FromClient, time.Now().UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	a, err := l.AppendAsLeader(c, 0, record.FromClient)
	if err == nil {
		l.SetHighWatermark(a.LastOffset + 1)
	}
	return err
}

func closeDirs(t *testing.T, d *Dirs) {
	t.Helper()
	if err := d.Close(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
}

func exists(fsys vfs.FS, name string) bool {
	_, err := fsys.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

func TestCleanAndUncleanStop(t *testing.T) {
	fsys, live := memfs.New(), settings(t)
	d := mustOpen(t, fsys, live)
	for i := range int32(6) {
		if err := write(t, create(t, d, "t", i), "one"); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := d.dirs[0].Logs(), d.dirs[1].Logs(); a != 3 || b != 3 {
		t.Fatalf("%d logs in /a, %d in /b", a, b)
	}
	closeDirs(t, d)
	if !exists(fsys, "/a/"+cleanShutdownFile) || !exists(fsys, "/b/"+cleanShutdownFile) {
		t.Fatal("no marker of a clean shutdown")
	}
	killed := fsys
	for round, clean := range []bool{true, false, false} {
		d = mustOpen(t, killed, live)
		if d.dirs[0].clean != clean {
			t.Fatalf("round %d: clean is %v", round, d.dirs[0].clean)
		}
		if exists(killed, "/a/"+cleanShutdownFile) {
			t.Fatal("the marker outlives the start")
		}
		for i := range int32(6) {
			l := d.Get(TopicPartition{"t", i})
			if l == nil || l.LogEndOffset() != int64(round+1) || l.TopicID() != topicID {
				t.Fatalf("round %d: log %d is %+v", round, i, l)
			}
			if err := write(t, l, "more"); err != nil {
				t.Fatal(err)
			}
		}
		killed = killed.Kill()
	}
}

// TestNewDirectoryIsDurable: what was synced in a directory that the broker made itself outlives a power cut.
func TestNewDirectoryIsDurable(t *testing.T) {
	fsys, live := memfs.New(), settings(t, "log.dirs=/data/logs/a")
	d := mustOpen(t, fsys, live)
	l := create(t, d, "t", 0)
	if err := write(t, l, "one"); err != nil {
		t.Fatal(err)
	}
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(16) {
		found := mustOpen(t, fsys.Crash(seed), live).Get(l.TopicPartition)
		if found == nil || found.LogEndOffset() != 1 {
			t.Errorf("power cut %d: the log is %v", seed, found)
		}
	}
}

// TestTopicIDBeforeItsSync: a power cut leaves an empty file or zeros where the id was not synced; the controller tells it again.
func TestTopicIDBeforeItsSync(t *testing.T) {
	for _, left := range []string{"", strings.Repeat("\x00", 43)} {
		fsys, live := memfs.New(), settings(t)
		d := mustOpen(t, fsys, live)
		l := create(t, d, "t", 0)
		name := l.Log.Dir() + "/" + partitionMetadataFile
		closeDirs(t, d)
		if err := vfs.WriteFileAtomic(fsys, name, []byte(left)); err != nil {
			t.Fatal(err)
		}
		d = mustOpen(t, fsys, live)
		if l = d.Get(TopicPartition{"t", 0}); l == nil || l.TopicID() != ([16]byte{}) {
			t.Fatalf("%q: the log is %v", left, l)
		}
		if err := d.AssignTopicID(l, topicID); err != nil || l.TopicID() != topicID {
			t.Error(err)
		}
		closeDirs(t, d)
	}
}

// TestTopicIDIsDurableWithRecords: a log whose records were synced is known for its topic's after a power cut, or it would be taken for that of a
// topic that was made in its place meanwhile.
func TestTopicIDIsDurableWithRecords(t *testing.T) {
	fsys, live := memfs.New(), settings(t, "log.dirs=/a", "log.flush.interval.messages=1")
	d := mustOpen(t, fsys, live)
	l := create(t, d, "t", 0)
	if err := write(t, l, "one"); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(16) {
		found := mustOpen(t, fsys.Crash(seed), live).Get(l.TopicPartition)
		if found == nil || found.LogEndOffset() != 1 || found.TopicID() != topicID {
			t.Errorf("power cut %d: the log is %+v", seed, found)
		}
	}
}

func TestOnlyOneProcess(t *testing.T) {
	fsys, live := memfs.New(), settings(t)
	d := mustOpen(t, fsys, live)
	if _, err := open(t, fsys, live); !errors.Is(err, vfs.ErrLocked) || !strings.Contains(err.Error(), "/a") {
		t.Fatalf("got %v", err)
	}
	closeDirs(t, d)
	closeDirs(t, mustOpen(t, fsys, live))
}

func TestIdentity(t *testing.T) {
	fsys, live := memfs.New(), settings(t)
	closeDirs(t, mustOpen(t, fsys, live))
	d, err := Open(Options{FS: fsys, Config: live, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if cluster, broker := d.Identity(); cluster != "cluster" || broker != 1 {
		t.Fatalf("got %s, %d", cluster, broker)
	}
	var refused *IdentityError
	if err := d.Claim("other", 1); !errors.As(err, &refused) ||
		!strings.Contains(err.Error(), "Invalid cluster.id in: /a/meta.properties. Expected other, but read cluster") {
		t.Fatalf("got %v", err)
	}
	if err := d.Claim("cluster", 2); !errors.As(err, &refused) ||
		!strings.Contains(err.Error(), "Stored node id 1 doesn't match previous node id 2 in /a/meta.properties") {
		t.Fatalf("got %v", err)
	}
	d.unlock()
	if err := vfs.WriteFileAtomic(fsys, "/b/meta.properties", []byte("version=7\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, fsys, live); !errors.As(err, &refused) || !strings.Contains(err.Error(), "/b/meta.properties") {
		t.Fatalf("got %v", err)
	}
}

func TestOneDirectoryFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys, live := memfs.New(), settings(t)
		d := mustOpen(t, fsys, live)
		bad, good := create(t, d, "t", 0), create(t, d, "t", 1)
		var told []*Dir
		d.OnFailure(func(dir *Dir) { told = append(told, dir) })
		if err := errors.Join(write(t, bad, "x"), write(t, good, "x")); err != nil {
			t.Fatal(err)
		}
		fsys.SetFault(memfs.FailKind(memfs.OpSync, bad.Dir().Path()+"/", syscall.EIO))
		if err := bad.Flush(); err == nil {
			t.Fatal("a failed fsync went unnoticed")
		}
		synctest.Wait()
		if !bad.Dir().Offline() || good.Dir().Offline() || len(told) != 1 || told[0] != bad.Dir() {
			t.Fatalf("offline: %v and %v, told %d", bad.Dir().Offline(), good.Dir().Offline(), len(told))
		}
		if err := write(t, bad, "y"); err == nil {
			t.Fatal("an offline log takes records")
		}
		if err := errors.Join(write(t, good, "y"), good.Flush()); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Create(bad.TopicPartition, topicID, good.Config(), false); !errors.Is(err, ErrOffline) {
			t.Fatalf("got %v", err)
		}
		if _, err := d.Create(TopicPartition{"t", 2}, topicID, good.Config(), false); !errors.Is(err, ErrOffline) {
			t.Fatalf("a log that may lie in the failed directory was made anew: %v", err)
		}
		if l := create(t, d, "t", 3); l.Dir() != good.Dir() {
			t.Fatal("a new log lies in the failed directory")
		}
		select {
		case <-d.AllOffline():
			t.Fatal("all offline")
		default:
		}
		fsys.SetFault(memfs.FailKind(memfs.OpSync, "/", syscall.EIO))
		_ = good.Flush()
		synctest.Wait()
		<-d.AllOffline()
		fsys.SetFault(nil)
		_ = d.Close(context.Background(), -1)
		if exists(fsys, "/a/"+cleanShutdownFile) || exists(fsys, "/b/"+cleanShutdownFile) {
			t.Fatal("a failed directory counts as cleanly shut down")
		}
	})
}

func TestDirectoryThatFailsWhileItIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys, live := memfs.New(), settings(t)
		d := mustOpen(t, fsys, live)
		l := create(t, d, "t", 0)
		if err := write(t, l, "x"); err != nil {
			t.Fatal(err)
		}
		takenOut := false
		d.OnFailure(func(*Dir) {
			time.Sleep(time.Second)
			takenOut = true
		})
		fsys.SetFault(memfs.FailKind(memfs.OpSync, l.Dir().Path()+"/", syscall.EIO))
		if err := d.Close(context.Background(), -1); err == nil {
			t.Fatal("a failed fsync went unnoticed")
		}
		if !takenOut || exists(fsys, l.Dir().Path()+"/"+runningFile) {
			t.Fatal("the next life will take what the failed disk has lost for written")
		}
	})
}

func TestDirectoryThatCannotBeOpened(t *testing.T) {
	fsys, live := memfs.New(), settings(t)
	fsys.SetFault(func(op memfs.Op) error {
		if op.Kind == memfs.OpMkdir && op.Name == "/a" {
			return syscall.EIO
		}
		return nil
	})
	d := mustOpen(t, fsys, live)
	if !d.dirs[0].Offline() || create(t, d, "t", 0).Dir() != d.dirs[1] {
		t.Fatal("/a is to be offline, /b to serve")
	}
	closeDirs(t, d)
	fsys.SetFault(memfs.FailKind(memfs.OpMkdir, "/", syscall.EIO))
	if _, err := open(t, fsys, live); err == nil || !strings.Contains(err.Error(), "none of the log directories") {
		t.Fatalf("got %v", err)
	}
}

func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys, live := memfs.New(), settings(t)
		d := mustOpen(t, fsys, live)
		l := create(t, d, "t", 0)
		for range 20 {
			if err := write(t, l, strings.Repeat("x", 1000)); err != nil {
				t.Fatal(err)
			}
		}
		space, _ := fsys.Space("/")
		fsys.SetCapacity(space.TotalBytes - space.UsableBytes)
		fsys = fsys.Kill()
		d2 := mustOpen(t, fsys, live)
		l = d2.Get(TopicPartition{"t", 0})
		if l.LogEndOffset() != 20 {
			t.Fatalf("log ends at %d", l.LogEndOffset())
		}
		if err := write(t, l, strings.Repeat("x", 5000)); err == nil {
			t.Fatal("a full disk took records")
		}
		time.Sleep(5 * time.Minute) // checkpoints are tried
		if l.Dir().Offline() {
			t.Fatal("a full disk took the directory offline")
		}
		if err := d2.Delete(l.TopicPartition); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if space, _ := fsys.Space("/"); space.UsableBytes < 20_000 {
			t.Fatalf("%d bytes free after deletion", space.UsableBytes)
		}
		closeDirs(t, d2)
		_ = d.Close(t.Context(), -1)
	})
}

func TestDeletion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys, live := memfs.New(), settings(t)
		d := mustOpen(t, fsys, live)
		l := create(t, d, "t", 0)
		if err := d.Delete(l.TopicPartition); err != nil {
			t.Fatal(err)
		}
		name := l.Log.Dir()
		if d.Get(l.TopicPartition) != nil || exists(fsys, "/a/t-0") || !strings.HasSuffix(name, "-delete") || !exists(fsys, name) {
			t.Fatalf("after deletion the log is %s", name)
		}
		again := create(t, d, "t", 0)
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if !exists(fsys, name) {
			t.Fatal("gone before file.delete.delay.ms")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if exists(fsys, name) || !exists(fsys, again.Log.Dir()) {
			t.Fatal("the deleted log is to be gone, its namesake to stay")
		}
		if err := errors.Join(d.Delete(again.TopicPartition), d.Delete(TopicPartition{"no such", 1})); err != nil {
			t.Fatal(err)
		}
		killed := fsys.Kill()
		next := mustOpen(t, killed, live)
		synctest.Wait()
		if next.Get(again.TopicPartition) != nil || exists(killed, again.Log.Dir()) {
			t.Fatal("a deletion is not finished at the next start")
		}
		closeDirs(t, next)
		closeDirs(t, d)
	})
}

func TestSetAside(t *testing.T) {
	fsys, live := memfs.New(), settings(t)
	d := mustOpen(t, fsys, live)
	l := create(t, d, "t", 0)
	if err := d.SetAside(l.TopicPartition); err != nil {
		t.Fatal(err)
	}
	closeDirs(t, d)
	d = mustOpen(t, fsys, live)
	if d.Get(l.TopicPartition) != nil || !strings.HasSuffix(l.Log.Dir(), "-stray") || !exists(fsys, l.Log.Dir()) {
		t.Fatalf("the log is %s", l.Log.Dir())
	}
	closeDirs(t, d)
}

func TestSchedules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := memfs.New()
		live := settings(t, "log.segment.bytes=1048576", "log.retention.ms=3600000", "log.roll.ms=60000", "log.flush.scheduler.interval.ms=1000",
			"log.flush.interval.ms=10000")
		d := mustOpen(t, fsys, live)
		l := create(t, d, "t", 0)
		if err := write(t, l, "old"); err != nil {
			t.Fatal(err)
		}
		if l.RecoveryPoint() != 0 {
			t.Fatal("flushed at once")
		}
		time.Sleep(time.Minute)
		if l.RecoveryPoint() != 1 {
			t.Fatal("not flushed by log.flush.interval.ms")
		}
		time.Sleep(time.Minute)
		if points := l.Dir().readCheckpoint(recoveryPointFile); points[l.TopicPartition] != 1 {
			t.Fatalf("recovery points %v", points)
		}
		if err := write(t, l, "new"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(90 * time.Minute)
		synctest.Wait()
		if l.LogStartOffset() == 0 {
			t.Fatal("retention did not run")
		}
		if starts := l.Dir().readCheckpoint(logStartFile); starts[l.TopicPartition] != l.LogStartOffset() {
			t.Fatalf("log starts %v", starts)
		}
		entries, _ := fsys.ReadDir(l.Log.Dir())
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".deleted") {
				t.Fatalf("%s was not removed", e.Name())
			}
		}
		closeDirs(t, d)
	})
}

func TestWhatDoesNotBelongHere(t *testing.T) {
	for name, complaint := range map[string]string{"lost+found": "", ".snapshot": "", "__cluster_metadata-0": "", "notalog": "/a/notalog"} {
		fsys, live := memfs.New(), settings(t)
		if err := fsys.MkdirAll("/a/" + name); err != nil {
			t.Fatal(err)
		}
		_, err := open(t, fsys, live)
		if complaint == "" && err != nil || complaint != "" && (err == nil || !strings.Contains(err.Error(), complaint)) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	fsys, live := memfs.New(), settings(t)
	if err := errors.Join(fsys.MkdirAll("/a/t-0"), fsys.MkdirAll("/b/t-0")); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, fsys, live); err == nil || !strings.Contains(err.Error(), "two directories") {
		t.Errorf("got %v", err)
	}
}

// A start that goes no further, or is cut short, leaves what it found.
func TestStartThatDoesNotLoad(t *testing.T) {
	fsys, live := memfs.New(), settings(t)
	d := mustOpen(t, fsys, live)
	if err := write(t, create(t, d, "t", 0), "x"); err != nil {
		t.Fatal(err)
	}
	d.CheckpointHighWatermarks(func(*Log) (int64, bool) { return 1, true })
	d.checkpointRecoveryPoints()
	killed := fsys.Kill()
	hurry, cancel := context.WithCancel(t.Context())
	cancel()
	for _, load := range []bool{false, true} {
		d, err := Open(Options{FS: killed, Config: live, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if load {
			if err := d.Load(hurry, func(string) *config.Topic { return nil }); err == nil {
				t.Fatal("a cancelled load succeeded")
			}
		}
		d.CheckpointHighWatermarks(func(*Log) (int64, bool) { return 0, false })
		if err := d.Close(t.Context(), 5); err != nil {
			t.Fatal(err)
		}
		if exists(killed, "/a/"+cleanShutdownFile) {
			t.Fatal("an unclean directory is marked as clean by a start that never read it")
		}
	}
	d = mustOpen(t, killed, live)
	if l := d.Get(TopicPartition{"t", 0}); l.HighWatermark != 1 || l.LogEndOffset() != 1 {
		t.Fatalf("%+v", l)
	}
	if _, ok := d.dirs[0].readCheckpoint(recoveryPointFile)[TopicPartition{"t", 0}]; !ok {
		t.Fatal("recovery points were lost")
	}
	// Closed in haste it is not clean either.
	if err := d.Close(hurry, 5); !errors.Is(err, context.Canceled) || exists(killed, "/a/"+cleanShutdownFile) {
		t.Fatalf("closed in haste: %v", err)
	}
}

func TestBrokenLogAlone(t *testing.T) {
	fsys, live := memfs.New(), settings(t)
	d := mustOpen(t, fsys, live)
	bad := create(t, d, "t", 0)
	create(t, d, "t", 1)
	good := create(t, d, "t", 2)
	d.CheckpointHighWatermarks(func(*Log) (int64, bool) { return 7, true })
	closeDirs(t, d)
	if err := vfs.WriteFileAtomic(fsys, bad.Log.Dir()+"/partition.metadata", []byte("version: 9\n")); err != nil {
		t.Fatal(err)
	}
	d = mustOpen(t, fsys, live)
	if d.Get(bad.TopicPartition) != nil || d.Get(good.TopicPartition) == nil || d.dirs[0].Offline() {
		t.Fatal("one broken log is to be out of service, the others to go on")
	}
	if _, err := d.Create(bad.TopicPartition, topicID, good.Config(), true); !errors.Is(err, ErrOffline) || !strings.Contains(err.Error(), "/a/t-0") {
		t.Fatalf("got %v", err)
	}
	d.CheckpointHighWatermarks(func(*Log) (int64, bool) { return 8, true })
	if got := d.dirs[0].readCheckpoint(highWatermarkFile); got[bad.TopicPartition] != 7 || got[good.TopicPartition] != 8 {
		t.Fatalf("high watermarks %v", got)
	}
	closeDirs(t, d)
}

// A topic may be deleted while segments that retention renamed still wait for their removal.
func TestDeletionAfterRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := memfs.New()
		d := mustOpen(t, fsys, settings(t, "log.retention.ms=60000", "log.roll.ms=60000", "log.retention.check.interval.ms=61000"))
		l := create(t, d, "t", 0)
		for range 3 {
			if err := write(t, l, "x"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(70 * time.Second)
		}
		if l.LogStartOffset() == 0 {
			t.Fatal("retention did not run")
		}
		d.deleteOld()
		if err := d.Delete(l.TopicPartition); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if l.Dir().Offline() || exists(fsys, l.Log.Dir()) {
			t.Fatalf("directory offline: %v; log there: %v", l.Dir().Offline(), exists(fsys, l.Log.Dir()))
		}
		closeDirs(t, d)
	})
}
