// Package commitlog is one partition's log: an ordered list of segments, the state of its producers and the cache of its leader
// epochs; append, read, roll, recover, retain, truncate. It knows nothing of leaders, followers and topics.
//
// Locks, in the order in which they may be taken:
//
//	Log.swapping the segments' names: while a cleaned segment takes the place of others, nothing is truncated, deleted, renamed, closed
//	Log.mu       the append lock: appends, every change of the list of segments, the state of the producers, the unflushed count
//	epochs.mu    the leader epochs
//	tail.mu      where the newest batches end; held for a few instructions, by appends and reads
//	flusher.mu   who is syncing, and what runs in the background; held for a few instructions
//
// Readers take the list of segments from an atomic pointer and a reference to the one they read, so a segment's files are closed
// and removed when the last reader is gone. A log has no goroutine of its own; rolling a segment starts one that makes the old
// segment durable and ends.
//
// What a crash may lose is what was appended after the recovery point: everything that is derived from records (indexes, producer
// snapshots, leader epochs) is made durable before the recovery point moves past the records, and rebuilt from it on.
//
// It imports segment, record, config and vfs.
package commitlog
