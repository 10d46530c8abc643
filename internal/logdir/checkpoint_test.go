package logdir

import (
	"testing"

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
