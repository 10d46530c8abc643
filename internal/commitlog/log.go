package commitlog

import (
	"context"
	"log/slog"

	"milena/internal/config"
	"milena/internal/record"
	"milena/internal/vfs"
)

// Env is what a log needs of its directory. logdir fills it.
type Env struct {
	FS     vfs.FS
	Logger *slog.Logger
	// ProducerExpiryMs is producer.id.expiration.ms.
	ProducerExpiryMs int64
	// Failed is told, once for each failure, that a write, fsync or rename in the log's directory failed: the directory is offline from then on.
	Failed func(err error)
	// Files bounds the open files (nil: unbounded); see segment.
	Files FileCache
}

// FileCache bounds open files. segment defines what it needs; commitlog hands it through.
type FileCache interface{}

// OpenOptions says what is known of a log before it is opened.
type OpenOptions struct {
	// Clean says that the directory was shut down cleanly: nothing is recovered, no old segment is read.
	Clean bool
	// RecoveryPoint is the offset up to which everything was synced.
	RecoveryPoint int64
	// LogStartOffset is the first offset, from the checkpoint.
	LogStartOffset int64
	// Progress is told of each recovered segment: how many bytes of how many are done. May be nil.
	Progress func(doneBytes, totalBytes int64)
}

// Log is one partition's log.
type Log struct{}

// Open opens or creates the log in directory dir (".../topic-partition").
func Open(env Env, dir string, cfg *config.Topic, opts OpenOptions) (*Log, error) {
	panic("unwritten")
}

// Appended tells where records went.
type Appended struct {
	FirstOffset, LastOffset int64
	AppendTimeMs            int64 // -1 with CreateTime
	LogStartOffset          int64
	Duplicate               bool // an idempotent producer's batch that is already there: the offsets are the first ones
}

// AppendAsLeader appends one checked batch (see record.Check) at the end, stamps offset and epoch, updates producer state and
// epochs. ErrDuplicate never; duplicates are answered in Appended. With flush.messages reached it returns after the fsync (group commit).
// Errors: *record.Refusal, ErrOutOfOrderSequence, ErrInvalidProducerEpoch, ErrUnknownProducer …, ErrStorage.
func (l *Log) AppendAsLeader(c record.Checked, leaderEpoch int32, origin record.Origin) (Appended, error) {
	panic("unwritten")
}

// AppendAsFollower appends batches as the leader has them, offsets and epochs included. CRC is checked.
func (l *Log) AppendAsFollower(batches []byte) (Appended, error) { panic("unwritten") }

// Slice is what a read found: ranges of files in order, and what to call when they have been sent.
type Slice struct {
	Ranges    []vfs.Range
	SizeBytes int
	// FirstOffsetPosition helps delayed fetches: bytes between the read offset and a later one (see SizeBetween).
	Release func() // never nil; may be called once
}

// Read finds the batches from the one that holds offset (returned whole) on, at most maxBytes, none with a base offset at or above upTo.
// At least one batch is returned with atLeastOne, however large. An offset outside LogStartOffset..LogEndOffset is ErrOffsetOutOfRange.
func (l *Log) Read(offset int64, maxBytes int, upTo int64, atLeastOne bool) (Slice, error) {
	panic("unwritten")
}

// SizeBetween estimates, without reading, the bytes of records between two offsets (exact inside one segment at batch boundaries).
func (l *Log) SizeBetween(from, to int64) int64 { panic("unwritten") }

// LogStartOffset, LogEndOffset, RecoveryPoint: first offset; next offset to be written; everything below is synced.
func (l *Log) LogStartOffset() int64 { panic("unwritten") }
func (l *Log) LogEndOffset() int64   { panic("unwritten") }
func (l *Log) RecoveryPoint() int64  { panic("unwritten") }

// LocalSizeBytes is the size of all segments.
func (l *Log) SizeBytes() int64 { panic("unwritten") }

// FirstUnstableOffset is the first offset of the oldest open transaction; ok is false where there is none. (last stable offset = min of it and the high watermark)
func (l *Log) FirstUnstableOffset() (offset int64, ok bool) { panic("unwritten") }

// SetHighWatermark tells the log what is committed: producer snapshots, unstable offsets and retention heed it.
func (l *Log) SetHighWatermark(offset int64) { panic("unwritten") }

// TimestampOffset is an answer to ListOffsets.
type TimestampOffset struct {
	TimestampMs int64
	Offset      int64
	LeaderEpoch int32 // -1 unknown
}

// OffsetForTimestamp finds the first record below upTo whose timestamp is at least timestampMs; ok false where there is none.
func (l *Log) OffsetForTimestamp(timestampMs, upTo int64) (t TimestampOffset, ok bool, err error) {
	panic("unwritten")
}

// OffsetOfMaxTimestamp finds the record with the largest timestamp (KIP-734).
func (l *Log) OffsetOfMaxTimestamp() (t TimestampOffset, ok bool, err error) { panic("unwritten") }

// EpochEnd is the answer to OffsetForLeaderEpoch: the largest epoch at most the asked one, and where it ends. (-1, -1) unknown.
func (l *Log) EpochEnd(epoch int32) (foundEpoch int32, endOffset int64) { panic("unwritten") }

// LatestEpoch is the last epoch in the cache; ok false where the cache is empty. EpochAt is the epoch of an offset, -1 unknown.
func (l *Log) LatestEpoch() (epoch int32, ok bool) { panic("unwritten") }
func (l *Log) EpochAt(offset int64) int32          { panic("unwritten") }

// AssignEpochStart notes that a leader epoch starts at the log's end (a leader does so when it is elected).
func (l *Log) AssignEpochStart(epoch int32, startOffset int64) error { panic("unwritten") }

// AbortedTxn is one entry of the aborted transactions that a read_committed fetch is told.
type AbortedTxn struct {
	ProducerID  int64
	FirstOffset int64
}

// AbortedTxns lists the aborted transactions that overlap [from, to).
func (l *Log) AbortedTxns(from, to int64) ([]AbortedTxn, error) { panic("unwritten") }

// Producer is one row of DescribeProducers.
type Producer struct {
	ID               int64
	Epoch            int16
	LastSequence     int32
	LastTimestampMs  int64
	CoordinatorEpoch int32
	TxnStartOffset   int64 // -1 none
}

// Producers lists the active producers, sorted by id.
func (l *Log) Producers() []Producer { panic("unwritten") }

// TruncateTo cuts everything at and above offset. TruncateFullyAndStartAt empties the log and starts it at offset.
func (l *Log) TruncateTo(offset int64) error              { panic("unwritten") }
func (l *Log) TruncateFullyAndStartAt(offset int64) error { panic("unwritten") }

// AdvanceLogStartOffset moves the first offset forward (DeleteRecords, or a follower told by its leader); whole segments below go with DeleteOld.
func (l *Log) AdvanceLogStartOffset(offset int64) error { panic("unwritten") }

// SetConfig replaces the topic's configuration.
func (l *Log) SetConfig(cfg *config.Topic) { panic("unwritten") }

// Config is the configuration in force.
func (l *Log) Config() *config.Topic { panic("unwritten") }

// Roll starts a new segment.
func (l *Log) Roll() error { panic("unwritten") }

// Flush syncs everything below the log's end and moves the recovery point there. LastFlushMs is when that last happened.
func (l *Log) Flush() error       { panic("unwritten") }
func (l *Log) LastFlushMs() int64 { panic("unwritten") }

// DeleteOld takes segments out that retention or the log start offset let go (time, size, start; only below the high watermark, only if cleanup.policy
// has delete, except for the log start offset) by renaming them to ".deleted". It returns how many. DeleteRenamed removes those renamed before.
func (l *Log) DeleteOld(nowMs int64) (int, error)        { panic("unwritten") }
func (l *Log) DeleteRenamed(renamedBeforeMs int64) error { panic("unwritten") }

// ExpireProducers forgets producers that have been silent for producer.id.expiration.ms.
func (l *Log) ExpireProducers(nowMs int64) { panic("unwritten") }

// Rename moves the log's directory (a deleted topic: "topic-0.<uuid>-delete").
func (l *Log) Rename(newDir string) error { panic("unwritten") }

// Dir is the directory; changes with Rename.
func (l *Log) Dir() string { panic("unwritten") }

// Close flushes, writes a producer snapshot at the end, and closes the files. CloseDirty only closes the files (offline directory, deletion).
func (l *Log) Close(ctx context.Context) error { panic("unwritten") }
func (l *Log) CloseDirty()                     { panic("unwritten") }

// Delete closes the log and removes its directory.
func (l *Log) Delete() error { panic("unwritten") }
