// Package partition is one replica of one partition: its role, leader epoch and ISR, its high watermark and last stable offset,
// and those who wait for them to move. It appends as the leader, reads for consumers and followers, and answers what ListOffsets,
// OffsetForLeaderEpoch, DeleteRecords and DescribeProducers ask. It knows no other partition, no controller and no request.
//
// Locks. Partition.mu orders changes of role (writers) against appends (readers): while an append runs, the epoch it was checked
// against stands. Everything a reader needs is an immutable State behind an atomic pointer and an atomic high watermark, so reads
// take no lock. followersMu guards what a leader knows of its followers. hwMu orders movements of the high watermark. watchMu guards the list of watches; a Watcher is called under it and
// must neither block nor stop its watch from there. Order: mu, followersMu, hwMu; watchMu is taken when none of these is held, and
// followersMu may be taken under it.
//
// It imports commitlog, record and config.
package partition

import "errors"

// What a partition refuses; the api maps these to Kafka's codes of the same names.
var (
	ErrNotLeaderOrFollower          = errors.New("partition: this broker does not lead it")
	ErrFencedLeaderEpoch            = errors.New("partition: the leader epoch of the request is old")
	ErrUnknownLeaderEpoch           = errors.New("partition: the leader epoch of the request is not known here yet")
	ErrNotEnoughReplicas            = errors.New("partition: fewer in-sync replicas than min.insync.replicas")
	ErrNotEnoughReplicasAfterAppend = errors.New("partition: appended, but then fewer in-sync replicas than min.insync.replicas")
	ErrOffsetNotAvailable           = errors.New("partition: the new leader has not caught up with its own high watermark yet")
	ErrOffsetOutOfRange             = errors.New("partition: offset out of range")
	ErrPolicyViolation              = errors.New("partition: cleanup.policy does not allow the deletion of records")
	ErrOffline                      = errors.New("partition: its log directory is offline")
)
