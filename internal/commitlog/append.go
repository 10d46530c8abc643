package commitlog

import (
	"errors"
	"fmt"

	"milena/internal/record"
	"milena/internal/segment"
)

// Appended tells where records went.
type Appended struct {
	FirstOffset, LastOffset int64
	AppendTimeMs            int64 // -1 with CreateTime
	LogStartOffset          int64
	Duplicate               bool // an idempotent producer's batch that is already there: the offsets are the first ones
}

// AppendAsLeader appends one checked batch (see record.Check) at the end, stamps offset and epoch, updates producer state and
// epochs. Duplicates are answered in Appended. With flush.messages reached it returns after the fsync (group commit).
// Errors: ErrOutOfOrderSequence, ErrInvalidProducerEpoch, ErrInvalidTxnState, ErrCoordinatorFenced, ErrRecordListTooLarge, ErrNoSpace,
// ErrStorage. After an ErrStorage from the fsync the batch is in the log, and may be read after a restart.
func (l *Log) AppendAsLeader(c record.Checked, leaderEpoch int32, origin record.Origin) (Appended, error) {
	appended, mustSync, err := l.AppendUnsynced(c, leaderEpoch, origin)
	if err == nil && mustSync {
		err = l.SyncUpTo(appended.LastOffset + 1)
	}
	return appended, err
}

// AppendUnsynced is AppendAsLeader without the wait for the fsync: where mustSync is true, flush.messages is reached, and the records
// must not be acknowledged, nor told to be committed, before SyncUpTo has returned for the offset after them.
func (l *Log) AppendUnsynced(c record.Checked, leaderEpoch int32, origin record.Origin) (a Appended, mustSync bool, err error) {
	b := c.Batch
	var control *marker
	if b.IsControl() {
		m, err := decodeMarker(b)
		if err != nil {
			return Appended{}, false, err
		}
		control = m
	}
	if len(b) > l.cfg.Load().SegmentBytes {
		return Appended{}, false, fmt.Errorf("%w: it has %d bytes", ErrRecordListTooLarge, len(b))
	}
	if a, err = l.appendChecked(c, leaderEpoch, origin, control); err != nil {
		return Appended{}, false, err
	}
	return a, l.mustSync(a.LastOffset + 1), nil
}

func (l *Log) appendChecked(c record.Checked, leaderEpoch int32, origin record.Origin, control *marker) (Appended, error) {
	b := c.Batch
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return Appended{}, err
	}
	if b.ProducerID() >= 0 {
		dup, err := l.admit(b, origin, control)
		if err != nil {
			return Appended{}, err
		}
		if dup != nil {
			return Appended{
				FirstOffset: dup.firstOffset(), LastOffset: dup.lastOffset, AppendTimeMs: dup.timestampMs,
				LogStartOffset: l.start.Load(), Duplicate: true,
			}, nil
		}
	}
	first := l.end.Load()
	b.SetBaseOffset(first)
	b.SetLeaderEpoch(leaderEpoch)
	if err := l.write(b, first, b.LastOffset(), c.MaxTimestamp); err != nil {
		return Appended{}, err
	}
	h, err := record.ParseHeader(b)
	if err != nil {
		return Appended{}, err
	}
	if err := l.note(&h, b, control, l.active()); err != nil {
		return Appended{}, l.fail("writing the index of aborted transactions", err)
	}
	l.publish(h.LastOffset+1, l.active().SizeBytes())
	return Appended{FirstOffset: first, LastOffset: h.LastOffset, AppendTimeMs: c.AppendTimeMs, LogStartOffset: l.start.Load()}, nil
}

// admit tells whether a producer's batch may be appended; dup is where it stands already. The caller holds mu.
func (l *Log) admit(b record.Batch, origin record.Origin, control *marker) (dup *batchMark, err error) {
	if origin == record.FromClient {
		if dup = l.duplicate(b); dup != nil {
			return dup, nil
		}
	}
	err = l.producers.check(b, origin, control)
	if err != nil && errors.Is(err, ErrOutOfOrderSequence) && l.recall(b) {
		if dup = l.duplicate(b); dup != nil {
			return dup, nil
		}
	}
	return nil, err
}

func (l *Log) duplicate(b record.Batch) *batchMark {
	if p, ok := l.producers.byID[b.ProducerID()]; ok && !b.IsControl() {
		return p.duplicate(b)
	}
	return nil
}

// AppendAsFollower appends batches as the leader has them, offsets and epochs included. CRC is checked. A batch that is cut off at the
// end is left out. Errors: those of record for what is corrupt, ErrUnexpectedOffset, ErrOffsetsOutOfOrder, ErrNoSpace, ErrStorage.
func (l *Log) AppendAsFollower(batches []byte) (Appended, error) {
	whole, first, err := l.checkFetched(batches)
	if err != nil || len(whole) == 0 {
		return Appended{FirstOffset: -1, LastOffset: -1, AppendTimeMs: -1, LogStartOffset: l.start.Load()}, err
	}
	l.mu.Lock()
	last, err := l.appendFetched(whole, first)
	l.mu.Unlock()
	if err != nil {
		return Appended{}, err
	}
	a := Appended{FirstOffset: first, LastOffset: last, AppendTimeMs: -1, LogStartOffset: l.start.Load()}
	return a, l.flushAsConfigured(last + 1)
}

// checkFetched checks batches of a leader's answer and cuts off an incomplete one at the end.
func (l *Log) checkFetched(batches []byte) (whole []byte, first int64, err error) {
	first = -1
	last := int64(-1)
	rest := batches
	for len(rest) > 0 {
		h, err := record.ParseHeader(rest)
		if err == record.ErrTruncated || (err == nil && h.SizeBytes > len(rest)) {
			break
		}
		if err != nil {
			return nil, 0, err
		}
		if err := record.CheckCRC(rest[:h.SizeBytes]); err != nil {
			return nil, 0, err
		}
		if h.LastOffset <= last || h.BaseOffset > h.LastOffset {
			return nil, 0, fmt.Errorf("%w: %d after %d", ErrOffsetsOutOfOrder, h.LastOffset, last)
		}
		if first < 0 {
			first = h.BaseOffset
		}
		last = h.LastOffset
		rest = rest[h.SizeBytes:]
	}
	return batches[:len(batches)-len(rest)], first, nil
}

// appendFetched writes the batches; a roll falls between two of them. The caller holds mu.
func (l *Log) appendFetched(whole []byte, first int64) (last int64, err error) {
	if err := l.usable(); err != nil {
		return 0, err
	}
	if first < l.end.Load() {
		return 0, fmt.Errorf("%w: %d, the log ends at %d", ErrUnexpectedOffset, first, l.end.Load())
	}
	for len(whole) > 0 {
		h, err := record.ParseHeader(whole)
		if err != nil {
			return last, err
		}
		var control *marker
		if h.IsControl() {
			if control, err = decodeMarker(whole[:h.SizeBytes]); err != nil {
				return last, err
			}
		}
		now := nowMs()
		if err := l.rollIfDue(h.SizeBytes, h.BaseOffset, h.LastOffset, h.MaxTimestamp, now); err != nil {
			return last, err
		}
		together := whole[:l.together(whole, &h, now)]
		if err := l.writeActive(together, now); err != nil {
			return last, err
		}
		if last, err = l.takeIn(together, control); err != nil {
			return last, err
		}
		whole = whole[len(together):]
	}
	return last, nil
}

// mostTogether is how much one write of a follower brings, a batch more or less.
const mostTogether = 1 << 20

// together tells how many bytes of a leader's batches, from the first one on, go into the active segment with one write: whole batches, up to
// the one before which it is to roll. A control batch goes alone, and so does the first of a segment, from which its age counts. The caller
// holds mu, and has rolled where the first batch wants it.
func (l *Log) together(batches []byte, first *record.Header, now int64) int {
	n := first.SizeBytes
	active := l.active()
	room, err := active.Room(l.limits())
	if err != nil || first.IsControl() || active.SizeBytes() == 0 {
		return n
	}
	for count := 1; count < room && n < min(len(batches), mostTogether); count++ {
		h, err := record.ParseHeader(batches[n:])
		if err != nil || h.IsControl() {
			break
		}
		if due, err := l.rollDue(n+h.SizeBytes, h.LastOffset, h.MaxTimestamp, now); err != nil || due {
			break
		}
		n += h.SizeBytes
	}
	return n
}

// takeIn takes batches into account that stand at the end of the active segment, and lets readers see them, one after the other. control is what
// the first one marks. The caller holds mu.
func (l *Log) takeIn(batches []byte, control *marker) (last int64, err error) {
	active := l.active()
	for len(batches) > 0 {
		h, err := record.ParseHeader(batches)
		if err != nil {
			return last, err
		}
		if err := l.note(&h, batches[:h.SizeBytes], control, active); err != nil {
			return last, l.fail("writing the index of aborted transactions", err)
		}
		batches = batches[h.SizeBytes:]
		l.publish(h.LastOffset+1, active.SizeBytes()-int64(len(batches)))
		last = h.LastOffset
	}
	return last, nil
}

// write brings one stamped batch to the active segment, rolled first where that must be. The caller holds mu.
func (l *Log) write(b []byte, first, last, maxTimestampMs int64) error {
	now := nowMs()
	if err := l.rollIfDue(len(b), first, last, maxTimestampMs, now); err != nil {
		return err
	}
	return l.writeActive(b, now)
}

// writeActive brings stamped batches to the active segment with one write. The caller holds mu.
func (l *Log) writeActive(batches []byte, now int64) error {
	if err := l.active().Append(batches, l.limits(), now); err != nil {
		return l.writeFailed("appending", err)
	}
	l.changed = true
	l.size.Add(int64(len(batches)))
	return nil
}

// note takes a batch that is in segment s into account: epochs, producers, aborted transactions. The caller holds mu.
func (l *Log) note(h *record.Header, b []byte, control *marker, s *segment.Segment) error {
	if h.Magic >= 2 && h.LeaderEpoch >= 0 {
		l.epochs.assign(h.LeaderEpoch, h.BaseOffset)
	}
	if h.ProducerID < 0 {
		l.producers.endOffset = h.LastOffset + 1
		return nil
	}
	if !h.IsControl() {
		l.producers.apply(h)
	} else if control != nil {
		done, stable, ok := l.producers.applyMarker(h, *control, h.MaxTimestamp)
		if ok && !control.commit && s != nil {
			if err := s.AddAborted(segment.AbortedTxn{
				ProducerID: done.producerID, FirstOffset: done.firstOffset, LastOffset: done.lastOffset, LastStableOffset: stable,
			}); err != nil && !segment.IsFull(err) { // with a full disk the entry stays in memory until it can be written
				return err
			}
		}
	}
	l.producers.endOffset = h.LastOffset + 1
	return nil
}

// publish lets readers see what was appended up to an offset, which is at that position of the active segment. The caller holds mu.
func (l *Log) publish(end, position int64) {
	l.tail.add(endPosition{offset: end, base: l.active().BaseOffset(), position: position})
	l.end.Store(end)
	if len(l.producers.ongoing) > 0 || l.firstUnstable.Load() != noOffset {
		l.updateUnstable()
	}
}
