package cli

import (
	"fmt"
	"io"
	"sort"
	"sync"
	"time"
)

// perfSamples bounds how many latencies are kept for percentiles; of more records every nth is kept.
const perfSamples = 500_000

// perfStats counts what producer-perf-test has sent. Acknowledgements come from the client's goroutines; mu guards all
// below it.
type perfStats struct {
	out      io.Writer
	interval time.Duration // between the lines of progress
	label    string        // " steady state" for the records after the warm-up

	mu      sync.Mutex
	start   time.Time
	every   int64 // keep one latency of so many
	seen    int64
	samples []int32 // milliseconds
	total   perfWindow
	window  perfWindow
	opened  time.Time // when the window began
	silent  bool      // no lines of progress
}

// perfWindow is a stretch of time.
type perfWindow struct {
	records, bytes int64
	sumMs          float64
	maxMs          float64
}

func (w *perfWindow) add(latency time.Duration, bytes int) {
	ms := float64(latency) / float64(time.Millisecond)
	w.records++
	w.bytes += int64(bytes)
	w.sumMs += ms
	w.maxMs = max(w.maxMs, ms)
}

func newPerfStats(out io.Writer, records int64, interval time.Duration, start time.Time) *perfStats {
	return &perfStats{out: out, interval: interval, start: start, opened: start, every: max(1, records/min(max(records,
		1), perfSamples))}
}

// record notes one acknowledged record.
func (s *perfStats) record(now time.Time, latency time.Duration, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total.add(latency, bytes)
	s.window.add(latency, bytes)
	if s.seen%s.every == 0 {
		s.samples = append(s.samples, int32(latency/time.Millisecond))
	}
	s.seen++
	if elapsed := now.Sub(s.opened); elapsed >= s.interval && !s.silent {
		s.printWindow(elapsed)
		s.window, s.opened = perfWindow{}, now
	}
}

func (s *perfStats) printWindow(elapsed time.Duration) {
	w := &s.window
	fmt.Fprintf(s.out, "%d records sent, %.1f records/sec (%.2f MB/sec), %.1f ms avg latency, %.1f ms max latency.\n", w.records,
		perSecond(w.records, elapsed), perSecond(w.bytes, elapsed)/(1<<20), w.sumMs/float64(max(w.records, 1)), w.maxMs)
}

// printTotal prints the last line.
func (s *perfStats) printTotal(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	elapsed := now.Sub(s.start)
	sort.Slice(s.samples, func(i, j int) bool { return s.samples[i] < s.samples[j] })
	at := func(part float64) int32 {
		if len(s.samples) == 0 {
			return 0
		}
		return s.samples[min(int(part*float64(len(s.samples))), len(s.samples)-1)]
	}
	fmt.Fprintf(s.out, "%d%s records sent, %f records/sec (%.2f MB/sec), %.2f ms avg latency, %.2f ms max latency, "+
		"%d ms 50th, %d ms 95th, %d ms 99th, %d ms 99.9th.\n", s.total.records, s.label, perSecond(s.total.records, elapsed),
		perSecond(s.total.bytes, elapsed)/(1<<20), s.total.sumMs/float64(max(s.total.records, 1)), s.total.maxMs,
		at(0.5), at(0.95), at(0.99), at(0.999))
}

func perSecond(n int64, elapsed time.Duration) float64 {
	return float64(n) / max(elapsed.Seconds(), 1e-3)
}
