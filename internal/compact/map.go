package compact

import (
	"milena/internal/record"
	"milena/internal/segment"
)

// fillMap reads the dirty part for the last offset of each key, until the map is full. Aborted records count for nothing.
func (p *pass) fillMap() error {
	w, m := p.work, p.c.offsets
	m.clear()
	aborted, err := w.Log.Aborted(w.FirstDirty, w.End)
	if err != nil {
		return err
	}
	x := newTxns(nil)
	x.list(aborted)
	segs := w.Log.SegmentList()
	for i := at(segs, w.FirstDirty); i < len(segs)-1 && segs[i].BaseOffset() < w.End; i++ {
		full, err := p.mapSegment(segs[i], x)
		if err != nil || full {
			return err
		}
		// Offsets that no batch has any more are mapped as well.
		m.latest = max(m.latest, min(segs[i+1].BaseOffset(), w.End)-1)
		p.c.shrink()
	}
	return nil
}

// mapSegment notes a segment's keys; full: not all of them.
func (p *pass) mapSegment(s *segment.Segment, x *txns) (full bool, err error) {
	m, from := p.c.offsets, p.work.FirstDirty
	position, err := s.IndexFloor(from)
	if err != nil {
		return false, err
	}
	note := func(r *record.Seen) bool {
		if r.Key != nil && r.Offset >= from {
			full = !m.put(r.Key, r.Offset)
		}
		return !full
	}
	err = p.walk(s, position, func(b *segment.Batch) (bool, error) {
		p.stats.MapBytes += int64(len(b.Bytes))
		if b.Header.IsControl() {
			if _, err := x.control(&b.Header, b.Bytes); err != nil {
				return false, err
			}
		} else if !x.data(&b.Header) {
			if err := p.c.sieve.Each(b.Bytes, &b.Header, note); err != nil || full {
				return false, err
			}
		}
		if b.Header.LastOffset >= from {
			m.latest = max(m.latest, b.Header.LastOffset)
		}
		return true, nil
	})
	return full, err
}
