package quota

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestRate follows a burst through its windows.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewReplication(11, time.Second, 1000)
		if q.Exceeded() || q.PerSecond() != 0 {
			t.Fatal("something was counted before anything passed")
		}
		q.Record(4000)
		if got := q.PerSecond(); got != 4000 {
			t.Errorf("a burst counts over one window at least: %v", got)
		}
		if got := time.Until(q.ClearAt()); !q.Exceeded() || got != 4*time.Second {
			t.Errorf("clear in %v", got)
		}
		<-time.After(4 * time.Second)
		if q.Exceeded() || time.Until(q.ClearAt()) != 0 {
			t.Error("the time for the burst has passed")
		}
		q.Record(1)
		if !q.Exceeded() {
			t.Error("one byte more")
		}
		if q.SetLimit(1000) || !q.SetLimit(2000) || q.Exceeded() {
			t.Error("the new limit holds at once")
		}
		<-time.After(7 * time.Second)
		if got := q.PerSecond(); got != 1.0/7 {
			t.Errorf("the burst is forgotten after eleven windows: %v", got)
		}
	})
}

// TestRateOfNothing: a limit of zero lets something pass only when all before it is forgotten.
func TestRateOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewReplication(11, time.Second, 0)
		q.Record(10)
		<-time.After(5 * time.Second)
		q.Record(10)
		if got := time.Until(q.ClearAt()); got != 11*time.Second {
			t.Errorf("clear in %v", got)
		}
		<-time.After(time.Until(q.ClearAt()) - 1)
		if !q.Exceeded() {
			t.Error("too early")
		}
		<-time.After(1)
		if q.Exceeded() {
			t.Error("too late")
		}
		q.Record(10)
		q.SetLimit(Unlimited)
		if q.Exceeded() || time.Until(q.ClearAt()) != 0 {
			t.Error("without a limit nothing is too much")
		}
	})
}

// TestClearAt is right about itself: just before it the rate is above the limit, then it is not.
func TestClearAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewReplication(5, time.Second, 300)
		for n := range 200 {
			q.Record(int64(n*7919%4000 + 1))
			if wait := time.Until(q.ClearAt()); wait > 0 {
				<-time.After(wait - 1)
				if !q.Exceeded() {
					t.Fatalf("record %d: clear before %v", n, wait)
				}
				<-time.After(1)
				if q.Exceeded() {
					t.Fatalf("record %d: not clear after %v", n, wait)
				}
			} else if q.Exceeded() {
				t.Fatalf("record %d: exceeded", n)
			}
		}
	})
}

// TestHeldRate: who records as soon as it may gets the limit, whatever the size of the pieces.
func TestHeldRate(t *testing.T) {
	for _, piece := range []int64{1000, 14_160, 50_000, 200_000} {
		synctest.Test(t, func(t *testing.T) {
			q := NewReplication(11, time.Second, 50_000)
			passed, began := int64(0), time.Now()
			for time.Since(began) < 5*time.Minute {
				<-time.After(time.Until(q.ClearAt()))
				q.Record(piece)
				passed += piece
			}
			got := float64(passed) / time.Since(began).Seconds()
			t.Logf("pieces of %d: %.0f", piece, got)
			if got < 45_000 || got > 55_000 {
				t.Errorf("pieces of %d: %.0f bytes a second", piece, got)
			}
		})
	}
}
