package commitlog

import (
	"log/slog"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"milena/internal/config"
	"milena/internal/segment"
	"milena/internal/vfs"
)

// Env is what a log needs of its directory. logdir fills it.
type Env struct {
	FS     vfs.FS
	Logger *slog.Logger
	// ProducerExpiryMs is producer.id.expiration.ms.
	ProducerExpiryMs int64
	// Failed is told, once for each log, that a write, fsync or rename in the log's directory failed: the directory is offline from then on.
	Failed func(err error)
	// SyncIdentity makes durable what tells whose log a directory holds, before the first records in it are. May be nil.
	SyncIdentity func(dir string) error
	// Files bounds the open files (nil: unbounded); the logs of a broker share one.
	Files FileCache
}

// FileCache bounds open files: segment.NewFileCache makes one.
type FileCache = *segment.FileCache

// OpenOptions says what is known of a log before it is opened.
type OpenOptions struct {
	// Clean says that the directory was shut down cleanly: nothing is recovered, no old segment is read.
	Clean bool
	// RecoveryPoint is the offset up to which everything was synced, from its checkpoint.
	RecoveryPoint int64
	// NoCheckpoint says that there was no checkpoint to be read: the recovery point is a guess, and the cleaner may have been above it.
	NoCheckpoint bool
	// Rewrite has what is recovered written again where it is: a sync may have failed since the recovery point, and those that follow mean
	// nothing for what that one lost (decision 012).
	Rewrite bool
	// LogStartOffset is the first offset, from the checkpoint.
	LogStartOffset int64
	// CleanedTo is how far the cleaner has come, from its checkpoint; 0: it was never here.
	CleanedTo int64
	// Progress is told of each recovered segment: how many bytes of how many are done. May be nil.
	Progress func(doneBytes, totalBytes int64)
}

// Log is one partition's log.
type Log struct {
	env   Env
	dir   *segment.Dir
	cfg   atomic.Pointer[config.Topic]
	segs  atomic.Pointer[[]*segment.Segment] // by base offset, never empty; replaced, never changed
	start atomic.Int64
	end   atomic.Int64
	high  atomic.Int64 // high watermark, as the partition told
	size  atomic.Int64 // of all segments, in bytes

	// Written by whoever is the flusher (or keeps it out) alone: records below synced are durable; segments that begin below sealed
	// are complete and durable with their indexes and the snapshot that follows them.
	// What is below indexed is durable with its indexes, too (noOffset: unknown); it changes under mu, forward by the flusher alone.
	synced  atomic.Int64
	sealed  atomic.Int64
	indexed atomic.Int64

	firstUnstable atomic.Int64 // noOffset: none
	lastFlushMs   atomic.Int64
	failure       atomic.Pointer[error]
	closed        atomic.Bool

	cuts      atomic.Int64 // see Generation
	cleanedTo atomic.Int64 // see CleanedTo; changes under mu
	// checkpointed is the recovery point that a crash would find; changes under mu.
	checkpointed atomic.Int64

	tail   tail
	epochs epochs

	swapping sync.Mutex // see the package comment

	mu           sync.Mutex // the append lock, see the package comment
	producers    producers
	rollJitterMs int64              // of the active segment
	named        int64              // how many times files were created
	namedDurably int64              // how many of them have durable names
	parentDirty  bool               // the directory itself was created, and its name is not durable yet
	changed      bool               // since the log was opened
	deleted      []*segment.Segment // renamed, waiting for DeleteRenamed
	staleFiles   []staleFile        // renamed snapshots, likewise

	flusher flusher
}

// staleFile is a renamed file that is not part of a segment.
type staleFile struct {
	name        string // within the directory
	renamedAtMs int64
}

// segments is the list at this moment.
func (l *Log) segments() []*segment.Segment { return *l.segs.Load() }

// active is the segment that takes the appends.
func (l *Log) active() *segment.Segment {
	segs := l.segments()
	return segs[len(segs)-1]
}

func (l *Log) setSegments(segs []*segment.Segment) { l.segs.Store(&segs) }

func (l *Log) limits() segment.Limits {
	cfg := l.cfg.Load()
	return segment.Limits{IndexIntervalBytes: cfg.IndexIntervalBytes, IndexBytes: cfg.SegmentIndexBytes}
}

// LogStartOffset is the first offset. LogEndOffset is the next one to be written.
func (l *Log) LogStartOffset() int64 { return l.start.Load() }
func (l *Log) LogEndOffset() int64   { return l.end.Load() }

// RecoveryPoint is the offset below which everything is synced: Flush moves it to the log's end. Where only records were synced
// (flush.messages) it stays inside their segment, because recovery rebuilds the indexes of the segment that holds it, and of later ones.
func (l *Log) RecoveryPoint() int64 {
	point := l.synced.Load()
	if l.indexed.Load() >= point {
		return point
	}
	end, sealed, segs := l.end.Load(), l.sealed.Load(), l.segments()
	i := sort.Search(len(segs), func(i int) bool { return segs[i].BaseOffset() >= sealed })
	if i == len(segs) {
		return point
	}
	if i+1 < len(segs) {
		end = segs[i+1].BaseOffset()
	}
	return min(point, max(segs[i].BaseOffset(), end-1))
}

// SizeBytes is the size of all segments.
func (l *Log) SizeBytes() int64 { return l.size.Load() }

// Segments is how many segments there are.
func (l *Log) Segments() int { return len(l.segments()) }

// FirstUnstableOffset is the first offset of the oldest transaction that is open, or whose marker is not below the high watermark yet; ok is
// false where there is none. (last stable offset = min of it and the high watermark)
func (l *Log) FirstUnstableOffset() (offset int64, ok bool) {
	offset = l.firstUnstable.Load()
	return offset, offset != noOffset
}

// updateUnstable publishes the first unstable offset. The caller holds mu.
func (l *Log) updateUnstable() {
	offset, ok := l.producers.firstUnstable()
	if !ok {
		offset = noOffset
	} else {
		offset = max(offset, l.start.Load())
	}
	l.firstUnstable.Store(offset)
}

// SetHighWatermark tells the log what is committed: unstable offsets and retention heed it.
func (l *Log) SetHighWatermark(offset int64) {
	if l.high.Swap(offset) == offset || l.firstUnstable.Load() == noOffset {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.producers.replicated(offset)
	l.updateUnstable()
}

// SetConfig replaces the topic's configuration.
func (l *Log) SetConfig(cfg *config.Topic) { l.cfg.Store(cfg) }

// Config is the configuration in force.
func (l *Log) Config() *config.Topic { return l.cfg.Load() }

// Dir is the directory; changes with Rename.
func (l *Log) Dir() string { return l.dir.Path() }

// AssignEpochStart notes that a leader epoch starts at the log's end (a leader does so when it is elected).
func (l *Log) AssignEpochStart(epoch int32, startOffset int64) error {
	if err := l.usable(); err != nil {
		return err
	}
	l.epochs.assign(epoch, startOffset)
	return nil
}

// EpochEnd is the answer to OffsetForLeaderEpoch: the largest epoch at most the asked one, and where it ends. (-1, -1) unknown.
func (l *Log) EpochEnd(epoch int32) (foundEpoch int32, endOffset int64) {
	return l.epochs.end(epoch, l.end.Load())
}

// LatestEpoch is the last epoch in the cache; ok false where the cache is empty. EpochAt is the epoch of an offset, -1 unknown.
func (l *Log) LatestEpoch() (epoch int32, ok bool) { return l.epochs.latest() }
func (l *Log) EpochAt(offset int64) int32          { return l.epochs.at(offset) }

func nowMs() int64 { return time.Now().UnixMilli() }
