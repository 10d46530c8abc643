package compact

import (
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestOffsetMapAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.IntRange(2, 40).Draw(t, "slots")
		m := newOffsetMap(int64(slots*slotBytes), rapid.SampledFrom([]float64{0.5, 0.9, 1, 7}).Draw(t, "load"))
		want := map[string]int64{}
		for offset := range rapid.Int64Range(1, 300).Draw(t, "records") {
			key := fmt.Sprint(rapid.IntRange(0, 60).Draw(t, "key"))
			_, known := want[key]
			switch ok := m.put([]byte(key), offset); {
			case !ok && known:
				t.Fatalf("no room for a key that is there")
			case !ok && len(want) < m.room(slots):
				t.Fatalf("no room for key %d of %d", len(want)+1, m.room(slots))
			case ok:
				want[key] = offset
			}
		}
		for i := range 61 {
			key := fmt.Sprint(i)
			offset, ok := want[key]
			if !ok {
				offset = -1
			}
			if got := m.get([]byte(key)); got != offset {
				t.Fatalf("%s is at %d, not %d", key, got, offset)
			}
		}
		if len(m.slots) > slots || m.used != len(want) {
			t.Fatalf("%d slots, %d keys of %d", len(m.slots), m.used, len(want))
		}
		m.clear()
		if m.get([]byte("1")) != -1 || m.used != 0 {
			t.Fatal("not cleared")
		}
	})
}

func TestOffsetMapGrows(t *testing.T) {
	m := newOffsetMap(24*100_000, 0.9)
	n := int64(0)
	var key [8]byte
	for {
		key = [8]byte{byte(n), byte(n >> 8), byte(n >> 16)}
		if !m.put(key[:], n) {
			break
		}
		n++
	}
	if n != 90_000 || len(m.slots) != 100_000 {
		t.Fatalf("%d keys in %d slots", n, len(m.slots))
	}
	m.release()
	if len(m.slots) != 0 || m.get(key[:]) != -1 {
		t.Fatal("not released")
	}
}

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var th Throttle
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		spend := func(n int) time.Duration {
			start = time.Now()
			for range n {
				_ = th.Wait(ctx, 1000)
			}
			return time.Since(start)
		}
		for _, c := range []struct {
			rate     float64
			from, to time.Duration
		}{{0, 0, 0}, {math.MaxFloat64, 0, 0}, {10_000, 9 * time.Second, 10 * time.Second}, {100_000, 600 * time.Millisecond, time.Second}} {
			th.SetRate(c.rate)
			time.Sleep(time.Minute)
			if took := spend(100); took < c.from || took > c.to {
				t.Errorf("100 kB at %g bytes/s took %s", c.rate, took)
			}
		}
		th.SetRate(1)
		time.AfterFunc(time.Second, cancel)
		if took := spend(1); took > time.Second {
			t.Errorf("a wait that was cancelled took %s", took)
		}
	})
}
