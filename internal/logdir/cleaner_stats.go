package logdir

import (
	"sync"
	"sync/atomic"
	"time"

	"milena/internal/compact"
)

// CleanerStats is what is told of the cleaner (Kafka: kafka.log:type=LogCleaner and type=LogCleanerManager).
type CleanerStats struct {
	UncleanablePartitions int     // damaged, left alone
	UncleanableBytes      int64   // of those logs, that could be cleaned else
	MaxDirtyPercent       int     // of the dirtiest log, when it was last looked
	SinceLastRunMs        int64   // since it was last looked
	MaxCompactionDelaySec float64 // by which max.compaction.lag.ms was passed
	LastCleanSec          float64 // how long the last cleaning took
	RecopyPercent         int     // of what the last cleaning read, what remained
	BufferUtilization     int     // of the offset map in the last cleaning, in percent
	CleanedBytes          int64   // read by all cleanings
	RetainedBytes         int64   // and what of it remained
}

// cleanerCounts is where the threads count.
type cleanerCounts struct {
	lastRun atomic.Int64 // ms since 1970

	mu   sync.Mutex
	last CleanerStats
}

func (s *cleanerCounts) looked(dirtiest float64, delayMs int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last.MaxDirtyPercent = int(100 * dirtiest)
	s.last.MaxCompactionDelaySec = float64(delayMs) / 1000
}

func (s *cleanerCounts) cleaned(c *compact.Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last.LastCleanSec = c.WholeTime.Seconds()
	s.last.RecopyPercent = int(100 * c.BytesWritten / max(1, c.BytesRead))
	s.last.BufferUtilization = int(100 * c.MapUtilization)
	s.last.CleanedBytes += c.BytesRead
	s.last.RetainedBytes += c.BytesWritten
}

// CleanerStats tells of the cleaner.
func (d *Dirs) CleanerStats() CleanerStats {
	c := d.cleaning
	c.stats.mu.Lock()
	s := c.stats.last
	c.stats.mu.Unlock()
	if last := c.stats.lastRun.Load(); last > 0 {
		s.SinceLastRunMs = time.Now().UnixMilli() - last
	}
	c.mu.Lock()
	stuck := make([]*Log, 0, len(c.uncleanable))
	for tp, l := range c.uncleanable {
		if d.Get(tp) == l {
			stuck = append(stuck, l)
		}
	}
	c.mu.Unlock()
	s.UncleanablePartitions = len(stuck)
	for _, l := range stuck {
		if w, err := compact.Look(l.Log, time.Now().UnixMilli()); err == nil {
			s.UncleanableBytes += w.DirtyBytes
		}
	}
	return s
}
