package commitlog

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/record"
	"milena/internal/vfs"
	"milena/internal/vfs/memfs"
)

var errBroken = errors.New("the disk is broken")

// openFaulty opens a log on a file system that can fail, and counts how often the directory was told.
func openFaulty(t *testing.T, fs *memfs.FS, opts OpenOptions) (l *Log, told *int) {
	t.Helper()
	told = new(int)
	env := testEnv(fs)
	env.Failed = func(error) { *told++ }
	cfg := testConfig()
	cfg.SegmentBytes = 20000
	l, err := Open(env, "topic-0", cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.CloseDirty)
	return l, told
}

func appendPlain(t *testing.T, l *Log) error {
	t.Helper()
	_, err := l.AppendAsLeader(batchOf(t, plain(), 1, 1000, nowMs()), 0, record.FromClient)
	return err
}

func TestFullDisk(t *testing.T) {
	fs := memfs.New()
	l, told := openFaulty(t, fs, OpenOptions{Clean: true})
	fs.SetCapacity(50_500)
	n := int64(0)
	var err error
	for ; err == nil; n++ {
		err = appendPlain(t, l)
	}
	if !errors.Is(err, ErrNoSpace) || *told > 0 {
		t.Fatalf("a full disk gave %v, the directory was told %d times", err, *told)
	}
	end := l.LogEndOffset()
	if end != n-1 {
		t.Fatalf("the log ends at %d after %d appends", end, n-1)
	}
	for range 3 {
		if err := appendPlain(t, l); !errors.Is(err, ErrNoSpace) {
			t.Fatalf("append gave %v", err)
		}
	}
	s, err := l.Read(end-1, 1<<20, end, true)
	if err != nil || s.SizeBytes == 0 {
		t.Fatalf("a read of the full disk gave %d bytes, %v", s.SizeBytes, err)
	}
	s.Release()
	// It can be started on.
	l.flusher.settle()
	killed := fs.Kill()
	killed.SetCapacity(50_500)
	again, told := openFaulty(t, killed, OpenOptions{})
	if again.LogEndOffset() != end || *told > 0 {
		t.Fatalf("after a restart the log ends at %d, not %d", again.LogEndOffset(), end)
	}
	// Retention makes room.
	again.SetHighWatermark(end)
	if err := again.AdvanceLogStartOffset(end - 1); err != nil {
		t.Fatal(err)
	}
	if n, err := again.DeleteOld(nowMs()); err != nil || n == 0 {
		t.Fatalf("deleted %d, %v", n, err)
	}
	if err := again.DeleteRenamed(nowMs()); err != nil {
		t.Fatal(err)
	}
	if err := appendPlain(t, again); err != nil {
		t.Fatal(err)
	}
}

// TestFullDiskWhileSyncing: leader epochs that find no room refuse what waits for the sync, and nothing else is lost by it.
func TestFullDiskWhileSyncing(t *testing.T) {
	fs := memfs.New()
	l, told := openFaulty(t, fs, OpenOptions{Clean: true})
	cfg := *l.cfg.Load()
	cfg.FlushMessages = 1
	l.SetConfig(&cfg)
	fs.SetFault(memfs.FailKind(memfs.OpWrite, epochFile, syscall.ENOSPC))
	for range 2 {
		if err := appendPlain(t, l); !errors.Is(err, ErrNoSpace) || errors.Is(err, ErrStorage) {
			t.Fatalf("append gave %v", err)
		}
	}
	fs.SetFault(nil)
	if err := appendPlain(t, l); err != nil {
		t.Fatal(err)
	}
	if *told > 0 || l.synced.Load() != 3 {
		t.Errorf("the directory was told %d times; durable to %d", *told, l.synced.Load())
	}
	if after, err := vfs.ReadFile(fs.Crash(0), "topic-0/"+epochFile); err != nil || string(after) != "0\n1\n0 0\n" {
		t.Errorf("%q, %v", after, err)
	}
}

func TestBrokenDisk(t *testing.T) {
	for name, kind := range map[string]memfs.OpKind{"write": memfs.OpWrite, "sync": memfs.OpSync} {
		t.Run(name, func(t *testing.T) {
			fs := memfs.New()
			l, told := openFaulty(t, fs, OpenOptions{Clean: true})
			if err := appendPlain(t, l); err != nil {
				t.Fatal(err)
			}
			fs.SetFault(memfs.FailKind(kind, ".log", errBroken))
			err := appendPlain(t, l)
			if err == nil {
				err = l.Flush()
			}
			if !errors.Is(err, ErrStorage) || !errors.Is(err, errBroken) || *told != 1 {
				t.Fatalf("gave %v, the directory was told %d times", err, *told)
			}
			fs.SetFault(nil)
			if err := appendPlain(t, l); !errors.Is(err, ErrStorage) {
				t.Errorf("a later append gave %v", err)
			}
			if _, err := l.Read(0, 1, 1, true); !errors.Is(err, ErrStorage) {
				t.Errorf("a later read gave %v", err)
			}
			if err := l.Close(context.Background()); !errors.Is(err, ErrStorage) {
				t.Errorf("close gave %v", err)
			}
			if *told != 1 {
				t.Errorf("the directory was told %d times", *told)
			}
		})
	}
}

// TestGroupCommit: appends that wait while a slow sync runs share the next one.
func TestGroupCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := memfs.New()
		l, _ := openFaulty(t, fs, OpenOptions{Clean: true})
		cfg := *l.Config()
		cfg.FlushMessages, cfg.SegmentBytes = 1, 1<<30
		l.SetConfig(&cfg)
		syncs := 0
		fs.SetFault(func(op memfs.Op) error {
			if op.Kind == memfs.OpSync && strings.HasSuffix(op.Name, ".log") {
				syncs++
				time.Sleep(10 * time.Millisecond)
			}
			return nil
		})
		const appends = 50
		started := time.Now()
		done := make(chan error)
		for range appends {
			go func() { done <- appendPlain(t, l) }()
		}
		for range appends {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(started); syncs > 3 || took > 30*time.Millisecond {
			t.Errorf("%d appends took %d syncs and %v", appends, syncs, took)
		}
		if l.synced.Load() != appends {
			t.Errorf("synced up to %d", l.synced.Load())
		}
		l.flusher.settle()
	})
}

// TestRetainedReader: a segment that retention removed stays readable until its reader is done.
func TestRetainedReader(t *testing.T) {
	fs := memfs.New()
	l, _ := openFaulty(t, fs, OpenOptions{Clean: true})
	for range 40 {
		if err := appendPlain(t, l); err != nil {
			t.Fatal(err)
		}
	}
	s, err := l.Read(0, 1000, 40, true)
	if err != nil {
		t.Fatal(err)
	}
	l.SetHighWatermark(40)
	if err := l.AdvanceLogStartOffset(39); err != nil {
		t.Fatal(err)
	}
	if _, err := l.DeleteOld(nowMs()); err != nil {
		t.Fatal(err)
	}
	deleted := "topic-0/00000000000000000000.log.deleted"
	if _, err := fs.Stat(deleted); err != nil {
		t.Fatal(err)
	}
	if err := l.DeleteRenamed(nowMs()); err != nil {
		t.Fatal(err)
	}
	l.flusher.settle() // the background flush of a rolled segment is a reader too
	if _, err := s.Ranges[0].File.ReadAt(make([]byte, s.SizeBytes), s.Ranges[0].Offset); err != nil {
		t.Errorf("the reader lost its file: %v", err)
	}
	s.Release()
	if _, err := fs.Stat(deleted); err == nil {
		t.Error("the file is still there after its last reader")
	}
	if _, err := l.Read(0, 1000, 40, true); !errors.Is(err, ErrOffsetOutOfRange) {
		t.Errorf("a read below the start gave %v", err)
	}
}

// TestDeleteUnderLoad: a log that is deleted while it is appended to, rolled and synced does not call its directory broken.
func TestDeleteUnderLoad(t *testing.T) {
	for range 20 {
		l, told := openFaulty(t, memfs.New(), OpenOptions{Clean: true})
		cfg := *l.Config()
		cfg.FlushMessages, cfg.SegmentBytes = 3, 2000
		l.SetConfig(&cfg)
		done := make(chan struct{})
		for range 3 {
			go func() {
				defer func() { done <- struct{}{} }()
				for appendPlain(t, l) == nil {
				}
			}()
		}
		for l.LogEndOffset() < 20 {
			if _, err := l.Read(0, 1, 20, true); err != nil {
				t.Error(err)
			}
		}
		if err := l.Delete(); err != nil {
			t.Error(err)
		}
		for range 3 {
			<-done
		}
		if *told != 0 {
			t.Fatalf("the directory was told %v", *l.failure.Load())
		}
	}
}

// TestDamagedEpochs: leader epochs that cannot be read are taken from the batches, whether the log was closed or not.
func TestDamagedEpochs(t *testing.T) {
	for _, clean := range []bool{true, false} {
		fs := memfs.New()
		l, _ := openFaulty(t, fs, OpenOptions{Clean: true})
		for _, epoch := range []int32{0, 0, 3, 3, 3, 7} {
			if _, err := l.AppendAsLeader(batchOf(t, plain(), 2, 5000, nowMs()), epoch, record.FromClient); err != nil {
				t.Fatal(err)
			}
		}
		want := slices.Clone(l.epochs.list)
		if err := l.Close(t.Context()); err != nil || len(want) != 3 || l.Segments() < 2 {
			t.Fatal(err, want, l.Segments())
		}
		if err := vfs.WriteFileAtomic(fs, "topic-0/"+epochFile, []byte("0\n3\n0 0")); err != nil {
			t.Fatal(err)
		}
		again, _ := openFaulty(t, fs, OpenOptions{Clean: clean, RecoveryPoint: l.LogEndOffset()})
		if !slices.Equal(again.epochs.list, want) {
			t.Errorf("clean %v: %v, want %v", clean, again.epochs.list, want)
		}
		if err := errors.Join(again.Flush(), again.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSyncedWhileClosed: who asks for an fsync while the log is closed is answered; the race detector says whether asking and closing see each other.
func TestSyncedWhileClosed(t *testing.T) {
	for range 200 {
		l, told := openFaulty(t, memfs.New(), OpenOptions{Clean: true})
		if err := appendPlain(t, l); err != nil {
			t.Fatal(err)
		}
		answers := make(chan error)
		const asking = 4
		for range asking {
			go l.WhenSynced(1, func(err error) { answers <- err })
		}
		go l.CloseDirty()
		for range asking {
			if err := <-answers; err != nil && !errors.Is(err, errClosed) {
				t.Fatal(err)
			}
		}
		if *told > 0 {
			t.Fatal("the directory was taken for broken")
		}
	}
}
