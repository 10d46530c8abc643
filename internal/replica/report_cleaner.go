package replica

import (
	"milena/internal/logdir"
	"milena/internal/metrics"
)

// reportCleaner offers what the cleaner of the log directories counts (Kafka: LogCleaner and LogCleanerManager).
func reportCleaner(m *metrics.Metrics, dirs *logdir.Dirs) {
	gauge := func(name, help string, of func(s *logdir.CleanerStats) float64) {
		m.Gauge(name, help, func() float64 {
			s := dirs.CleanerStats()
			return of(&s)
		})
	}
	gauge(metrics.CleanerUncleanablePartitions, "Partitions that cannot be cleaned because their files are damaged.",
		func(s *logdir.CleanerStats) float64 { return float64(s.UncleanablePartitions) })
	gauge(metrics.CleanerUncleanableBytes, "Bytes in those that could be cleaned else.",
		func(s *logdir.CleanerStats) float64 { return float64(s.UncleanableBytes) })
	gauge(metrics.CleanerMaxDirtyPercent, "Dirty part of the dirtiest compacted log.",
		func(s *logdir.CleanerStats) float64 { return float64(s.MaxDirtyPercent) })
	gauge(metrics.CleanerSinceLastRunMs, "Time since a cleaner last looked for work, in ms.",
		func(s *logdir.CleanerStats) float64 { return float64(s.SinceLastRunMs) })
	gauge(metrics.CleanerMaxCleanTime, "Time of the last cleaning.", func(s *logdir.CleanerStats) float64 { return s.LastCleanSec })
	gauge(metrics.CleanerRecopyPercent, "What the last cleaning left of what it read.",
		func(s *logdir.CleanerStats) float64 { return float64(s.RecopyPercent) })
	gauge(metrics.CleanerBufferUtilization, "How full the last cleaning made its dedupe buffer.",
		func(s *logdir.CleanerStats) float64 { return float64(s.BufferUtilization) })
	gauge(metrics.CleanerMaxCompactionDelay, "By how much max.compaction.lag.ms is passed.",
		func(s *logdir.CleanerStats) float64 { return s.MaxCompactionDelaySec })
}
