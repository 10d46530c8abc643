package compact

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"milena/internal/commitlog"
	"milena/internal/record"

	"pgregory.net/rapid"
)

// checkClean demands that below end there is nothing that a cleaning up to there had to take out.
func (w *world) checkClean(end int64) {
	w.t.Helper()
	last := map[string]int64{}
	for offset, r := range w.records {
		if offset < end && r.key != "" && r.committedBelow(w.log.LogEndOffset()) {
			last[r.key] = max(last[r.key], offset)
		}
	}
	batches, err := readLog(w.log)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, b := range batches {
		for _, r := range b.records {
			if r.Offset < w.log.LogStartOffset() || r.Offset >= end || b.header.IsControl() {
				continue
			}
			if want := w.records[r.Offset]; want.key == "" || last[want.key] != r.Offset {
				w.t.Fatalf("cleaned up to %d: %+v at %d is still there, the last is at %d", end, want, r.Offset, last[want.key])
			}
		}
	}
}

// check compares what a reader of committed records gets with what was written, as far as the log goes.
func (w *world) check(l *commitlog.Log, what string) {
	w.t.Helper()
	fail := func(format string, args ...any) {
		w.t.Helper()
		w.t.Fatalf("%s: %s", what, fmt.Sprintf(format, args...))
	}
	start, end := l.LogStartOffset(), l.LogEndOffset()
	if end < w.durable {
		fail("the log ends at %d, %d was synced", end, w.durable)
	}
	batches, err := readLog(l)
	if err != nil {
		fail("read: %v", err)
	}
	stable := end
	if unstable, ok := l.FirstUnstableOffset(); ok {
		stable = unstable
	}
	got := w.committed(l, batches, start, stable, fail)
	want := map[string]string{}
	for _, offset := range slices.Sorted(maps.Keys(w.records)) {
		r := w.records[offset]
		if offset < start || offset >= stable || r.key == "" || !r.committedBelow(end) {
			continue
		}
		if want[r.key] = r.value; r.value == "" {
			delete(want, r.key)
		}
	}
	if !maps.Equal(got, want) {
		fail("a reader from %d to %d gets\n%v, written was\n%v", start, stable, got, want)
	}
	w.checkProducers(l, end, fail)
}

// committed is what a read_committed reader makes of the log, as clients do it.
func (w *world) committed(l *commitlog.Log, batches []readBatch, start, stable int64, fail func(string, ...any)) map[string]string {
	w.t.Helper()
	aborted, err := l.AbortedTxns(start, stable)
	if err != nil {
		fail("aborted transactions: %v", err)
	}
	slices.SortFunc(aborted, func(a, b commitlog.AbortedTxn) int { return int(a.FirstOffset - b.FirstOffset) })
	got, ended, last := map[string]string{}, map[int64]bool{}, int64(-1)
	for _, b := range batches {
		for len(aborted) > 0 && aborted[0].FirstOffset <= b.header.LastOffset {
			ended[aborted[0].ProducerID] = true
			aborted = aborted[1:]
		}
		if b.header.IsControl() {
			if kind, _, err := record.ParseControl(b.batch); err == nil && kind == record.ControlAbort {
				delete(ended, b.header.ProducerID)
			}
			continue
		}
		for _, r := range b.records {
			if r.Offset <= last {
				fail("offset %d after %d", r.Offset, last)
			}
			last = r.Offset
			want, ok := w.records[r.Offset]
			if !ok || string(r.Key) != want.key || string(r.Value) != want.value || (r.Key == nil) != (want.key == "") {
				fail("at %d there is %q=%q, written was %+v", r.Offset, r.Key, r.Value, want)
			}
			if r.Offset < start || r.Offset >= stable || r.Key == nil || b.header.IsTransactional() && ended[b.header.ProducerID] {
				continue
			}
			if got[want.key] = want.value; want.value == "" {
				delete(got, want.key)
			}
		}
	}
	return got
}

// checkProducers demands that the log knows the last sequence number of each producer.
func (w *world) checkProducers(l *commitlog.Log, end int64, fail func(string, ...any)) {
	w.t.Helper()
	if w.headless {
		return
	}
	want := map[int64]int32{}
	for _, b := range w.batches {
		if b.last < end && b.producer >= 0 {
			want[b.producer] = b.sequence
		}
	}
	for _, p := range l.Producers() {
		if p.LastSequence != want[p.ID] {
			fail("producer %d is at %d, should be at %d", p.ID, p.LastSequence, want[p.ID])
		}
		delete(want, p.ID)
	}
	if len(want) > 0 && l.LogStartOffset() == 0 {
		fail("producers %v are forgotten", want)
	}
}

func TestCleaningAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, rapid.Uint64().Draw(t, "seed"))
		// A small map makes cleanings that end before what could be cleaned does.
		if rapid.Bool().Draw(t, "small map") {
			w.cleaner = New(Options{MapBytes: 10 * slotBytes, MapLoad: 0.9, IOBytes: 1 << 10, Throttle: &Throttle{}})
		}
		var err error
		if w.log, err = openLog(w.fs, w.cfg, commitlog.OpenOptions{Clean: true}); err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(20, 150).Draw(t, "steps") {
			if err := w.step(); err != nil {
				t.Fatal(err)
			}
		}
		w.check(w.log, "at the end")
		for range 3 {
			if _, err := w.clean(); err != nil {
				t.Fatal(err)
			}
			w.clock += 2 * retainMs
		}
		w.check(w.log, "cleaned")
		// A clean stop, and a recovery of every segment.
		start, cleaned := w.log.LogStartOffset(), w.log.CleanedTo()
		if err := w.log.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		for _, opts := range []commitlog.OpenOptions{{Clean: true}, {}} {
			opts.LogStartOffset, opts.CleanedTo, opts.RecoveryPoint = start, cleaned, w.point
			l, err := openLog(w.fs.Kill(), w.cfg, opts)
			if err != nil {
				t.Fatal(err)
			}
			l.SetHighWatermark(l.LogEndOffset())
			w.check(l, fmt.Sprintf("opened with %+v", opts))
			l.CloseDirty()
		}
	})
}
