package compact

import (
	"context"
	"math"
	"sync"
	"time"
)

// Throttle bounds the bytes that all cleaners together read and write in a second (log.cleaner.io.max.bytes.per.second).
type Throttle struct {
	mu   sync.Mutex
	rate float64   // bytes each second; 0: no bound
	next time.Time // when the bytes so far have had their time
}

// unbounded is a rate that no disk reaches; Kafka's default is the largest double.
const unbounded = 1e12

// burst is how much unused time is made up for.
const burst = 300 * time.Millisecond

// SetRate sets the bound, in bytes each second.
func (t *Throttle) SetRate(bytesPerSecond float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if bytesPerSecond >= unbounded || bytesPerSecond <= 0 || math.IsNaN(bytesPerSecond) {
		bytesPerSecond = 0
	}
	t.rate = bytesPerSecond
}

// Wait lets n bytes have their time; it returns early with ctx's error.
func (t *Throttle) Wait(ctx context.Context, n int) error {
	delay := t.delay(n)
	if delay <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *Throttle) delay(n int) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rate == 0 {
		return 0
	}
	now := time.Now()
	if earliest := now.Add(-burst); t.next.Before(earliest) {
		t.next = earliest
	}
	t.next = t.next.Add(time.Duration(float64(n) / t.rate * float64(time.Second)))
	return t.next.Sub(now)
}
