package coordinator

import (
	"errors"
	"log/slog"
	"time"

	"milena/internal/record"
)

// What the runtime refuses.
var (
	ErrNotCoordinator = errors.New("coordinator: not the coordinator of this partition")
	ErrLoading        = errors.New("coordinator: the partition is being loaded")
	ErrUnavailable    = errors.New("coordinator: the log cannot be written now")
	ErrTooLarge       = errors.New("coordinator: the records do not fit into a batch of the topic")
	ErrTimedOut       = errors.New("coordinator: not committed in time; it may still be")
)

// Log is what the runtime needs of the topic's partitions that this broker leads.
type Log interface {
	// Append appends a batch under the leader epoch and gives the offset after it. Errors: ErrNotCoordinator for a broker that does
	// not lead in that epoch, ErrTooLarge, ErrUnavailable (too few in-sync replicas, a failed or full disk).
	Append(partition, leaderEpoch int32, batch record.Batch) (end int64, err error)
	// WhenCommitted calls done once: with nil when everything below end is committed, with ErrNotCoordinator when that cannot be known
	// any more, with ErrTimedOut after the time. done may run on any goroutine, also before WhenCommitted returns.
	WhenCommitted(partition, leaderEpoch int32, end int64, timeout time.Duration, done func(error))
	// Read reads batches from offset on (the first one may begin below it), at most maxBytes unless the first alone is larger, into
	// buf where that is large enough. Nothing at the log's end.
	Read(partition int32, offset int64, maxBytes int, buf []byte) ([]byte, error)
	// Bounds are the log start and log end offsets.
	Bounds(partition int32) (start, end int64, err error)
	// MaxBatchBytes is the topic's max.message.bytes.
	MaxBatchBytes(partition int32) int
}

// Options is what a runtime needs.
type Options[M Machine] struct {
	Topic  string // for messages
	Log    Log
	Make   func(Host) M
	Logger *slog.Logger
	// LoadBufferBytes is how much is read at a time while loading; CommitTimeout how long Then waits.
	LoadBufferBytes func() int
	CommitTimeout   func() time.Duration
	// Codec of the records' batches.
	Codec record.Codec
}

// Runtime is the machines of one topic.
type Runtime[M Machine] struct{ options Options[M] }

// New makes a runtime that is the coordinator of nothing.
func New[M Machine](o Options[M]) *Runtime[M] { return &Runtime[M]{options: o} }

// Elect begins to load a partition, in the background.
func (r *Runtime[M]) Elect(partition, leaderEpoch int32) { panic("unwritten") }

// Resign unloads a partition, or ends its loading. After a StopReplica without an epoch leaderEpoch is -1: whatever it is.
func (r *Runtime[M]) Resign(partition, leaderEpoch int32) { panic("unwritten") }

// Do runs f on the partition's machine, under its lock. It returns ErrNotCoordinator or ErrLoading, and f is not called then.
func (r *Runtime[M]) Do(partition int32, f func(M) Result) error { panic("unwritten") }

// Each runs f on every active machine, one after the other, and tells whether some partition is still loading.
func (r *Runtime[M]) Each(f func(partition int32, m M) Result) (loading bool) { panic("unwritten") }

// Stop unloads everything; what is loading ends.
func (r *Runtime[M]) Stop() { panic("unwritten") }
