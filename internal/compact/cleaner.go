package compact

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"runtime"
	"time"

	"milena/internal/commitlog"
	"milena/internal/record"
	"milena/internal/segment"
)

// Options is what a cleaner may use.
type Options struct {
	MapBytes int64   // for the offset map
	MapLoad  float64 // how full the offset map may get, 0 to 1
	IOBytes  int     // of each of the two buffers; they grow to the largest batch
	Throttle *Throttle
}

// Cleaner cleans one log at a time.
type Cleaner struct {
	options Options
	offsets *offsetMap
	sieve   record.Sieve
	in, out []byte
	unheld  int // bytes read or written that the throttle has not seen
}

const (
	// leastIOBytes is the smallest buffer that makes sense.
	leastIOBytes = 16 << 10
	// pieceBytes is how much is read or written before others get the processor, and a cleaning may be stopped.
	pieceBytes = 64 << 10
	// syncBytes is how much of a cleaned segment is written before it is synced: a whole segment at once would keep the disk, and
	// with it every producer that waits for an fsync, busy for seconds.
	syncBytes = 8 << 20
	// maxDecodedBytes bounds what a batch may decompress to, as for clients.
	maxDecodedBytes = 256 << 20
)

// New makes a cleaner. Memory is taken when there is something to clean.
func New(o Options) *Cleaner {
	o.IOBytes = max(o.IOBytes, leastIOBytes)
	return &Cleaner{options: o, offsets: newOffsetMap(o.MapBytes, o.MapLoad), sieve: record.Sieve{MaxBytes: maxDecodedBytes}}
}

// Rest gives the memory back.
func (c *Cleaner) Rest() {
	c.offsets.release()
	c.in, c.out, c.sieve = nil, nil, record.Sieve{MaxBytes: maxDecodedBytes}
}

// Stats tells what a cleaning did.
type Stats struct {
	From, To           int64 // what was dirty and is clean now
	MapBytes           int64 // read for the offset map
	BytesRead          int64 // of the segments that were rewritten
	BytesWritten       int64
	RecordsRead        int64
	RecordsWritten     int64
	Keyless            int64 // records without a key, which were dropped
	MapUtilization     float64
	MapTime, WholeTime time.Duration
}

// Damaged tells whether an error of Clean says that the log's own files are bad, so that trying again does not help.
func Damaged(err error) bool {
	for _, bad := range []error{record.ErrCorrupt, record.ErrTruncated, segment.ErrCorrupt, errOffsets, io.EOF, io.ErrUnexpectedEOF, fs.ErrNotExist} {
		if errors.Is(err, bad) {
			return true
		}
	}
	return false
}

// errOffsets says that offsets of a segment go back, or beyond what a segment may hold.
var errOffsets = errors.New("compact: offsets of the batches do not fit the segment")

// Clean does the work, as far as the offset map reaches, and tells the log how far that was. Errors: commitlog.ErrOvertaken (look again),
// ctx's, commitlog.ErrNoSpace, commitlog.ErrStorage, what Damaged names, and those of a disk that cannot be read. What was replaced
// before an error stays so.
func (c *Cleaner) Clean(ctx context.Context, w Work, nowMs int64) (Stats, error) {
	begun := time.Now()
	p := pass{c: c, ctx: ctx, work: &w, nowMs: nowMs}
	p.stats.From = w.FirstDirty
	err := p.run(begun)
	if err != nil && w.Log.Generation() != w.Generation && ctx.Err() == nil {
		err = commitlog.ErrOvertaken // what was read may have been cut off in between
	}
	p.stats.WholeTime = time.Since(begun)
	return p.stats, err
}

// held accounts for n bytes of the disk, lets others have the processor, and ends the cleaning where it is to stop.
func (c *Cleaner) held(ctx context.Context, n int) error {
	if c.unheld += n; c.unheld < pieceBytes {
		return nil
	}
	n, c.unheld = c.unheld, 0
	runtime.Gosched()
	return c.options.Throttle.Wait(ctx, n)
}

// shrink makes the buffers what they are to be, and lets go of those that one large batch has made grow.
func (c *Cleaner) shrink() {
	if cap(c.in) != c.options.IOBytes {
		c.in = make([]byte, c.options.IOBytes)
	}
	if len(c.out) == 0 && (c.out == nil || cap(c.out) > 4*c.options.IOBytes) {
		c.out = make([]byte, 0, 2*c.options.IOBytes)
	}
	c.sieve.Shrink(4 * c.options.IOBytes)
}

// walk reads a segment's batches from position on, each of them checked.
func (p *pass) walk(s *segment.Segment, position int64, visit func(b *segment.Batch) (bool, error)) error {
	if !s.Acquire() {
		return commitlog.ErrOvertaken
	}
	defer s.Release()
	last, size, stopped := s.BaseOffset()-1, s.SizeBytes(), false
	end, err := s.WalkBuffered(position, size, &p.c.in, func(b *segment.Batch) (bool, error) {
		if err := record.CheckCRC(b.Bytes); err != nil {
			return false, err
		}
		if b.Header.LastOffset <= last {
			return false, errOffsets
		}
		last = b.Header.LastOffset
		if err := p.c.held(p.ctx, len(b.Bytes)); err != nil {
			return false, err
		}
		more, err := visit(b)
		stopped = !more
		return more, err
	})
	if err == nil && !stopped && end < size {
		err = &segment.Error{Dir: s.Dir().Path(), Segment: segment.FileName(s.BaseOffset(), segment.Log), Position: end, Err: record.ErrTruncated}
	}
	return err
}
