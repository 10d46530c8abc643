package controller

import (
	"maps"
	"slices"
	"sync"

	"milena/internal/clusterstore"

	"golang.org/x/sync/errgroup"
)

// Eligible leader replicas (KIP-966). A leader commits nothing while its ISR is smaller than min.insync.replicas. So a replica that leaves the ISR
// then has all that is committed, and may lead as one in sync may: it is in the ELR. A leader commits nothing either while it knows of an ELR,
// whatever it takes min.insync.replicas for, and asks for another state first.
//
// A broker whose machine stopped without a clean stop may have lost what it acknowledged, and says so when it registers (Unclean). Its replicas
// leave ISR and ELR, if others are there, and lead again when they have caught up. An ISR is never empty in Kafka's tree: the last member stays,
// and its being in LastKnownELR tells that it may not lead. Where nobody is left who certainly has all that is committed, because all who had it
// came back unclean, one of LastKnownELR that lives leads: the last leader, if it is among them.

// succeed brings ELR and LastKnownELR of a state that is to be written in line with the state before it. In next.LastKnownELR is who is known to
// have lost records. Nobody is eligible where a leader may not know what that means (eligible false).
func succeed(old, next *clusterstore.PartitionState, assigned []int32, minInsync int, eligible bool) {
	if next.LastLeader = -1; next.Leader < 0 {
		if next.LastLeader = old.LastLeader; old.Leader >= 0 {
			next.LastLeader = old.Leader
		}
	}
	if next.Recovering && next.Leader >= 0 && next.Leader != old.Leader { // an unclean election: what others have is no part of this log's history
		next.ELR, next.LastKnownELR = nil, nil
		return
	}
	members := next.ISR
	if next.Leader < 0 { // the last one of the ISR may be there though it has lost records, or is no replica any more
		members = keep(trusted(next), func(id int32) bool { return slices.Contains(assigned, id) })
	}
	full := len(members) >= min(minInsync, len(assigned))
	switch {
	case next.Leader >= 0 && full:
		next.LastKnownELR = nil
	case next.Leader >= 0:
		next.LastKnownELR = keep(next.LastKnownELR, func(id int32) bool { return !slices.Contains(next.ISR, id) })
	}
	before := append(slices.Clone(old.ELR), old.ISR...)
	next.ELR = nil
	if full || !eligible {
		return
	}
	for _, id := range before {
		if slices.Contains(assigned, id) && !slices.Contains(next.ISR, id) && !slices.Contains(next.LastKnownELR, id) &&
			!slices.Contains(next.ELR, id) {
			next.ELR = append(next.ELR, id)
		}
	}
}

// withoutUnclean is a partition's state once brokers are known to have come back unclean; nil where that changes nothing.
func withoutUnclean(state *clusterstore.PartitionState, unclean func(int32) bool) *clusterstore.PartitionState {
	lost := keep(append(slices.Clone(state.ISR), state.ELR...), unclean)
	if len(lost) == 0 {
		return nil
	}
	next := *state
	if unclean(state.Leader) {
		next.Leader = -1
	}
	next.LastKnownELR = slices.Clone(state.LastKnownELR)
	if next.ISR = keep(state.ISR, func(id int32) bool { return !unclean(id) }); len(next.ISR) == 0 {
		next.ISR = lost[:1:1]
	}
	for _, id := range lost {
		if !slices.Contains(next.LastKnownELR, id) {
			next.LastKnownELR = append(next.LastKnownELR, id)
		}
	}
	if next.Leader != state.Leader || !slices.Equal(next.ISR, state.ISR) {
		next.LeaderEpoch++
	} else if slices.Equal(next.LastKnownELR, state.LastKnownELR) {
		return nil
	}
	return &next
}

// electEligible finds a leader among those who certainly have all that is committed: the ISR first, then those of the ELR that would have said
// if they had lost records.
func electEligible(assigned []int32, state *clusterstore.PartitionState, live, says func(int32) bool) (choice, bool) {
	if c, ok := electOffline(assigned, trusted(state), live, false); ok {
		return c, true
	}
	for _, id := range assigned {
		if live(id) && says(id) && slices.Contains(state.ELR, id) {
			return choice{Leader: id, ISR: []int32{id}}, true
		}
	}
	return choice{}, false
}

// electLastKnown finds a leader among those who had all that is committed; the last leader had more than any other.
func electLastKnown(assigned []int32, state *clusterstore.PartitionState, live func(int32) bool) (choice, bool) {
	had := state.LastKnownELR
	if slices.Contains(had, state.LastLeader) {
		had = append([]int32{state.LastLeader}, had...)
	}
	for _, id := range had {
		if live(id) && slices.Contains(assigned, id) {
			return choice{Leader: id, ISR: []int32{id}, Unclean: true}, true
		}
	}
	return choice{}, false
}

// electAny finds a leader by all means: one that is eligible, one that was, any that lives.
func electAny(assigned []int32, state *clusterstore.PartitionState, live func(int32) bool) (choice, bool) {
	if c, ok := electEligible(assigned, state, live, live); ok {
		return c, true
	}
	if c, ok := electLastKnown(assigned, state, live); ok {
		return c, true
	}
	return electOffline(assigned, nil, live, true)
}

// trusted is the ISR without a last member that may have lost records.
func trusted(state *clusterstore.PartitionState) []int32 {
	return keep(state.ISR, func(id int32) bool { return !slices.Contains(state.LastKnownELR, id) })
}

// takeInUnclean has the replicas of brokers that came back unclean leave ISRs and ELRs, then takes the mark off the registrations. Until that is
// written whoever becomes controller does it again. A partition with one replica has no other to wait for.
func (r *reign) takeInUnclean(brokers []*clusterstore.Broker) error {
	unclean := map[int32]bool{}
	for _, b := range brokers {
		if b.Unclean {
			unclean[b.ID] = true
		}
	}
	if len(unclean) == 0 {
		return nil
	}
	is := func(id int32) bool { return unclean[id] }
	ps := r.state.allPartitions(func(_ *topic, p *partition) bool {
		return p.state != nil && max(len(p.assignment.Replicas), len(p.state.ISR)) > 1
	})
	for len(ps) > 0 {
		states := map[PartitionID]*clusterstore.PartitionState{}
		for _, p := range ps {
			if next := withoutUnclean(p.state, is); next != nil {
				next.ControllerEpoch = r.epoch.Number
				states[p.id] = next
			}
		}
		refused, err := r.write(states)
		if err != nil {
			return err
		}
		for _, id := range sortedIDs(states) {
			if !refused[id] {
				r.announceShrunk(r.state.partition(id))
			}
		}
		ps = refusedOf(ps, refused)
	}
	for _, b := range brokers {
		if !b.Unclean {
			continue
		}
		if len(r.state.replicasOn(map[int32]bool{b.ID: true})) > 0 { // else it is new to the cluster
			r.log.Warn("controller: a broker's machine stopped without a clean stop, or its directories are new; its replicas are in sync when "+
				"they have caught up", "broker", b.ID)
		}
		if _, err := r.store.Settle(r.ctx, r.epoch, b); err != nil {
			return err
		}
	}
	return nil
}

// announceShrunk tells of a partition that some have left, its leader perhaps among them.
func (r *reign) announceShrunk(p *partition) {
	if p.state.Leader < 0 && p.phase == partitionOnline {
		r.partitionTo(p, partitionOffline)
	}
	if r.state.topics[p.id.Topic].deletion == notDeleted {
		r.batch.leaderAndISR(r.liveReplicas(p), p.id, false)
	}
	r.batch.metadata(p)
}

// setELRs does succeed for all states that are to be written.
func (r *reign) setELRs(states map[PartitionID]*clusterstore.PartitionState) {
	mins := r.minInsyncs(states)
	eligible := !slices.ContainsFunc(r.state.liveBrokers(), func(id int32) bool { return r.state.live[id].Directory == "" })
	for id, next := range states {
		p := r.state.partition(id)
		minInsync := mins[id.Topic]
		if told, ok := r.told[id]; ok {
			minInsync = told
		}
		succeed(p.state, next, p.assignment.Replicas, minInsync, eligible)
	}
}

// configReaders bounds how many topics' configurations are read at once.
const configReaders = 64

// minInsyncs gives min.insync.replicas of the topics for which it matters. It may be behind what a leader goes by: that leader knows of the ELR,
// and asks.
func (r *reign) minInsyncs(states map[PartitionID]*clusterstore.PartitionState) map[string]int {
	mins := map[string]int{}
	if r.cfg.MinInsync == nil {
		return mins
	}
	for id, next := range states {
		if len(next.ISR) < len(r.state.partition(id).assignment.Replicas) {
			mins[id.Topic] = 0
		}
	}
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(configReaders)
	for _, topic := range slices.Sorted(maps.Keys(mins)) {
		group.Go(func() error {
			count := r.cfg.MinInsync(r.ctx, topic)
			mu.Lock()
			defer mu.Unlock()
			mins[topic] = count
			return nil
		})
	}
	_ = group.Wait() // never fails
	return mins
}
