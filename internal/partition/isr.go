package partition

import (
	"slices"
	"time"
)

// grown gives the proposal that a follower joins the ISR: it has everything that is committed, and everything that this leader's predecessors
// left. The caller holds mu for reading.
func (p *Partition) grown(st *State, replica int32) *Proposal {
	if p.replication.Propose == nil || st.pending() || slices.Contains(st.ISR, replica) {
		return nil
	}
	p.followersMu.Lock()
	f := p.followers[replica]
	joins := f != nil && f.end >= p.HighWatermark() && f.end >= st.LeaderEpochStart && p.replication.Eligible(replica, f.brokerEpoch)
	p.followersMu.Unlock()
	if !joins {
		return nil
	}
	return p.proposal(st, append(slices.Clone(st.ISR), replica))
}

// CheckISR proposes to leave out the members that have not had everything for longer than replica.lag.time.max.ms; or the ISR as it is, where
// the controller keeps an ELR which min.insync.replicas, changed meanwhile perhaps, does not allow any more. To be called every half of that
// time, and when min.insync.replicas has changed. What is committed is looked at too: who was about to join, and was waited for, may be gone.
func (p *Partition) CheckISR() {
	if p.replication.Propose == nil {
		return
	}
	p.mu.RLock()
	st := p.state.Load()
	var proposal *Proposal
	moved := st.Role == Leader && p.commit(st)
	if st.Role == Leader && !st.pending() {
		nowMs, end := time.Now().UnixMilli(), p.log.LogEndOffset()
		p.followersMu.Lock()
		left := slices.DeleteFunc(slices.Clone(st.ISR), func(id int32) bool {
			f := p.followers[id]
			return id != p.brokerID && (f == nil || !f.inSync(end, nowMs, p.replication.MaxLagMs()))
		})
		p.followersMu.Unlock()
		if len(left) < len(st.ISR) || len(st.ELR) > 0 && len(left) >= p.minInsync(st) {
			proposal = p.proposal(st, left)
		}
	}
	p.mu.RUnlock()
	if moved {
		p.notify()
	}
	p.propose(proposal)
}

// proposal makes one of a leader's state.
func (p *Partition) proposal(st *State, isr []int32) *Proposal {
	r := &Proposal{
		LeaderEpoch: st.LeaderEpoch, PartitionEpoch: st.PartitionEpoch, ISR: isr, BrokerEpochs: make([]int64, len(isr)), MinInsync: p.minInsync(st),
	}
	p.followersMu.Lock()
	defer p.followersMu.Unlock()
	for i, id := range isr {
		r.BrokerEpochs[i] = -1
		if f := p.followers[id]; f != nil {
			r.BrokerEpochs[i] = f.brokerEpoch
		}
	}
	return r
}

// propose notes the proposal in the state before it is made: until the answer is known either ISR may be in force, and what is committed
// must be on the members of both.
func (p *Partition) propose(r *Proposal) {
	if r == nil {
		return
	}
	p.mu.Lock()
	old := p.state.Load()
	noted := old.Role == Leader && old.is(r) && !old.pending()
	if noted {
		next := *old
		next.proposed = r
		next.MaximalISR = union(old.ISR, r.ISR)
		noted = p.state.CompareAndSwap(old, &next)
	}
	p.mu.Unlock()
	if noted {
		p.replication.Propose(p, *r)
	}
}

// Accepted tells that the controller wrote the ISR, with which ELR, and under which partition epoch. An answer to an older proposal changes
// nothing.
func (p *Partition) Accepted(r Proposal, isr, elr []int32, partitionEpoch int32) {
	p.answered(r, func(next *State) { next.ISR, next.ELR, next.PartitionEpoch = slices.Clone(isr), elr, partitionEpoch })
}

// Refused tells that the ISR was not changed by this proposal and will not be.
func (p *Partition) Refused(r Proposal) { p.answered(r, func(*State) {}) }

func (p *Partition) answered(r Proposal, change func(next *State)) {
	p.mu.Lock()
	old := p.state.Load()
	changed := old.Role == Leader && old.is(&r) && old.pending() && slices.Equal(old.proposed.ISR, r.ISR)
	if changed {
		next := *old
		next.proposed = nil
		change(&next)
		next.MaximalISR = next.ISR
		if changed = p.state.CompareAndSwap(old, &next); changed {
			p.commit(&next)
		}
	}
	p.mu.Unlock()
	if changed {
		p.notify()
	}
}

// pending tells whether a proposal waits for its answer.
func (s *State) pending() bool { return s.proposed != nil }

// is tells whether a proposal was made in this state.
func (s *State) is(r *Proposal) bool {
	return s.LeaderEpoch == r.LeaderEpoch && s.PartitionEpoch == r.PartitionEpoch
}

func union(a, b []int32) []int32 {
	all := slices.Clone(a)
	for _, id := range b {
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all
}
