package quota

import (
	"math"
	"time"
)

// window is what was recorded in one window of time.
type window struct {
	start time.Time
	bytes int64
}

// rate is bytes per second over the last windows, as Kafka's SimpleRate has it: what the windows hold by the time since the oldest of them
// began, and by one window at least. A window begins with the first record after the last one is full. The caller has the lock.
type rate struct {
	keep    int           // windows
	size    time.Duration // of one
	windows []window      // the oldest first
}

// drop forgets the windows that are too old.
func (r *rate) drop(now time.Time) {
	n := 0
	for n < len(r.windows) && now.Sub(r.windows[n].start) >= r.memory() {
		n++
	}
	r.windows = append(r.windows[:0], r.windows[n:]...)
}

func (r *rate) memory() time.Duration { return time.Duration(r.keep) * r.size }

func (r *rate) record(now time.Time, bytes int64) {
	r.drop(now)
	last := len(r.windows) - 1
	if last < 0 || now.Sub(r.windows[last].start) >= r.size {
		r.windows = append(r.windows, window{start: now})
		last++
	}
	r.windows[last].bytes += bytes
}

func (r *rate) sum() (bytes int64) {
	for _, w := range r.windows {
		bytes += w.bytes
	}
	return bytes
}

func (r *rate) perSecond(now time.Time) float64 {
	r.drop(now)
	if len(r.windows) == 0 {
		return 0
	}
	return float64(r.sum()) / max(now.Sub(r.windows[0].start), r.size).Seconds()
}

// belowAt is when the rate will be no more than limit if nothing more is recorded; now where it is.
func (r *rate) belowAt(now time.Time, limit float64) time.Time {
	r.drop(now)
	bytes := r.sum()
	for _, oldest := range r.windows {
		forgotten := oldest.start.Add(r.memory())
		if limit > 0 {
			if float64(bytes) <= limit*r.size.Seconds() {
				return now // one window is the least that is counted
			}
			over := time.Duration(math.Ceil(min(float64(bytes)/limit*float64(time.Second), float64(r.memory()))))
			if below := oldest.start.Add(over); below.Before(forgotten) {
				if below.Before(now) {
					return now
				}
				return below
			}
		}
		now, bytes = forgotten, bytes-oldest.bytes
	}
	return now
}
