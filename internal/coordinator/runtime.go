package coordinator

import (
	"cmp"
	"errors"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
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
type Runtime[M Machine] struct {
	options Options[M]
	loads   chan []byte // buffers of those that load; as many as may do so at a time
	queued  atomic.Int32
	running sync.WaitGroup

	mu      sync.RWMutex // guards what follows; taken before a partition's lock, never under it
	parts   map[int32]*part[M]
	heard   map[int32]int32 // the newest leader epoch by partition
	stopped bool
}

// maxLoads is how many partitions are loaded at a time, each with a buffer of its own.
const maxLoads = 4

// New makes a runtime that is the coordinator of nothing.
func New[M Machine](o Options[M]) *Runtime[M] {
	n := min(maxLoads, runtime.GOMAXPROCS(0))
	r := &Runtime[M]{options: o, loads: make(chan []byte, n), parts: map[int32]*part[M]{}, heard: map[int32]int32{}}
	for range n {
		r.loads <- nil
	}
	return r
}

// Elect begins to load a partition, in the background. A newer epoch than the one it is active in loads it anew.
func (r *Runtime[M]) Elect(partition, leaderEpoch int32) {
	r.mu.Lock()
	old := r.parts[partition]
	if heard, ok := r.heard[partition]; r.stopped || ok && (leaderEpoch < heard || leaderEpoch == heard && old != nil) {
		r.mu.Unlock()
		return
	}
	p := newPart(r, partition, leaderEpoch)
	r.parts[partition], r.heard[partition] = p, leaderEpoch
	r.queued.Add(1)
	r.running.Go(p.load)
	r.mu.Unlock()
	if old != nil {
		old.unload()
	}
}

// Resign unloads a partition, or ends its loading. After a StopReplica without an epoch leaderEpoch is -1: whatever it is.
func (r *Runtime[M]) Resign(partition, leaderEpoch int32) {
	r.mu.Lock()
	if leaderEpoch < 0 {
		delete(r.heard, partition) // the topic made anew begins at 0
	} else if heard, ok := r.heard[partition]; ok && leaderEpoch < heard {
		r.mu.Unlock()
		return
	} else {
		r.heard[partition] = leaderEpoch
	}
	old := r.parts[partition]
	delete(r.parts, partition)
	r.mu.Unlock()
	if old != nil {
		old.unload()
	}
}

// Do runs f on the partition's machine, under its lock. It returns ErrNotCoordinator or ErrLoading, and f is not called then.
func (r *Runtime[M]) Do(partition int32, f func(M) Result) error {
	r.mu.RLock()
	p := r.parts[partition]
	r.mu.RUnlock()
	if p == nil {
		return ErrNotCoordinator
	}
	return p.do(f)
}

// Each runs f on every active machine, one after the other, and tells whether some partition is still loading.
func (r *Runtime[M]) Each(f func(partition int32, m M) Result) (loading bool) {
	r.mu.RLock()
	all := slices.SortedFunc(maps.Values(r.parts), func(a, b *part[M]) int { return cmp.Compare(a.partition, b.partition) })
	r.mu.RUnlock()
	for _, p := range all {
		if p.do(func(m M) Result { return f(p.partition, m) }) == ErrLoading {
			loading = true
		}
	}
	return loading
}

// Stop unloads everything; what is loading ends.
func (r *Runtime[M]) Stop() {
	r.mu.Lock()
	r.stopped = true
	all := slices.Collect(maps.Values(r.parts))
	clear(r.parts)
	r.mu.Unlock()
	for _, p := range all {
		p.unload()
	}
	r.running.Wait()
}
