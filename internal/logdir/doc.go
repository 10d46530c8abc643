// Package logdir owns the data directories of a broker (log.dirs): their locks and identity, the logs in them, their checkpoints,
// and the schedules of retention, flush, deletion and producer expiry. A directory whose disk fails goes offline alone; the
// others go on.
//
// In each directory:
//
//	.lock                              held while the process lives
//	meta.properties                    which cluster and broker the directory belongs to (meta.go)
//	.kafka_cleanshutdown               there after a clean shutdown (clean.go)
//	.milena_running                    there while the broker runs, and after its death (running.go)
//	recovery-point-offset-checkpoint   up to where each log was synced (checkpoint.go)
//	log-start-offset-checkpoint        first offset of logs whose start was moved
//	replication-offset-checkpoint      high watermarks
//	cleaner-offset-checkpoint          how far each compacted log was cleaned (cleaner.go)
//	TOPIC-PARTITION/                   a log; partition.metadata in it tells the topic's id (topicid.go)
//	TOPIC-PARTITION.UUID-delete/       a log under deletion
//	TOPIC-PARTITION.UUID-stray/        a log of a topic that is no more, kept for its owner to remove
//	TOPIC-PARTITION.UUID-future/       a log being moved between directories by Kafka
//
// Locks: Dirs.mu guards the map of logs and each directory's standing. Dirs.createMu makes creation and deletion of logs one at a
// time. A directory's checkpoints are written under its own checkpointMu; both are taken before mu. No lock is held while a log is
// opened at start. cleaning.mu guards which logs are being cleaned or must not be, and is held for a few instructions; it is taken
// before mu.
//
// It imports commitlog, compact, config and vfs.
package logdir

import "errors"

// ErrOffline says that the log's directory, or every directory, is offline.
var ErrOffline = errors.New("logdir: the log directory is offline")

// TopicPartition names a partition.
type TopicPartition struct {
	Topic     string
	Partition int32
}
