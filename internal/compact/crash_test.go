package compact

import (
	"errors"
	"fmt"
	"testing"

	"milena/internal/commitlog"
	"milena/internal/record"
	"milena/internal/vfs/memfs"
)

// runUntil works on a log until its file system stops at a change, or the steps are done.
func runUntil(t *testing.T, seed uint64, stopAt int64, steps int) *world {
	w := newWorld(t, seed)
	if stopAt > 0 {
		w.fs.StopAt(w.fs.Changes() + stopAt)
	}
	l, err := openLog(w.fs, w.cfg, commitlog.OpenOptions{Clean: true})
	if err != nil {
		return w
	}
	w.log = l
	for range steps {
		if err := w.step(); err != nil && !errors.Is(err, memfs.ErrStopped) {
			t.Fatal(err)
		}
		if w.fs.Stopped() {
			break
		}
	}
	return w
}

// survive opens what a crash left, compares, and goes on appending and cleaning.
func (w *world) survive(fs *memfs.FS, opts commitlog.OpenOptions, what string) {
	w.t.Helper()
	l, err := openLog(fs, w.cfg, opts)
	if err != nil {
		w.t.Fatalf("%s: open: %v", what, err)
	}
	l.SetHighWatermark(l.LogEndOffset())
	// The name of a first segment that was never synced may be lost before that of the second.
	w.headless = l.SegmentList()[0].BaseOffset() > opts.LogStartOffset
	w.check(l, what)
	after := w.goOn(fs, l)
	for range 3 {
		for range 12 {
			if err := after.append(); err != nil {
				w.t.Fatalf("%s: append: %v", what, err)
			}
		}
		if err := after.end(); err != nil {
			w.t.Fatalf("%s: end of a transaction: %v", what, err)
		}
		after.clock += 2 * retainMs
		if _, err := after.clean(); err != nil {
			w.t.Fatalf("%s: clean: %v", what, err)
		}
	}
	after.check(l, what+", gone on")
	l.CloseDirty()
}

// goOn is the world as the recovered log has it.
func (w *world) goOn(fs *memfs.FS, l *commitlog.Log) *world {
	w.t.Helper()
	end := l.LogEndOffset()
	after := newWorld(w.t, uint64(end))
	after.headless = w.headless
	after.fs, after.log, after.clock, after.values = fs, l, w.clock, w.values
	for offset, r := range w.records {
		if offset < end {
			after.records[offset] = r
		}
	}
	for _, b := range w.batches {
		if b.last < end {
			after.batches = append(after.batches, b)
		}
	}
	states := map[*txnState]*txnState{}
	for _, p := range l.Producers() {
		after.seq[p.ID] = p.LastSequence + 1
		if p.TxnStartOffset >= 0 {
			old := after.records[p.TxnStartOffset].txn
			states[old] = &txnState{} // its marker may be lost
			after.open[p.ID] = states[old]
		}
	}
	for offset, r := range after.records {
		if open := states[r.txn]; open != nil && r.txn != nil {
			r.txn = open
			after.records[offset] = r
		}
	}
	return after
}

func TestCrashAtEveryOperation(t *testing.T) {
	const steps = 80
	seeds := []uint64{1, 7}
	if testing.Short() {
		seeds = seeds[:1]
	}
	for _, seed := range seeds {
		whole := runUntil(t, seed, 0, steps)
		changes := whole.fs.Changes()
		whole.log.CloseDirty()
		t.Logf("seed %d: %d operations, cleaned to %d of %d", seed, changes, whole.log.CleanedTo(), whole.log.LogEndOffset())
		every := int64(1)
		if raceEnabled {
			every = 7 // some of them, that it ends
		}
		for at := int64(1); at <= changes; at += every {
			w := runUntil(t, seed, at, steps)
			opts := commitlog.OpenOptions{}
			if w.log != nil {
				opts.RecoveryPoint, opts.LogStartOffset = w.point, w.log.LogStartOffset()
				opts.CleanedTo = w.log.CleanedTo()
				w.log.CloseDirty()
			}
			w.survive(w.fs.Kill(), opts, fmt.Sprintf("seed %d, killed at %d", seed, at))
			if at%2 == 0 {
				opts.CleanedTo = 0 // the cleaner's checkpoint was not written
			}
			w.survive(w.fs.Crash(uint64(at)), opts, fmt.Sprintf("seed %d, power cut %d at %d", seed, at, at))
		}
	}
}

// TestMarkersOutliveTheirRecords: records of an ended transaction are never there without the marker behind them.
func TestMarkersOutliveTheirRecords(t *testing.T) {
	w := newWorld(t, 1)
	var err error
	if w.log, err = openLog(w.fs, w.cfg, commitlog.OpenOptions{Clean: true}); err != nil {
		t.Fatal(err)
	}
	for range 400 {
		if err := w.step(); err != nil {
			t.Fatal(err)
		}
		w.clock += retainMs
		open := map[int64]bool{}
		batches, err := readLog(w.log)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range batches {
			if b.header.IsControl() && b.header.Count > 0 {
				delete(open, b.header.ProducerID)
				if _, _, err := record.ParseControl(b.batch); err != nil {
					t.Fatal(err)
				}
			} else if b.header.IsTransactional() && !b.header.IsControl() {
				open[b.header.ProducerID] = true
			}
		}
		for id := range open {
			if w.open[id] == nil {
				t.Fatalf("records of producer %d have lost their marker", id)
			}
		}
	}
	w.log.CloseDirty()
}
