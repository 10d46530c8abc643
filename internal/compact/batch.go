package compact

import (
	"milena/internal/record"
	"milena/internal/segment"
)

// cleanBatch appends what remains of a batch to the output.
func (p *pass) cleanBatch(b *segment.Batch) error {
	h := &b.Header
	over, drop, err := p.judge(b)
	if err != nil {
		return err
	}
	p.stats.RecordsRead += int64(max(0, h.Count))
	stays := h.Magic >= 2 && (h.LastOffset+1 == p.work.End || p.lastOfProducer(h))
	if drop {
		if stays {
			p.c.out = record.AppendEmpty(p.c.out, record.Batch(b.Bytes))
		}
		return nil
	}
	p.header, p.control = h, h.IsControl()
	sifted, err := p.c.sieve.Sift(b.Bytes, h, p.keepRecord)
	if err != nil {
		return err
	}
	p.stats.RecordsWritten += int64(sifted.Kept)
	_, dated := h.DeleteHorizonMs()
	date := h.Magic >= 2 && !dated && (sifted.Tombstones || over && p.control)
	switch {
	case sifted.Kept == 0:
		if stays {
			p.c.out = record.AppendEmpty(p.c.out, record.Batch(b.Bytes))
		}
	case sifted.Kept == sifted.Read && !date:
		p.c.out = append(p.c.out, b.Bytes...)
	case date:
		p.c.out, err = p.c.sieve.Rewrite(p.c.out, p.nowMs+p.deleteRetain)
	default:
		p.c.out, err = p.c.sieve.Rewrite(p.c.out, 0)
	}
	return err
}

// judge looks at a batch as a whole. over: its transaction was aborted, or is a marker's of which nothing is left. drop: so its records
// go; a marker's only when its delete horizon has passed.
func (p *pass) judge(b *segment.Batch) (over, drop bool, err error) {
	h := &b.Header
	if !h.IsControl() {
		over = p.txns.data(h)
		return over, over, nil
	}
	if over, err = p.txns.control(h, b.Bytes); err != nil {
		return false, false, err
	}
	horizon, dated := h.DeleteHorizonMs()
	return over, over && dated && horizon <= p.nowMs, nil
}

// lastOfProducer tells whether the state of a living producer rests on the batch: on its last sequence number or, where all of its
// records are gone, on the epoch of its marker.
func (p *pass) lastOfProducer(h *record.Header) bool {
	if h.ProducerID < 0 {
		return false
	}
	last, ok := p.producers[h.ProducerID]
	if !ok {
		return false
	}
	if last.DataOffset >= 0 {
		return h.LastOffset == last.DataOffset
	}
	return h.IsControl() && h.ProducerEpoch == last.Epoch
}

// keep tells whether a record remains.
func (p *pass) keep(r *record.Seen) bool {
	switch {
	case p.control || r.Offset > p.c.offsets.latest:
		return true
	case r.Key == nil:
		p.stats.Keyless++
		return false
	case r.Offset < p.c.offsets.get(r.Key):
		return false
	case r.HasValue:
		return true
	case p.header.Magic < 2:
		return p.legacyStays
	}
	horizon, dated := p.header.DeleteHorizonMs()
	return !dated || p.nowMs < horizon
}
