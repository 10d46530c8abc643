package cli

import (
	"context"
	"time"
)

// throttle holds a loop down to so many steps a second. It sleeps little and seldom: only when the loop is at least two
// milliseconds ahead.
type throttle struct {
	perSecond float64 // zero and below: no limit (zero in Kafka's tools means: never)
	start     time.Time
}

// wait returns when step (counted from 0) may be taken, or ctx has ended.
func (t *throttle) wait(ctx context.Context, step int64) {
	if t.perSecond <= 0 {
		return
	}
	due := t.start.Add(time.Duration(float64(step+1) / t.perSecond * float64(time.Second)))
	ahead := time.Until(due)
	if ahead < 2*time.Millisecond {
		return
	}
	timer := time.NewTimer(ahead)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
