package commitlog

import (
	"errors"
	"math"
	"slices"

	"milena/internal/record"
	"milena/internal/segment"
)

// A producer snapshot is Kafka's and holds only the last batch of each producer, but a client may have five in flight when the broker
// stops, and retries all whose answers it missed. Those before the last one are still in the log. They are looked up when a retry asks for
// one, and not when the log is opened: that would read the tail of every log for the few retries that ever come.

// What a search reads at most; it goes on under the append lock.
const (
	recallHeaders = 1024 // heads of batches
	recallSteps   = 256  // stretches between two index entries, of which each may cost a read of its own
)

// recall looks for the batches before those that are known of b's producer, where b may be one of them, and tells whether it did look. It
// looks once, whatever it finds, so that a client that keeps sending nonsense costs no reads. The caller holds mu.
func (l *Log) recall(b record.Batch) bool {
	p := l.producers.byID[b.ProducerID()]
	if p == nil || !p.partial || p.epoch != b.ProducerEpoch() || p.batchCount == 0 || !notAbove(b.BaseSequence(), p.lastSequence()) {
		return false
	}
	p.partial = false
	r := lookback{
		p: p, before: p.batches[0].firstOffset(), room: rememberedBatches - int(p.batchCount),
		headers: recallHeaders, steps: recallSteps,
	}
	segs := l.segments()
	for i := len(segs) - 1; i >= 0 && !r.done(); i-- {
		if segs[i].BaseOffset() >= r.before {
			continue
		}
		if err := r.segment(segs[i]); err != nil {
			l.env.Logger.Debug("earlier batches of a producer cannot be looked up", "dir", l.dir.Path(), "producer", p.id, "reason", err)
			break
		}
	}
	p.prepend(r.found)
	return true
}

// notAbove tells whether a sequence number is at most another one: they wrap, and the nearer way round counts.
func notAbove(sequence, other int32) bool { return (other-sequence)&math.MaxInt32 <= math.MaxInt32/2 }

// prepend puts batches before those that are known; there is room for them.
func (p *producer) prepend(earlier []batchMark) {
	known := append(earlier, p.batches[:p.batchCount]...)
	p.batchCount = int8(copy(p.batches[:], known))
}

// lookback is a search backwards through the log.
type lookback struct {
	p       *producer
	found   []batchMark // the oldest first
	before  int64       // all from this offset on was looked at
	room    int         // for how many batches there is still room
	headers int         // how many heads may still be read
	steps   int
	over    bool // there is none before
}

func (r *lookback) done() bool { return r.over || r.room == 0 || r.headers <= 0 || r.steps <= 0 }

// segment searches one segment from its end, from one index entry to the one before.
func (r *lookback) segment(s *segment.Segment) error {
	for !r.done() && r.before > s.BaseOffset() {
		r.steps--
		position, err := s.IndexFloor(r.before - 1)
		if err != nil {
			return err
		}
		first, marks, err := r.stretch(s, position)
		if err != nil {
			return err
		}
		r.take(marks)
		if position == 0 || first >= r.before {
			return nil
		}
		r.before = first
	}
	return nil
}

var errSearchTooLong = errors.New("commitlog: the search for a producer's earlier batches has come to its limit")

// stretch reads the heads from a position on up to the offset from which all is known: first is the first batch's offset, marks are the
// producer's batches.
func (r *lookback) stretch(s *segment.Segment, position int64) (first int64, marks []record.Header, err error) {
	first = math.MaxInt64
	_, err = s.Headers(position, s.SizeBytes(), func(_ int64, h record.Header) bool {
		if r.headers--; h.BaseOffset >= r.before || r.headers < 0 {
			return false
		}
		first = min(first, h.BaseOffset)
		if h.ProducerID == r.p.id && !h.IsControl() {
			marks = append(marks, h)
		}
		return true
	})
	if err == nil && r.headers < 0 {
		err = errSearchTooLong // what was read does not reach up to what is known
	}
	return first, marks, err
}

// take keeps the last of a stretch's batches, as far as they come before the ones known.
func (r *lookback) take(stretch []record.Header) {
	for _, h := range slices.Backward(stretch) {
		next := r.p.batches[0]
		if len(r.found) > 0 {
			next = r.found[0]
		}
		// A producer that was forgotten may have begun anew within its epoch.
		if h.ProducerEpoch != r.p.epoch || !notAbove(h.LastSequence(), decrementSequence(next.firstSequence(), 1)) {
			r.over = true
		}
		if r.over || r.room == 0 {
			return
		}
		r.found = slices.Insert(r.found, 0, markOf(&h))
		r.room--
	}
}
