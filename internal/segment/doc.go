// Package segment is one segment of a partition's log: the records and their indexes, in Kafka's files.
//
//	NNNNNNNNNNNNNNNNNNNN.log        the record batches, one after the other; N is the base offset, 20 digits
//	NNNNNNNNNNNNNNNNNNNN.index      sparse: offset → position in .log (see OffsetPosition)
//	NNNNNNNNNNNNNNNNNNNN.timeindex  sparse: largest timestamp so far → offset (see TimestampOffset)
//	NNNNNNNNNNNNNNNNNNNN.txnindex   aborted transactions (see AbortedTxn)
//
// Index files are appended to, never mapped into memory and never preallocated; Kafka takes an index file of any whole number of
// entries. Their newest entries are held in memory until a block of them is worth a write: after a crash the indexes of every
// segment that was still being written are rebuilt from .log.
//
// A segment is written by one goroutine at a time (commitlog holds its append lock) and read by many. Its size is published
// atomically; the mutex of each index guards that index's entries, the mutex of the segment its largest timestamp. Files are
// opened when they are used and closed by FileCache, so that a segment at rest costs a few hundred bytes.
//
// It imports record and vfs.
package segment
