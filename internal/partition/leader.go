package partition

import (
	"milena/internal/commitlog"
	"milena/internal/record"
)

// Acks of a produce request.
const (
	AcksAll  int16 = -1
	AcksNone int16 = 0
	AcksOne  int16 = 1
)

// Appended is an append that was done.
type Appended struct {
	commitlog.Appended
	// Epoch is the leader epoch it was done in; Committed wants it back.
	Epoch int32
	// MustSync says that flush.messages is reached: SyncThen is to be called before the append is acknowledged.
	MustSync bool
}

// End is the offset after the append.
func (a *Appended) End() int64 { return a.LastOffset + 1 }

// Append appends one checked batch as the leader. With AcksAll the ISR must hold min.insync.replicas now; whether it does when
// the records are committed is for Committed to say.
func (p *Partition) Append(c record.Checked, acks int16, origin record.Origin) (Appended, error) {
	return p.AppendIn(-1, c, acks, origin)
}

// AppendIn appends as the leader of that epoch and of no other (-1: whichever it is now): what a coordinator decided in one epoch must not
// be written in another.
func (p *Partition) AppendIn(leaderEpoch int32, c record.Checked, acks int16, origin record.Origin) (Appended, error) {
	p.mu.RLock()
	st := p.state.Load()
	if err := st.check(leaderEpoch, true); err != nil {
		p.mu.RUnlock()
		return Appended{}, err
	}
	if acks == AcksAll && len(st.ISR) < p.minInsync(st) {
		p.mu.RUnlock()
		return Appended{}, ErrNotEnoughReplicas
	}
	done, mustSync, err := p.log.AppendUnsynced(c, st.LeaderEpoch, origin)
	a := Appended{Appended: done, Epoch: st.LeaderEpoch, MustSync: mustSync}
	fresh := err == nil && !mustSync && !a.Duplicate
	if fresh {
		// Not the log's end: a later append may have been written but not yet synced, and what may be lost is not committed.
		p.committedUpTo(st, a.End())
	}
	p.mu.RUnlock()
	if fresh {
		p.notify()
	}
	return a, err
}

// SyncThen calls done, on another goroutine, when an append that has MustSync is durable, or with the error that kept it from being so; all who
// wait share an fsync. Then the append may be acknowledged.
func (p *Partition) SyncThen(a *Appended, done func(error)) {
	p.log.WhenSynced(a.End(), func(err error) {
		if err == nil {
			p.synced(a)
		}
		done(err)
	})
}

// syncOwn has what a new leader found in its log counted when it is durable, where it must be: an append of an earlier leadership may be in flight.
func (p *Partition) syncOwn() {
	st := p.state.Load()
	if st.Role != Leader || !p.log.MustSync() {
		return
	}
	found := Appended{Appended: commitlog.Appended{LastOffset: p.log.LogEndOffset() - 1}, Epoch: st.LeaderEpoch}
	p.SyncThen(&found, func(error) {}) // a failure takes the directory offline
}

// synced raises the high watermark to the end of a durable append.
func (p *Partition) synced(a *Appended) {
	p.mu.RLock()
	st := p.state.Load()
	moved := st.Role == Leader && a.Epoch >= st.LedSince && p.committedUpTo(st, a.End())
	p.mu.RUnlock()
	if moved {
		p.notify()
	}
}

// minInsync is min.insync.replicas, never more than there are replicas.
func (p *Partition) minInsync(st *State) int {
	return min(p.log.Config().MinInsyncReplicas, max(1, len(st.Replicas)))
}

// committedUpTo notes that the leader itself has everything up to end, and raises the high watermark to what the ISR has: see commit. The
// caller holds mu, for reading at least.
func (p *Partition) committedUpTo(st *State, end int64) (moved bool) {
	p.followersMu.Lock()
	p.ownEnd = max(p.ownEnd, end)
	p.followersMu.Unlock()
	return p.commit(st)
}

// raiseHighWatermark tells whether it was this call that raised it: then those who wait are for the caller to tell.
func (p *Partition) raiseHighWatermark(to int64) (moved bool) {
	if p.highWatermark.Load() >= to {
		return false
	}
	p.hwMu.Lock()
	if moved = p.highWatermark.Load() < to; moved {
		p.highWatermark.Store(to)
		p.log.SetHighWatermark(to)
	}
	p.hwMu.Unlock()
	return moved
}

func (p *Partition) setHighWatermark(to int64) {
	p.hwMu.Lock()
	p.highWatermark.Store(to)
	p.log.SetHighWatermark(to)
	p.hwMu.Unlock()
}

// Committed tells whether an append of that leader epoch is over: everything below upTo is committed by enough replicas (nil), or
// it cannot be known here any more (an error): this broker does not lead, or did not for a while and may have lost the records.
// done false: not yet.
func (p *Partition) Committed(upTo int64, leaderEpoch int32) (done bool, err error) {
	st := p.state.Load()
	switch {
	case st.Role == Offline:
		return true, ErrOffline
	case st.Role != Leader || leaderEpoch < st.LedSince:
		return true, ErrNotLeaderOrFollower
	case p.highWatermark.Load() < upTo:
		return false, nil
	case len(st.ISR) < p.minInsync(st):
		return true, ErrNotEnoughReplicasAfterAppend
	}
	return true, nil
}

// DeleteRecords moves the log's start to offset (-1: the high watermark) and returns the low watermark: the smallest log start of
// all live replicas, which here is the leader's own.
func (p *Partition) DeleteRecords(offset int64) (lowWatermark int64, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	st := p.state.Load()
	if err := st.check(-1, true); err != nil {
		return -1, err
	}
	if !p.log.Config().Delete {
		return -1, ErrPolicyViolation
	}
	hw := p.highWatermark.Load()
	if offset == -1 {
		offset = hw
	}
	if offset < 0 || offset > hw {
		return -1, ErrOffsetOutOfRange
	}
	if offset > p.log.LogStartOffset() {
		if err := p.log.AdvanceLogStartOffset(offset); err != nil {
			return -1, err
		}
		p.notify()
	}
	return p.log.LogStartOffset(), nil
}

// Producers lists the producers that the leader remembers.
func (p *Partition) Producers() ([]commitlog.Producer, error) {
	if err := p.state.Load().check(-1, true); err != nil {
		return nil, err
	}
	return p.log.Producers(), nil
}
