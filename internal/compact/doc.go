// Package compact is the cleaner: it rewrites the older segments of a compacted log so that of each key the last record remains.
//
// Look tells what of a log may be cleaned and how much it needs that. A Cleaner does it, for one log at a time, in two passes: the
// first reads the dirty part, up to where its memory ends, and notes the last offset of each key (offsetMap); the second reads the log
// from its beginning and copies what remains, group by group of segments, into cleaned segments, which commitlog puts in the place
// of the old ones. Which logs are cleaned, by whom and when is logdir's.
//
// What remains, as in Kafka: the last record of each key; a tombstone, until the delete horizon that its batch got with the first
// cleaning (KIP-534) has passed; a transaction's marker, until none of its records is left and its horizon has passed; nothing of an
// aborted transaction; the last batch of each producer and the last one below the offset at which the cleaning ends, without
// records if need be. Offsets, producer ids, epochs and sequence numbers stay what they were, and so does the compression.
//
// A Cleaner belongs to one goroutine. Throttle may be shared: its mutex guards when the next bytes are due. The package imports
// commitlog, segment and record.
package compact
