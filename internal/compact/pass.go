package compact

import (
	"context"
	"errors"
	"time"

	"milena/internal/commitlog"
	"milena/internal/record"
	"milena/internal/segment"
)

// pass is one cleaning of one log.
type pass struct {
	c     *Cleaner
	ctx   context.Context
	work  *Work
	nowMs int64
	stats Stats

	// Of the old formats, tombstones in segments that were last written before this go.
	legacyHorizonMs int64
	txns            *txns
	producers       map[int64]commitlog.LastRecord

	fresh        *segment.Segment // being written
	unsynced     int
	legacyStays  bool // tombstones of the old formats in the segment that is read
	header       *record.Header
	control      bool
	keepRecord   func(r *record.Seen) bool // keep, made once
	deleteRetain int64                     // delete.retention.ms
}

func (p *pass) run(begun time.Time) error {
	p.c.shrink()
	if err := p.fillMap(); err != nil {
		return err
	}
	p.stats.MapTime = time.Since(begun)
	p.stats.MapUtilization = p.c.offsets.utilization()
	to := max(p.c.offsets.latest+1, p.work.FirstDirty)
	if err := p.clean(to); err != nil {
		return err
	}
	if !p.work.Log.SetCleanedTo(to, p.work.Generation) {
		return commitlog.ErrOvertaken
	}
	p.stats.To = to
	return nil
}

// clean rewrites the segments that begin below to.
func (p *pass) clean(to int64) error {
	w := p.work
	segs := w.Log.SegmentList()
	n := 0
	for n < len(segs)-1 && segs[n].BaseOffset() < to {
		if segs[n].BaseOffset() < w.FirstDirty {
			p.legacyHorizonMs = segs[n].ModifiedMs() - w.Log.Config().DeleteRetentionMs
		}
		n++
	}
	cfg := w.Log.Config()
	p.deleteRetain, p.keepRecord = cfg.DeleteRetentionMs, p.keep
	p.txns = newTxns(func(t segment.AbortedTxn) error { return p.fresh.AddAborted(t) })
	groups, err := group(segs[:n:n], cfg, segs[n].BaseOffset())
	if err != nil {
		return err
	}
	for _, g := range groups {
		if err := p.cleanGroup(g); err != nil {
			return err
		}
	}
	return nil
}

// cleanGroup writes what remains of segments into one and has it take their place.
func (p *pass) cleanGroup(g []*segment.Segment) error {
	l := p.work.Log
	fresh, err := l.NewCleaned(g[0].BaseOffset())
	if err != nil {
		return err
	}
	p.fresh, p.unsynced, p.c.out = fresh, 0, p.c.out[:0]
	p.producers = l.LastRecords()
	for i, s := range g {
		if err = p.cleanSegment(s, g[i+1:]); err != nil {
			break
		}
	}
	if err == nil {
		err = p.flush()
	}
	if err == nil {
		err = fresh.SetModifiedMs(g[len(g)-1].ModifiedMs())
	}
	if err == nil {
		if err = l.Replace(fresh, g, p.work.Generation); err == nil {
			return nil
		}
	}
	return errors.Join(err, l.Discard(fresh))
}

// cleanSegment copies what remains of a segment; later are those of its group that follow.
func (p *pass) cleanSegment(s *segment.Segment, later []*segment.Segment) error {
	next, err := s.NextOffset()
	if err != nil {
		return err
	}
	if len(later) > 0 {
		next = later[0].BaseOffset()
	}
	aborted, err := p.work.Log.Aborted(s.BaseOffset(), next)
	if err != nil {
		return err
	}
	p.txns.list(aborted)
	p.legacyStays = s.ModifiedMs() > p.legacyHorizonMs
	err = p.walk(s, 0, func(b *segment.Batch) (bool, error) {
		p.stats.BytesRead += int64(len(b.Bytes))
		if !p.fresh.Fits(b.Header.LastOffset) {
			return false, errOffsets
		}
		if err := p.cleanBatch(b); err != nil {
			return false, err
		}
		if len(p.c.out) < p.c.options.IOBytes {
			return true, nil
		}
		return true, p.flush()
	})
	p.c.shrink()
	return err
}

// flush writes what has gathered.
func (p *pass) flush() error {
	out := p.c.out
	if len(out) == 0 {
		return nil
	}
	if err := p.work.Log.AppendCleaned(p.fresh, out); err != nil {
		return err
	}
	p.stats.BytesWritten += int64(len(out))
	p.c.out = out[:0]
	if p.unsynced += len(out); p.unsynced >= syncBytes {
		p.unsynced = 0
		if err := p.work.Log.SyncCleaned(p.fresh); err != nil {
			return err
		}
	}
	return p.c.held(p.ctx, len(out))
}
