package segment

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"sync"
	"sync/atomic"

	"milena/internal/vfs"
)

// NoTimestamp is the timestamp of what has none.
const NoTimestamp = -1

// Limits are what a topic's configuration says of a segment's indexes.
type Limits struct {
	IndexIntervalBytes int // index.interval.bytes
	IndexBytes         int // segment.index.bytes: the largest size of an index file
}

// Segment is one segment of a log.
type Segment struct {
	dir  *Dir
	base int64
	size atomic.Int64 // of .log, whole batches only
	refs atomic.Int32 // the list's one and one for each reader; 0: files are closed

	log     file
	offsets entries
	times   entries
	txns    entries

	names  sync.RWMutex // held while files are opened by name, and to write while they are renamed
	suffix string       // behind the files' names: ".cleaned", ".swap", ".deleted" or nothing; guarded by names

	deleted       atomic.Bool  // renamed; removed with the last reference
	deletedAtMs   atomic.Int64 // when that was
	modifiedMs    atomic.Int64 // of .log when it was opened, or of the last append: stands for the timestamp where no record has one
	sinceIndex    int          // bytes appended after the last index entry (writer only)
	createdMs     int64        // or emptied (writer only)
	firstBatchMs  int64        // largest timestamp of the first batch; NoTimestamp unknown (writer only)
	firstBatchSet bool

	mu      sync.Mutex
	largest TimestampOffset // largest timestamp so far and the last offset of its batch
	known   bool            // largest is read from the time index
}

func newSegment(dir *Dir, base int64, nowMs int64) *Segment {
	s := &Segment{dir: dir, base: base, createdMs: nowMs, firstBatchMs: NoTimestamp}
	s.offsets = entries{kind: OffsetIndex, width: offsetWidth, onDisk: unknownCount}
	s.times = entries{kind: TimeIndex, width: timeWidth, onDisk: unknownCount}
	s.txns = entries{kind: TxnIndex, width: txnWidth, onDisk: unknownCount}
	s.refs.Store(1)
	s.modifiedMs.Store(nowMs)
	return s
}

// Open describes a segment that is on disk, sizeBytes long and last changed at modifiedMs. No file is touched before it is needed.
func Open(dir *Dir, base, sizeBytes, modifiedMs, nowMs int64) *Segment {
	s := newSegment(dir, base, nowMs)
	s.size.Store(sizeBytes)
	s.modifiedMs.Store(modifiedMs)
	return s
}

// Create makes an empty segment with its files; files that were there are emptied. The caller makes the names durable.
func Create(dir *Dir, base, nowMs int64) (*Segment, error) { return create(dir, base, nowMs, "") }

// CreateCleaned is Create for what the cleaner writes: the files end in ".cleaned" until SetSuffix gives them other names.
func CreateCleaned(dir *Dir, base, nowMs int64) (*Segment, error) {
	return create(dir, base, nowMs, CleanedSuffix)
}

func create(dir *Dir, base, nowMs int64, suffix string) (*Segment, error) {
	s := newSegment(dir, base, nowMs)
	s.suffix = suffix
	for _, kind := range [...]Kind{OffsetIndex, TimeIndex, Log} {
		f, err := dir.fs.Create(s.name(kind))
		if err != nil {
			return nil, s.wrap(kind, 0, err)
		}
		_ = f.Close()
	}
	if err := dir.fs.Remove(s.name(TxnIndex)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, s.wrap(TxnIndex, 0, err)
	}
	s.offsets.onDisk, s.times.onDisk, s.txns.onDisk = 0, 0, 0
	s.largest, s.known = TimestampOffset{TimestampMs: NoTimestamp, Offset: base}, true
	return s, nil
}

// KnowIndex tells how long an index file is, so that an empty or missing one is not opened to find that out. For a segment just opened.
func (s *Segment) KnowIndex(kind Kind, sizeBytes int64) {
	if sizeBytes > 0 {
		return
	}
	for _, e := range [...]*entries{&s.offsets, &s.times, &s.txns} {
		if e.kind == kind {
			e.onDisk, e.clean = 0, true
		}
	}
}

// MakeIndexes makes the index files that are missing, empty. The transaction index exists only where a transaction was aborted. On
// a full disk they stay missing.
func (s *Segment) MakeIndexes() error {
	for _, e := range [...]*entries{&s.offsets, &s.times} {
		if err := e.ensure(s); err != nil && !IsFull(err) {
			return err
		}
	}
	return nil
}

// BaseOffset is the offset of the first record the segment may hold.
func (s *Segment) BaseOffset() int64 { return s.base }

// SizeBytes is the length of the records.
func (s *Segment) SizeBytes() int64 { return s.size.Load() }

// Dir is the directory the segment is in.
func (s *Segment) Dir() *Dir { return s.dir }

// name is where a file of the segment is; the caller holds names, or is alone.
func (s *Segment) name(kind Kind) string {
	return s.dir.Path() + "/" + FileName(s.base, kind) + s.suffix
}

// Error is a failure of a segment's file, or corruption in it: which directory, which segment, where.
type Error struct {
	Dir      string
	Segment  string // file name
	Position int64
	Err      error
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s at position %d: %v", e.Dir, e.Segment, e.Position, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// ErrCorrupt is wrapped by errors about bytes in a segment or index that cannot be right.
var ErrCorrupt = errors.New("corrupt")

func (s *Segment) wrap(kind Kind, position int64, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Dir: s.dir.Path(), Segment: FileName(s.base, kind), Position: position, Err: err}
}

func (s *Segment) corrupt(kind Kind, position int64, what string) error {
	return s.wrap(kind, position, fmt.Errorf("%w: %s", ErrCorrupt, what))
}

// Acquire takes a reference, so that the files stay until Release; false: the segment is gone already.
func (s *Segment) Acquire() bool {
	for {
		n := s.refs.Load()
		if n == 0 {
			return false
		}
		if s.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release gives a reference back. The last one closes the files, and removes them where the segment was deleted.
func (s *Segment) Release() {
	if s.refs.Add(-1) > 0 {
		return
	}
	s.CloseFiles()
	if s.deleted.Load() {
		_ = s.RemoveFiles() // what is left is removed when the log is opened again
	}
}

// OpenLog gives the file of the records, open until CloseLog is called.
func (s *Segment) OpenLog() (vfs.File, error) {
	f, err := s.log.acquire(s, Log, false)
	return f, s.wrap(Log, 0, err)
}

// CloseLog says that the file of OpenLog is no longer used; the cache may close it.
func (s *Segment) CloseLog() { s.log.release(s.dir.cache) }

// CloseFiles closes the open files; they are opened again when needed.
func (s *Segment) CloseFiles() {
	for _, f := range [...]*file{&s.log, &s.offsets.file, &s.times.file, &s.txns.file} {
		f.drop(s.dir.cache)
	}
}

// DeletedAtMs is when MarkDeleted was called.
func (s *Segment) DeletedAtMs() int64 { return s.deletedAtMs.Load() }

// Fits tells whether an offset can be told relative to the base offset.
func (s *Segment) Fits(offset int64) bool {
	return offset >= s.base && offset-s.base <= math.MaxInt32
}

// Full tells whether an index has no room for what an append may add.
func (s *Segment) Full(l Limits) (bool, error) {
	room, err := s.Room(l)
	return room <= 0, err
}

// Room is how many more entries both indexes take; a batch adds at most one to each.
func (s *Segment) Room(l Limits) (int, error) {
	n, err := s.offsets.count(s)
	if err != nil {
		return 0, err
	}
	m, err := s.times.count(s)
	// The last entry of the time index is kept for the one that closing the segment adds.
	return min(l.IndexBytes/offsetWidth-int(n), l.IndexBytes/timeWidth-1-int(m)), err
}
