package commitlog

import "sync"

// tailEnds is how many of the newest batch ends are remembered.
const tailEnds = 32

// endPosition is an offset at which a batch ends, and where that is.
type endPosition struct {
	offset   int64
	base     int64 // of the segment
	position int64
}

// tail remembers where the newest batches end, so that a read at the log's end, or up to a high watermark close to it, needs neither
// index nor file. Its mutex guards it; appends and reads hold it for a few instructions.
type tail struct {
	mu   sync.Mutex
	ends []endPosition // a ring once it is full
	next int           // where the next one goes
	last endPosition
}

// reset forgets all but where the log ends.
func (t *tail) reset(end endPosition) {
	t.mu.Lock()
	t.ends, t.next, t.last = t.ends[:0], 0, end
	t.mu.Unlock()
}

func (t *tail) add(end endPosition) {
	t.mu.Lock()
	if t.ends == nil {
		t.ends = make([]endPosition, 0, tailEnds)
	}
	// The end before is remembered with the first append behind it, so that a log at rest holds no ring.
	if len(t.ends) < tailEnds {
		t.ends = append(t.ends, t.last)
	} else {
		t.ends[t.next] = t.last
	}
	t.next = (t.next + 1) % tailEnds
	t.last = end
	t.mu.Unlock()
}

// position finds where the batch that begins at offset begins in the segment with that base.
func (t *tail) position(offset, base int64) (position int64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last.offset == offset && t.last.base == base {
		return t.last.position, true
	}
	for i := range t.ends {
		if e := &t.ends[i]; e.offset == offset && e.base == base {
			return e.position, true
		}
	}
	return 0, false
}
