package compact

import (
	"cmp"
	"slices"

	"milena/internal/record"
	"milena/internal/segment"
)

// txns follows the transactions while a log is read from its beginning: which batch belongs to an aborted one, and when a marker has
// nothing left to mark.
type txns struct {
	listed    []segment.AbortedTxn // aborted ones that the reading has not come to, by first offset
	aborted   map[int64]*aborted   // that are open at the place of reading, by producer
	committed map[int64]struct{}   // producers with records of an open transaction that was not aborted
	keep      func(segment.AbortedTxn) error
}

type aborted struct {
	segment.AbortedTxn
	seen bool // a batch of it is still there
}

// newTxns: keep is told of each aborted transaction of which a batch was there; nil: nobody wants to know.
func newTxns(keep func(segment.AbortedTxn) error) *txns {
	return &txns{aborted: map[int64]*aborted{}, committed: map[int64]struct{}{}, keep: keep}
}

// list adds aborted transactions; one may be told several times.
func (x *txns) list(more []segment.AbortedTxn) {
	x.listed = append(x.listed, more...)
	slices.SortStableFunc(x.listed, func(a, b segment.AbortedTxn) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
}

// reach opens the aborted transactions that begin at or below offset.
func (x *txns) reach(offset int64) {
	n := 0
	for ; n < len(x.listed) && x.listed[n].FirstOffset <= offset; n++ {
		t := x.listed[n]
		if x.aborted[t.ProducerID] == nil {
			x.aborted[t.ProducerID] = &aborted{AbortedTxn: t}
		}
	}
	x.listed = x.listed[n:]
}

// data takes a batch of records; true: it was aborted, nobody may read it.
func (x *txns) data(h *record.Header) bool {
	x.reach(h.LastOffset)
	if !h.IsTransactional() {
		return false
	}
	if a := x.aborted[h.ProducerID]; a != nil {
		a.seen = true
		return true
	}
	x.committed[h.ProducerID] = struct{}{}
	return false
}

// control takes a control batch; true: nothing that it speaks of is left.
func (x *txns) control(h *record.Header, batch []byte) (bool, error) {
	x.reach(h.LastOffset)
	if h.Count == 0 {
		return true, nil // cleaned before
	}
	kind, _, err := record.ParseControl(record.Batch(batch))
	if err != nil {
		return false, err
	}
	switch kind {
	case record.ControlAbort:
		a := x.aborted[h.ProducerID]
		delete(x.aborted, h.ProducerID)
		if a == nil || !a.seen {
			return true, nil
		}
		if x.keep != nil {
			return false, x.keep(a.AbortedTxn)
		}
		return false, nil
	case record.ControlCommit:
		_, open := x.committed[h.ProducerID]
		delete(x.committed, h.ProducerID)
		return !open, nil
	}
	return false, nil
}
