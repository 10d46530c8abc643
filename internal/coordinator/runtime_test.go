package coordinator

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/record"
)

func inBubble(t *testing.T, f func(t *testing.T, h *house)) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		f(t, h)
		h.Stop()
	})
}

// elect makes a partition active in an epoch.
func (h *house) elect(partition, epoch int32) {
	h.log.mu.Lock()
	h.log.part(partition).epoch = epoch
	h.log.mu.Unlock()
	h.Elect(partition, epoch)
	synctest.Wait()
}

func (h *house) want(partition int32, key, value string) {
	h.t.Helper()
	var got string
	if err := h.Do(partition, func(m *kv) Result { got = m.values[key]; return Result{} }); err != nil || got != value {
		h.t.Fatalf("%s is %q (%v), want %q", key, got, err, value)
	}
}

// outcome keeps what Then was told.
type outcome struct {
	errs []error
	at   time.Time
}

func (o *outcome) told(err error) { o.errs, o.at = append(o.errs, err), time.Now() }

func (o *outcome) is(t *testing.T, want ...error) {
	t.Helper()
	if !slices.EqualFunc(o.errs, want, func(got, want error) bool { return got == want || want != nil && errors.Is(got, want) }) {
		t.Fatalf("told %v, want %v", o.errs, want)
	}
}

func TestReplayAfterAppend(t *testing.T) {
	inBubble(t, func(t *testing.T, h *house) {
		if err := h.put(0, "a", "1", nil); err != ErrNotCoordinator {
			t.Fatal(err)
		}
		h.elect(0, 3)
		var o outcome
		if err := h.put(0, "a", "1", o.told); err != nil {
			t.Fatal(err)
		}
		o.is(t, nil) // committed at once: told before Do returns
		h.want(0, "a", "1")
		h.Resign(0, 3)
		if err := h.put(0, "a", "2", nil); err != ErrNotCoordinator {
			t.Fatal(err)
		}
		h.elect(0, 4)
		h.want(0, "a", "1")
		if h.machines[0].unloaded != 1 || h.machines[1].host.LeaderEpoch() != 4 || h.machines[1].host.Partition() != 0 {
			t.Fatal("not unloaded once, or a wrong host")
		}
	})
}

func TestAllOrNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, h *house) {
		h.elect(0, 1)
		for _, refuse := range []error{ErrUnavailable, ErrNotCoordinator, fmt.Errorf("%w: disk full", ErrUnavailable)} {
			h.log.part(0).refuse = refuse
			var o outcome
			h.put(0, "a", "1", o.told)
			o.is(t, refuse)
			h.want(0, "a", "")
		}
		h.log.part(0).refuse = nil
		h.log.maxBatch = 100
		var o outcome
		h.put(0, "a", strings.Repeat("x", 100), o.told)
		o.is(t, ErrTooLarge)
		h.want(0, "a", "")
		h.put(0, "a", "1", o.told)
		o.is(t, ErrTooLarge, nil)
		h.Do(0, func(*kv) Result { return Result{Records: []Record{{[]byte("b"), []byte("1")}, {[]byte("a"), nil}}} })
		h.want(0, "a", "")
		h.want(0, "b", "1")
		if got := h.machines[0].offsets; !slices.Equal(got, []int64{0, 1, 2}) || h.log.appends != 2 {
			t.Fatal(got, h.log.appends)
		}
	})
}

func TestThenWaitsForTheCommit(t *testing.T) {
	inBubble(t, func(t *testing.T, h *house) {
		h.log.auto = false
		h.elect(0, 1)
		var order []string
		note := func(name string) func(error) {
			return func(err error) { order = append(order, fmt.Sprint(name, " ", err)) }
		}
		read := func(name string) {
			h.Do(0, func(m *kv) Result { return Result{Then: note(name)} })
		}
		read("r0") // nothing was ever appended
		h.put(0, "a", "1", note("a"))
		read("r1")
		h.put(0, "b", "2", note("b"))
		read("r2")
		h.want(0, "b", "2") // replayed, though not committed
		h.log.commit(0, 1)
		synctest.Wait()
		if got := strings.Join(order, ", "); got != "r0 <nil>, r1 <nil>, a <nil>" && got != "r0 <nil>, a <nil>, r1 <nil>" {
			t.Fatal(got)
		}
		h.log.commit(0, 2)
		synctest.Wait()
		if len(order) != 5 {
			t.Fatal(order)
		}
		read("r3")
		if order[5] != "r3 <nil>" {
			t.Fatal(order)
		}
	})
}

func TestCommitTimesOut(t *testing.T) {
	inBubble(t, func(t *testing.T, h *house) {
		h.log.auto = false
		h.elect(0, 1)
		began := time.Now()
		var a, b outcome
		h.put(0, "a", "1", a.told)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		h.put(0, "b", "2", b.told)
		time.Sleep(time.Minute)
		synctest.Wait()
		a.is(t, ErrTimedOut)
		b.is(t, ErrTimedOut)
		if a.at.Sub(began) != 5*time.Second || b.at.Sub(began) != 8*time.Second {
			t.Fatal(a.at.Sub(began), b.at.Sub(began))
		}
		h.want(0, "a", "1") // it may still be committed
		var c outcome
		h.put(0, "c", "3", c.told)
		h.log.commit(0, 3)
		synctest.Wait()
		c.is(t, nil)
	})
}

func TestResignWhileWaiting(t *testing.T) {
	inBubble(t, func(t *testing.T, h *house) {
		h.log.auto = false
		var order []string
		h.onGone = func(m *kv) {
			order = append(order, "unloaded")
			m.host.Schedule("late", time.Second, func() Result { t.Error("a timer after Unloaded"); return Result{} })
		}
		h.elect(0, 1)
		h.put(0, "a", "1", func(err error) { order = append(order, fmt.Sprint("a ", err == ErrNotCoordinator)) })
		h.put(0, "b", "1", func(err error) { order = append(order, fmt.Sprint("b ", err == ErrNotCoordinator)) })
		h.Do(0, func(m *kv) Result {
			m.host.Schedule("x", time.Second, func() Result { t.Error("a timer after Resign"); return Result{} })
			return Result{}
		})
		h.Resign(0, 0) // old
		if len(order) != 0 {
			t.Fatal(order)
		}
		h.Resign(0, 2)
		h.Resign(0, 2)
		h.log.commit(0, 2)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := strings.Join(order, ", "); got != "unloaded, a true, b true" && got != "a true, b true, unloaded" {
			t.Fatal(got)
		}
		h.elect(0, 1) // older than the resignation
		if err := h.Do(0, nil); err != ErrNotCoordinator {
			t.Fatal(err)
		}
		h.Resign(0, -1)
		h.elect(0, 0) // the topic is another one
		h.want(0, "a", "1")
	})
}

func TestElectAnew(t *testing.T) {
	inBubble(t, func(t *testing.T, h *house) {
		h.elect(0, 1)
		h.put(0, "a", "1", func(error) {})
		h.elect(0, 1)
		if len(h.machines) != 1 {
			t.Fatal("loaded twice in one epoch")
		}
		h.elect(0, 5)
		if len(h.machines) != 2 || h.machines[0].unloaded != 1 || !h.machines[1].loaded {
			t.Fatal("not loaded anew")
		}
		h.want(0, "a", "1")
	})
}

func TestDeposedWithoutKnowing(t *testing.T) {
	inBubble(t, func(t *testing.T, h *house) {
		h.elect(0, 1)
		h.log.part(0).epoch = 2 // another leads
		var o outcome
		h.put(0, "a", "1", o.told)
		o.is(t, ErrNotCoordinator)
		h.want(0, "a", "")
	})
}

func TestTimers(t *testing.T) {
	inBubble(t, func(t *testing.T, h *house) {
		h.onLoaded = func(m *kv) {
			m.host.Schedule("loaded", time.Second, func() Result { return Result{Records: []Record{{[]byte("timer"), []byte("yes")}}} })
		}
		h.elect(0, 1)
		var fired []string
		schedule := func(key, name string, after time.Duration) {
			h.Do(0, func(m *kv) Result {
				m.host.Schedule(key, after, func() Result { fired = append(fired, name); return Result{} })
				return Result{}
			})
		}
		schedule("a", "a1", 3*time.Second)
		schedule("b", "b", 2*time.Second)
		schedule("a", "a2", 4*time.Second)
		schedule("c", "c", time.Second)
		h.Do(0, func(m *kv) Result { m.host.Cancel("c"); m.host.Cancel("nobody"); return Result{} })
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := strings.Join(fired, " "); got != "b a2" {
			t.Fatal(got)
		}
		h.want(0, "timer", "yes")
		// A timer that fired but has not got the lock yet when it is cancelled.
		schedule("d", "d", time.Second)
		h.Do(0, func(m *kv) Result {
			m.host.Cancel("d")
			m.host.Schedule("d", 0, func() Result { fired = append(fired, "d2"); return Result{} })
			m.host.Cancel("d")
			return Result{}
		})
		var o outcome
		h.log.part(0).refuse = ErrUnavailable
		h.Do(0, func(m *kv) Result {
			m.host.Schedule("e", time.Second, func() Result { return Result{Records: []Record{{[]byte("e"), nil}}, Then: o.told} })
			return Result{}
		})
		time.Sleep(time.Hour)
		synctest.Wait()
		o.is(t, ErrUnavailable)
		if len(fired) != 2 {
			t.Fatal(fired)
		}
	})
}

// Replies run without the lock: they may ask for more on the same goroutine.
func TestRepliesMayAskAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, h *house) {
		h.elect(0, 1)
		n := 0
		var again func(error)
		again = func(err error) {
			if n++; n < 10 {
				h.put(0, "n", fmt.Sprint(n), again)
			}
		}
		h.put(0, "n", "0", again)
		h.want(0, "n", "9")
	})
}

func TestLoading(t *testing.T) {
	inBubble(t, func(t *testing.T, h *house) {
		p := h.log.part(0)
		p.add(build(t, builder(), "gone", "1"))
		zipped := builder()
		zipped.Codec = record.Gzip // a decoder of zstd holds channels: one from the pool would carry them into another test's bubble
		p.add(build(t, zipped, "a", "1", "b", "1", "bad", "1", "c", "1"))
		txn := builder()
		txn.Transactional, txn.ProducerID, txn.ProducerEpoch, txn.BaseSequence = true, 7, 0, 0
		p.add(build(t, txn, "t7", "1"))
		txn.ProducerID = 8
		p.add(build(t, txn, "t8", "1"))
		txn.ProducerID = 9
		p.add(build(t, txn, "t9", "1"))
		p.add(record.EndMarker(7, 0, record.ControlCommit, 0, 1000))
		p.add(record.EndMarker(8, 0, record.ControlAbort, 0, 1000))
		gap := builder()
		batch := build(t, gap, "big", strings.Repeat("x", 1000))
		p.end += 5 // compacted away
		p.add(batch)
		p.start = 2 // inside the second batch
		h.elect(0, 1)
		for key, value := range map[string]string{"gone": "", "a": "", "b": "1", "c": "1", "t7": "1", "t8": "", "t9": ""} {
			h.want(0, key, value)
		}
		m := h.machines[0]
		if len(m.values["big"]) != 1000 || len(m.pending) != 1 || !m.loaded {
			t.Fatalf("%+v", m)
		}
		if !h.words.has("record left out") || !h.words.has("partition=__things-0 offset=3") || h.words.has("loaded") {
			t.Fatal(h.words.String())
		}
	})
}

func TestLoadingIsRetried(t *testing.T) {
	inBubble(t, func(t *testing.T, h *house) {
		h.log.part(0).add(build(t, builder(), "a", "1"))
		h.log.readErr = errors.New("disk on fire")
		h.elect(0, 1)
		if err := h.Do(0, nil); err != ErrLoading {
			t.Fatal(err)
		}
		if !h.Each(func(int32, *kv) Result { t.Error("loading, but called"); return Result{} }) {
			t.Fatal("not loading")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		h.log.mu.Lock()
		h.log.readErr = nil
		h.log.part(0).data[40] ^= 1
		h.log.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		if err := h.Do(0, nil); err != ErrLoading || !h.words.has("disk on fire") || !h.words.has("crc") {
			t.Fatal(err, h.words.String())
		}
		h.log.mu.Lock()
		h.log.part(0).data[40] ^= 1
		h.log.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		h.want(0, "a", "1")
		if h.Each(func(int32, *kv) Result { return Result{} }) {
			t.Fatal("still loading")
		}
		// Given up while it cannot be read.
		h.log.mu.Lock()
		h.log.readErr = errors.New("disk on fire")
		h.log.mu.Unlock()
		h.elect(0, 2)
		h.Resign(0, 2)
		if err := h.Do(0, nil); err != ErrNotCoordinator || h.machines[1].unloaded != 0 {
			t.Fatal(err)
		}
	})
}

// Reads of what a new leader loaded wait until that is known to be committed.
func TestLoadedButNotCommitted(t *testing.T) {
	inBubble(t, func(t *testing.T, h *house) {
		h.log.auto = false
		h.log.part(0).add(build(t, builder(), "a", "1"))
		h.elect(0, 1)
		var o outcome
		h.Do(0, func(*kv) Result { return Result{Then: o.told} })
		o.is(t)
		h.log.commit(0, 1)
		synctest.Wait()
		o.is(t, nil)
	})
}

func TestEachAndStop(t *testing.T) {
	inBubble(t, func(t *testing.T, h *house) {
		for p := range int32(20) {
			h.elect(p, 1)
		}
		var seen []int32
		h.Each(func(p int32, m *kv) Result { seen = append(seen, p); return Result{} })
		if len(seen) != 20 || !slices.IsSorted(seen) {
			t.Fatal(seen)
		}
		h.Stop()
		for _, m := range h.machines {
			if m.unloaded != 1 {
				t.Fatal("not unloaded")
			}
		}
		h.Elect(0, 9)
		if err := h.Do(0, nil); err != ErrNotCoordinator {
			t.Fatal(err)
		}
	})
}

// A timer that a machine schedules while it replays waits until it is loaded.
func TestTimerWhileLoading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.log.readErr = errors.New("later")
		h.log.part(0).add(build(t, builder(), "a", "1"))
		h.elect(0, 1)
		p := h.parts[0]
		fired := false
		p.mu.Lock()
		p.Schedule("x", time.Second, func() Result { fired = true; return Result{} })
		p.unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		if fired {
			t.Fatal("fired while loading")
		}
		h.log.mu.Lock()
		h.log.readErr = nil
		h.log.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		if !fired {
			t.Fatal("never fired")
		}
		h.Stop()
	})
}

func BenchmarkLoad(b *testing.B) {
	h := newHouse(b)
	h.options.LoadBufferBytes = func() int { return 5 << 20 }
	p := h.log.part(0)
	value := strings.Repeat("v", 24)
	for i := range 100_000 {
		p.add(build(b, builder(), fmt.Sprintf("group-%06d topic partition", i), value))
	}
	count := &counting{}
	r := New(Options[*counting]{
		Topic: "__things", Log: h.log, Logger: h.options.Logger, LoadBufferBytes: h.options.LoadBufferBytes,
		CommitTimeout: h.options.CommitTimeout, Make: func(Host) *counting { return count },
	})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		count.done = make(chan struct{})
		r.Elect(0, int32(i))
		<-count.done
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/record")
}

type counting struct {
	n    int
	done chan struct{}
}

func (c *counting) Replay(*Replayed) error            { c.n++; return nil }
func (c *counting) EndTransaction(int64, int16, bool) {}
func (c *counting) Loaded()                           { close(c.done) }
func (c *counting) Unloaded()                         {}
