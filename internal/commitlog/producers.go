package commitlog

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"milena/internal/record"
)

// rememberedBatches is how many of a producer's last batches are known, so that a retry of any of them is seen (KIP-98: as many
// as a client may have in flight).
const rememberedBatches = 5

const (
	noSequence = -1
	noEpoch    = -1
	noOffset   = -1
)

// batchMark is what is remembered of one batch.
type batchMark struct {
	lastSequence int32
	offsetDelta  int32 // last offset minus first
	lastOffset   int64
	timestampMs  int64
}

func markOf(h *record.Header) batchMark {
	return batchMark{
		lastSequence: h.LastSequence(),
		offsetDelta:  int32(h.LastOffset - h.BaseOffset),
		lastOffset:   h.LastOffset,
		timestampMs:  h.MaxTimestamp,
	}
}

func (m *batchMark) firstSequence() int32 { return decrementSequence(m.lastSequence, m.offsetDelta) }
func (m *batchMark) firstOffset() int64   { return m.lastOffset - int64(m.offsetDelta) }

// decrementSequence goes back in the sequence numbers, which wrap from 2^31-1 to 0.
func decrementSequence(sequence, by int32) int32 {
	if sequence < by {
		return math.MaxInt32 - (by - sequence) + 1
	}
	return sequence - by
}

// producer is what a log knows of one producer id (Kafka: ProducerStateEntry).
type producer struct {
	id               int64
	epoch            int16
	coordinatorEpoch int32
	batchCount       int8
	partial          bool                         // batches before those known may be in the log, see remembered.go
	batches          [rememberedBatches]batchMark // the oldest first
	lastTimestampMs  int64
	txnFirstOffset   int64 // noOffset: no open transaction
}

func (p *producer) lastSequence() int32 {
	if p.batchCount == 0 {
		return noSequence
	}
	return p.batches[p.batchCount-1].lastSequence
}

func (p *producer) setEpoch(epoch int16) {
	if p.epoch != epoch {
		p.epoch = epoch
		p.batchCount, p.partial = 0, false
	}
}

func (p *producer) addBatch(m batchMark) {
	if p.batchCount == rememberedBatches {
		copy(p.batches[:], p.batches[1:])
		p.batchCount--
	}
	p.batches[p.batchCount] = m
	p.batchCount++
	p.lastTimestampMs = m.timestampMs
}

// duplicate finds the remembered batch that has the same sequence numbers.
func (p *producer) duplicate(b record.Batch) *batchMark {
	if b.ProducerEpoch() != p.epoch {
		return nil
	}
	first, last := b.BaseSequence(), b.LastSequence()
	for i := range p.batches[:p.batchCount] {
		if m := &p.batches[i]; m.lastSequence == last && m.firstSequence() == first {
			return m
		}
	}
	return nil
}

// txn is a transaction in the log: open, or complete but its marker not yet below the high watermark.
type txn struct {
	producerID  int64
	firstOffset int64
	lastOffset  int64 // of the marker; noOffset while open
}

// producers is the state of all producers of a log (Kafka: ProducerStateManager). Log.mu guards it.
type producers struct {
	byID         map[int64]*producer
	ongoing      []txn // open, by first offset
	unreplicated []txn // complete, the marker at or above the high watermark; by first offset
	endOffset    int64 // the state is that of the log up to here
	snapshotted  int64 // the last snapshot's offset
	// older and newer are transactions that ended since the last but one time, and the last time, that a recovery point was noted. A
	// crash may take their markers, and open them again.
	older, newer ended
}

// ended sums up transactions that have ended: where the first of them begins, and the last marker.
type ended struct {
	any         bool
	first, last int64
}

func (e *ended) add(t txn) {
	if !e.any {
		*e = ended{true, t.firstOffset, t.lastOffset}
		return
	}
	e.first, e.last = min(e.first, t.firstOffset), max(e.last, t.lastOffset)
}

// recoverable notes that no crash takes what is below a recovery point.
func (ps *producers) recoverable(point int64) {
	for range 2 {
		if ps.older.any && ps.older.last >= point {
			return
		}
		ps.older, ps.newer = ps.newer, ended{}
	}
}

// firstEnded is the first offset of a transaction whose marker a crash may take; offset limit where there is none below.
func (ps *producers) firstEnded(limit int64) int64 {
	for _, e := range []ended{ps.older, ps.newer} {
		if e.any {
			limit = min(limit, e.first)
		}
	}
	return limit
}

// check tells whether a client's or coordinator's batch may be appended; it changes nothing.
func (ps *producers) check(b record.Batch, origin record.Origin, m *marker) error {
	p, known := ps.byID[b.ProducerID()]
	if !known {
		return nil // a producer forgotten, or never seen, may start anywhere (KIP-360)
	}
	if b.ProducerEpoch() < p.epoch {
		return fmt.Errorf("%w: epoch %d of producer %d is smaller than the last seen epoch %d",
			ErrInvalidProducerEpoch, b.ProducerEpoch(), p.id, p.epoch)
	}
	if m != nil {
		if p.coordinatorEpoch > m.coordinatorEpoch {
			return fmt.Errorf("%w: coordinator epoch %d for producer %d is smaller than the last seen epoch %d",
				ErrCoordinatorFenced, m.coordinatorEpoch, p.id, p.coordinatorEpoch)
		}
		return nil
	}
	if origin == record.FromClient {
		if err := p.checkSequence(b); err != nil {
			return err
		}
	}
	if p.txnFirstOffset != noOffset && !b.IsTransactional() {
		return fmt.Errorf("%w: producer %d has an open transaction and wrote outside of it", ErrInvalidTxnState, p.id)
	}
	return nil
}

func (p *producer) checkSequence(b record.Batch) error {
	first := b.BaseSequence()
	if b.ProducerEpoch() != p.epoch {
		if first != 0 && p.epoch != noEpoch {
			return fmt.Errorf("%w: producer %d starts its new epoch %d with sequence number %d",
				ErrOutOfOrderSequence, p.id, b.ProducerEpoch(), first)
		}
		return nil
	}
	last := p.lastSequence()
	if p.epoch == noEpoch || first == last+1 || (first == 0 && last == math.MaxInt32) {
		return nil
	}
	return fmt.Errorf("%w: producer %d sends %d after %d", ErrOutOfOrderSequence, p.id, first, last)
}

// apply takes an appended data batch into account.
func (ps *producers) apply(h *record.Header) {
	p := ps.entry(h.ProducerID)
	p.setEpoch(h.ProducerEpoch)
	p.addBatch(markOf(h))
	if h.IsTransactional() && p.txnFirstOffset == noOffset {
		p.txnFirstOffset = h.BaseOffset
		ps.open(txn{producerID: p.id, firstOffset: h.BaseOffset, lastOffset: noOffset})
	}
}

// applyMarker takes a marker into account. ok is false where it ends no transaction of ours; stable is the last stable offset
// that the index of aborted transactions notes.
func (ps *producers) applyMarker(h *record.Header, m marker, timestampMs int64) (done txn, stable int64, ok bool) {
	p := ps.entry(h.ProducerID)
	first := p.txnFirstOffset
	p.setEpoch(h.ProducerEpoch)
	p.coordinatorEpoch = m.coordinatorEpoch
	p.lastTimestampMs = timestampMs
	p.txnFirstOffset = noOffset
	if first == noOffset {
		return txn{}, 0, false
	}
	done = txn{producerID: p.id, firstOffset: first, lastOffset: h.BaseOffset}
	ps.ongoing = slices.DeleteFunc(ps.ongoing, func(t txn) bool { return t.firstOffset == first })
	ps.unreplicated = insertTxn(ps.unreplicated, done)
	ps.newer.add(done)
	stable = done.lastOffset + 1
	if len(ps.ongoing) > 0 {
		stable = ps.ongoing[0].firstOffset
	}
	return done, stable, true
}

func (ps *producers) entry(id int64) *producer {
	p, ok := ps.byID[id]
	if !ok {
		p = &producer{id: id, epoch: noEpoch, coordinatorEpoch: -1, lastTimestampMs: -1, txnFirstOffset: noOffset}
		if ps.byID == nil {
			ps.byID = make(map[int64]*producer)
		}
		ps.byID[id] = p
	}
	return p
}

func (ps *producers) open(t txn) { ps.ongoing = insertTxn(ps.ongoing, t) }

func insertTxn(list []txn, t txn) []txn {
	i, found := slices.BinarySearchFunc(list, t.firstOffset, func(t txn, first int64) int { return cmp.Compare(t.firstOffset, first) })
	if found {
		list[i] = t
		return list
	}
	return slices.Insert(list, i, t)
}

// replicated forgets the complete transactions whose marker lies below the high watermark.
func (ps *producers) replicated(highWatermark int64) {
	ps.unreplicated = slices.DeleteFunc(ps.unreplicated, func(t txn) bool { return t.lastOffset < highWatermark })
}

// firstUnstable is the first offset of the oldest transaction that a read_committed reader must not pass.
func (ps *producers) firstUnstable() (offset int64, ok bool) {
	offset = math.MaxInt64
	if len(ps.ongoing) > 0 {
		offset = ps.ongoing[0].firstOffset
	}
	if len(ps.unreplicated) > 0 {
		offset = min(offset, ps.unreplicated[0].firstOffset)
	}
	return offset, offset != math.MaxInt64
}

// expire forgets producers that were silent for expiryMs and have no open transaction.
func (ps *producers) expire(nowMs, expiryMs int64) {
	for id, p := range ps.byID {
		if p.expired(nowMs, expiryMs) {
			delete(ps.byID, id)
		}
	}
}

func (p *producer) expired(nowMs, expiryMs int64) bool {
	return p.txnFirstOffset == noOffset && nowMs-p.lastTimestampMs >= expiryMs
}

// clear forgets everything; the log is taken to be empty up to offset.
func (ps *producers) clear(offset int64) {
	*ps = producers{endOffset: offset, snapshotted: noOffset}
}
