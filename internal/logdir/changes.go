package logdir

import "milena/internal/config"

// TruncateTo is commitlog's, while the cleaner keeps away from the log; what its checkpoints say is taken back with the log, before anything
// can come in the place of what went.
func (l *Log) TruncateTo(offset int64) error {
	return l.uncleaned(func() error { return l.Log.TruncateTo(offset) })
}

// TruncateFullyAndStartAt is commitlog's, in the same way.
func (l *Log) TruncateFullyAndStartAt(offset int64) error {
	return l.uncleaned(func() error { return l.Log.TruncateFullyAndStartAt(offset) })
}

func (l *Log) uncleaned(do func() error) error {
	c := l.dir.owner.cleaning
	c.pause(l.TopicPartition)
	defer c.resume(l.TopicPartition)
	cleaned, start := l.CleanedTo(), l.LogStartOffset()
	err := do()
	if l.CleanedTo() != cleaned {
		c.checkpoint()
	}
	if l.LogStartOffset() < start {
		l.dir.checkpointLogStarts()
	}
	l.dir.checkpointMu.Lock() // one that is being written is waited for
	ahead := l.recoveryPoint.Load() > l.RecoveryPoint()
	l.dir.checkpointMu.Unlock()
	if ahead {
		l.dir.checkpointRecoveryPoints()
	}
	return err
}

// SetConfig replaces the topic's configuration; a cleaning ends where the topic is not compacted any more.
func (l *Log) SetConfig(cfg *config.Topic) {
	l.dir.promise(cfg)
	was := l.Config().Compact
	l.Log.SetConfig(cfg)
	if was && !cfg.Compact {
		l.dir.owner.cleaning.abort(l.TopicPartition)
	}
}
