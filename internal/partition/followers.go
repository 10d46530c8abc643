package partition

import (
	"slices"
	"time"
)

// Replication is what a leader needs to keep its ISR. The zero value is that of a broker alone: nobody joins and nobody is asked.
type Replication struct {
	// MaxLagMs is replica.lag.time.max.ms: how long a member of the ISR may not have had everything.
	MaxLagMs func() int64
	// Eligible tells whether a broker may be a member: it lives, is not shutting down, and its epoch is this one (-1: not checked).
	Eligible func(broker int32, epoch int64) bool
	// Propose asks the controller for another ISR, without waiting; the answer comes by Accepted or Refused, or as a LeaderAndIsr.
	Propose func(p *Partition, proposal Proposal)
}

// Proposal is a change of the ISR that the leader wants.
type Proposal struct {
	LeaderEpoch, PartitionEpoch int32
	ISR                         []int32
	BrokerEpochs                []int64 // of ISR's members; -1 where unknown
	MinInsync                   int     // min.insync.replicas as the leader knows it
}

// follower is what a leader knows of another replica, by its fetches.
type follower struct {
	end         int64 // it has everything below; -1 before its first fetch in this leader epoch
	start       int64 // its log start offset; -1 unknown
	brokerEpoch int64 // -1 unknown
	caughtUpMs  int64 // when it last had all that the leader had
	fetchMs     int64 // when it last fetched
	leaderEnd   int64 // where the leader's log ended then
	toldHigh    int64 // the high watermark that it was last sent
}

// fetched notes a fetch from offset. Who fetches from where the leader's log ended at the fetch before had caught up at that time,
// however much has been appended since. Who comes back with less than it had, its files gone perhaps, has not caught up.
func (f *follower) fetched(offset, start, brokerEpoch, leaderEnd, nowMs int64) {
	switch {
	case offset >= leaderEnd:
		f.caughtUpMs = max(f.caughtUpMs, nowMs)
	case offset >= f.leaderEnd && f.fetchMs > 0:
		f.caughtUpMs = max(f.caughtUpMs, f.fetchMs)
	case offset < f.end:
		f.caughtUpMs = 0
	}
	f.end, f.start, f.brokerEpoch, f.leaderEnd, f.fetchMs = offset, start, brokerEpoch, leaderEnd, nowMs
}

func (f *follower) inSync(leaderEnd, nowMs, maxLagMs int64) bool {
	return f.end == leaderEnd || nowMs-f.caughtUpMs <= maxLagMs
}

// SetReplication is called once, before the first Become.
func (p *Partition) SetReplication(r Replication) { p.replication = r }

// follow makes the set of followers that belongs to a state; what was known in another leader epoch is forgotten, and the members of the
// ISR get the time of a lag to fetch in. The caller holds mu.
func (p *Partition) follow(old, next *State) {
	p.followersMu.Lock()
	defer p.followersMu.Unlock()
	if next.Role != Leader {
		p.followers = nil
		return
	}
	fresh := old.Role != Leader || old.LeaderEpoch != next.LeaderEpoch
	nowMs := time.Now().UnixMilli()
	followers := make(map[int32]*follower, len(next.Replicas))
	for _, id := range next.Replicas {
		if id == p.brokerID {
			continue
		}
		f := p.followers[id]
		if f == nil || fresh {
			f = &follower{end: -1, start: -1, brokerEpoch: -1, leaderEnd: -1, toldHigh: -1}
			if slices.Contains(next.ISR, id) {
				f.caughtUpMs = nowMs
			}
		}
		if slices.Contains(old.ISR, id) && !slices.Contains(next.ISR, id) {
			f.caughtUpMs = 0 // it is not about to join before it has caught up again
		}
		followers[id] = f
	}
	p.followers = followers
	if old.Role != Leader { // of one that goes on, an append may be in the log that is not synced yet
		p.ownEnd = p.log.LogEndOffset()
		if p.log.MustSync() {
			p.ownEnd = p.HighWatermark() // and the rest by syncOwn
		}
	}
}

// Fetched notes that a follower fetches from offset: it has everything below. It may move the high watermark, and bring the follower into
// the ISR. The leader epoch that the follower believes in (-1: it does not say) is looked at once more: since the read this broker may have lost the
// lead, cut its log, and have got the lead again.
func (p *Partition) Fetched(replica, leaderEpoch int32, offset, logStartOffset, brokerEpoch int64) {
	p.mu.RLock()
	st := p.state.Load()
	if st.Role != Leader || leaderEpoch >= 0 && leaderEpoch != st.LeaderEpoch {
		p.mu.RUnlock()
		return
	}
	nowMs, end := time.Now().UnixMilli(), p.log.LogEndOffset()
	p.followersMu.Lock()
	f := p.followers[replica]
	// Also where it comes back with less: nobody waits for it any more.
	moved, told := f != nil && f.end != offset, f != nil && f.start < logStartOffset
	if f != nil {
		f.fetched(offset, logStartOffset, brokerEpoch, end, nowMs)
	}
	p.followersMu.Unlock()
	if f == nil {
		p.mu.RUnlock()
		return
	}
	if moved {
		told = p.commit(st) || told
	}
	proposal := p.grown(st, replica)
	p.mu.RUnlock()
	if told {
		p.notify()
	}
	p.propose(proposal)
}

// commit raises the high watermark to what every member of the ISR has, and everyone who is about to join it: else a follower that just
// keeps up would be chased for ever. Below min.insync.replicas it stays (KAFKA-15583), so that what is committed is on that many; and while
// the controller may still elect one of the ELR. It tells whether it raised it. The caller holds mu, for reading at least.
func (p *Partition) commit(st *State) (moved bool) {
	if len(st.ISR) < p.minInsync(st) || len(st.ELR) > 0 {
		return false
	}
	p.followersMu.Lock()
	to := p.ownEnd
	for id, f := range p.followers {
		if f.end < to && (slices.Contains(st.MaximalISR, id) || p.aboutToJoin(id, f)) {
			to = f.end
		}
	}
	p.followersMu.Unlock()
	return p.raiseHighWatermark(to)
}

func (p *Partition) aboutToJoin(id int32, f *follower) bool {
	r := &p.replication
	return r.Eligible != nil && f.end >= 0 && f.inSync(p.log.LogEndOffset(), time.Now().UnixMilli(), r.MaxLagMs()) &&
		r.Eligible(id, f.brokerEpoch)
}

// ToldHighWatermark notes the high watermark that a follower was sent.
func (p *Partition) ToldHighWatermark(replica int32, high int64) {
	p.followersMu.Lock()
	defer p.followersMu.Unlock()
	if f := p.followers[replica]; f != nil {
		f.toldHigh = high
	}
}

// KnowsHighWatermark tells whether a follower was sent the present high watermark.
func (p *Partition) KnowsHighWatermark(replica int32) bool {
	high := p.HighWatermark()
	p.followersMu.Lock()
	defer p.followersMu.Unlock()
	f := p.followers[replica]
	return f == nil || f.toldHigh == high
}

// ReplicaView is what a leader knows of a follower that consumers may read from.
type ReplicaView struct {
	Broker        int32
	LogEndOffset  int64
	BehindSinceMs int64 // since it last had all that the leader had
}

// Readable lists the followers in the ISR whose logs cover an offset; none where this broker does not lead.
func (p *Partition) Readable(offset int64) (views []ReplicaView) {
	st := p.state.Load()
	if st.Role != Leader {
		return nil
	}
	nowMs := time.Now().UnixMilli()
	p.followersMu.Lock()
	defer p.followersMu.Unlock()
	for id, f := range p.followers {
		if slices.Contains(st.ISR, id) && f.end >= offset && f.start >= 0 && f.start <= offset {
			views = append(views, ReplicaView{Broker: id, LogEndOffset: f.end, BehindSinceMs: nowMs - f.caughtUpMs})
		}
	}
	return views
}

// LowWatermark is the smallest log start offset of the replicas that live.
func (p *Partition) LowWatermark() int64 {
	low := p.log.LogStartOffset()
	p.followersMu.Lock()
	defer p.followersMu.Unlock()
	for id, f := range p.followers {
		if p.replication.Eligible == nil || p.replication.Eligible(id, f.brokerEpoch) {
			low = min(low, f.start)
		}
	}
	return low
}
