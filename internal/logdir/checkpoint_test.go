package logdir

import (
	"errors"
	"strings"
	"testing"

	"milena/internal/record"
	"milena/internal/vfs/memfs"
)

// note writes every checkpoint, as the schedules do.
func note(d *Dirs, high int64) {
	d.checkpointRecoveryPoints()
	d.checkpointLogStarts()
	d.CheckpointHighWatermarks(func(*Log) (int64, bool) { return high, true })
}

// deletedAfter has a log end at offset 5, begin there, and be deleted, with a checkpoint of each.
func deletedAfter(t *testing.T, d *Dirs) TopicPartition {
	t.Helper()
	l := create(t, d, "t", 0)
	for range 5 {
		if err := write(t, l, "old"); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := l.AdvanceLogStartOffset(5); err != nil {
		t.Fatal(err)
	}
	note(d, 5)
	if err := d.Delete(l.TopicPartition); err != nil {
		t.Fatal(err)
	}
	return l.TopicPartition
}

// TestDeletedLogLeavesNothingToItsSuccessor: what the checkpoints say of a log that was deleted is not taken for what they say of the one that
// was made in its place, though the process dies before they are written again.
func TestDeletedLogLeavesNothingToItsSuccessor(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		fsys, live := memfs.New(), settings(t, "log.dirs=/a")
		d := mustOpen(t, fsys, live)
		tp := deletedAfter(t, d)
		if restarted {
			fsys = fsys.Kill()
			d = mustOpen(t, fsys, live)
		}
		l := create(t, d, tp.Topic, tp.Partition)
		for range 2 {
			if err := write(t, l, "new"); err != nil {
				t.Fatal(err)
			}
		}
		d = mustOpen(t, fsys.Kill(), live)
		l = d.Get(tp)
		if start, end := l.LogStartOffset(), l.LogEndOffset(); start != 0 || end != 2 || l.HighWatermark != 0 {
			t.Errorf("restarted %v: the log reaches from %d to %d, high watermark %d", restarted, start, end, l.HighWatermark)
		}
		if point := d.dirs[0].atStart[recoveryPointFile][tp]; point != 0 {
			t.Errorf("restarted %v: recovery point %d", restarted, point)
		}
	}
}

// TestTruncationTakesBackCheckpoints: what comes in the place of truncated records is not taken for synced, nor for what DeleteRecords has removed.
func TestTruncationTakesBackCheckpoints(t *testing.T) {
	fsys, live := memfs.New(), settings(t, "log.dirs=/a")
	d := mustOpen(t, fsys, live)
	l := create(t, d, "t", 0)
	for range 10 {
		if err := write(t, l, "old"); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := l.AdvanceLogStartOffset(6); err != nil {
		t.Fatal(err)
	}
	note(d, 10)
	if err := l.TruncateTo(4); err != nil {
		t.Fatal(err)
	}
	if point := l.dir.readCheckpoint(recoveryPointFile)[l.TopicPartition]; point > 4 {
		t.Errorf("cut at 4, and recovery would begin at %d", point)
	}
	if err := write(t, l, "new"); err != nil {
		t.Fatal(err)
	}
	d = mustOpen(t, fsys.Kill(), live)
	if l = d.Get(l.TopicPartition); l.LogEndOffset() != 5 || l.LogStartOffset() > 4 {
		t.Errorf("the log reaches from %d to %d", l.LogStartOffset(), l.LogEndOffset())
	}
}

// TestPowerCutAfterTruncation: where nothing of a rolled segment was synced since a truncation, a power cut leaves a log without a hole.
func TestPowerCutAfterTruncation(t *testing.T) {
	for seed := range uint64(32) {
		fsys, live := memfs.New(), settings(t, "log.dirs=/a")
		d := mustOpen(t, fsys, live)
		l := create(t, d, "t", 0)
		for range 10 {
			if err := write(t, l, "old"); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
		note(d, 10)
		if err := l.TruncateTo(4); err != nil {
			t.Fatal(err)
		}
		plugged := make(chan struct{})
		fsys.SetFault(func(op memfs.Op) error {
			if op.Kind == memfs.OpSync && strings.HasSuffix(op.Name, ".log") {
				<-plugged // the disk is slow
			}
			return nil
		})
		for i := range 4 {
			if err := write(t, l, "new"); err != nil {
				t.Fatal(err)
			}
			if i == 1 {
				if err := l.Roll(); err != nil {
					t.Fatal(err)
				}
			}
		}
		after := fsys.Crash(seed)
		close(plugged)
		d = mustOpen(t, after, live)
		found := d.Get(l.TopicPartition)
		if found == nil {
			t.Errorf("power cut %d: the log cannot be opened: %v", seed, d.Broken(l.TopicPartition))
		} else if err := readWhole(found); err != nil {
			t.Errorf("power cut %d: a log from %d to %d: %v", seed, found.LogStartOffset(), found.LogEndOffset(), err)
		}
	}
}

// readWhole reads every batch, which follow each other without a gap.
func readWhole(l *Log) error {
	for at := l.LogStartOffset(); at < l.LogEndOffset(); {
		s, err := l.Read(at, 1<<20, l.LogEndOffset(), true)
		if err != nil {
			return err
		}
		defer s.Release()
		for _, r := range s.Ranges {
			b := make([]byte, r.Size)
			if _, err := r.File.ReadAt(b, r.Offset); err != nil {
				return err
			}
			for len(b) > 0 {
				h, err := record.ParseHeader(b)
				if err == nil {
					err = record.CheckCRC(b[:h.SizeBytes])
				}
				if err != nil {
					return err
				}
				if h.BaseOffset != at {
					return errHole
				}
				at, b = h.LastOffset+1, b[h.SizeBytes:]
			}
		}
		if s.SizeBytes == 0 {
			return errHole
		}
	}
	return nil
}

var errHole = errors.New("a hole in the log")

// TestStaleLinesAreForgotten: topics that come and go leave nothing behind that grows.
func TestStaleLinesAreForgotten(t *testing.T) {
	d := mustOpen(t, memfs.New(), settings(t, "log.dirs=/a"))
	tp := deletedAfter(t, d)
	d.checkpointRecoveryPoints()
	dir := d.dirs[0]
	if len(dir.stale) > 0 {
		t.Errorf("%v is kept in mind", dir.stale)
	}
	for _, name := range checkpointFiles {
		if lines := dir.readCheckpoint(name); len(lines) > 0 {
			t.Errorf("%s has %v, though %v is gone", name, lines, tp)
		}
	}
}
