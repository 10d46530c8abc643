package metrics

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Bucket i of a histogram holds durations below 2^(firstBit+i) nanoseconds that no bucket before it holds: 16 µs, 33 µs, 66 µs … 34 s;
// the last one holds the rest.
const (
	firstBit    = 14
	bucketCount = 23
)

// Histogram counts durations in buckets that double. Its zero value is ready; Observe costs two atomic additions.
type Histogram struct {
	sumNs   atomic.Int64
	buckets [bucketCount]atomic.Int64
}

// Observe counts one duration; a negative one (a clock set back) counts as none.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	h.sumNs.Add(int64(d))
	h.buckets[bucketOf(d)].Add(1)
}

func bucketOf(d time.Duration) int {
	return min(max(bits.Len64(uint64(d))-firstBit, 0), bucketCount-1)
}

// Count is how many durations were observed.
func (h *Histogram) Count() uint64 {
	var n uint64
	for i := range h.buckets {
		n += uint64(h.buckets[i].Load())
	}
	return n
}

// snapshot gives count, sum in seconds and the cumulative counts by upper bound in seconds, as Prometheus wants them.
func (h *Histogram) snapshot() (count uint64, sum float64, cumulative map[float64]uint64) {
	cumulative = make(map[float64]uint64, bucketCount-1)
	for i := range h.buckets {
		count += uint64(h.buckets[i].Load())
		if i < bucketCount-1 {
			cumulative[time.Duration(int64(1)<<(firstBit+i)).Seconds()] = count
		}
	}
	return count, time.Duration(h.sumNs.Load()).Seconds(), cumulative
}
