package controller

import (
	"slices"

	"milena/internal/clusterstore"
)

// election chooses a leader for a partition that has a state.
type election func(*partition) (choice, bool)

// offlineElection finds a leader for a partition that has none. Whether unclean elections are allowed is asked only where nobody eligible lives.
func (r *reign) offlineElection(p *partition) (choice, bool) {
	live := func(broker int32) bool { return r.state.online(p.id, broker) }
	// A broker of Kafka's does not say what it may have lost.
	says := func(broker int32) bool { return r.state.live[broker].Directory != "" }
	if c, ok := electEligible(p.assignment.Replicas, p.state, live, says); ok {
		return c, true
	}
	if len(trusted(p.state))+len(p.state.ELR) == 0 { // nobody is left to wait for
		if c, ok := electLastKnown(p.assignment.Replicas, p.state, live); ok {
			return c, true
		}
	}
	if len(keep(p.assignment.Replicas, live)) == 0 || !r.uncleanAllowed(p.id.Topic) {
		return choice{}, false
	}
	return electAny(p.assignment.Replicas, p.state, live)
}

func (r *reign) uncleanAllowed(topic string) bool {
	config, err := r.store.Config(r.ctx, clusterstore.TopicEntity(topic))
	if err != nil {
		r.log.Warn("controller: configuration not readable, unclean election not allowed", "topic", topic, "error", err)
		return false
	}
	if value, ok := config["unclean.leader.election.enable"]; ok {
		return value == "true"
	}
	return r.cfg.UncleanElection()
}

// partitionTo validates and makes a change of phase.
func (r *reign) partitionTo(p *partition, next partitionPhase) bool {
	if !p.phase.mayBecome(next) {
		r.refuse(invalid(p.id, p.phase, next))
		return false
	}
	p.phase = next
	return true
}

func (r *reign) partitionsTo(ps []*partition, next partitionPhase) {
	for _, p := range ps {
		r.partitionTo(p, next)
	}
}

// partitionsOnline makes the nodes of new partitions and elects leaders for the others. A partition for which there is no leader keeps its
// phase.
func (r *reign) partitionsOnline(ps []*partition, elect election) error {
	var fresh, others []*partition
	for _, p := range ps {
		switch {
		case !p.phase.mayBecome(partitionOnline):
			r.refuse(invalid(p.id, p.phase, partitionOnline))
		case p.phase == partitionNew && p.state == nil:
			fresh = append(fresh, p)
		default:
			others = append(others, p)
		}
	}
	if err := r.initialize(fresh); err != nil {
		return err
	}
	return r.elect(others, elect)
}

// initialize makes the state nodes of new partitions: the first live replica leads, all live ones are in sync.
func (r *reign) initialize(ps []*partition) error {
	states := map[PartitionID]*clusterstore.PartitionState{}
	freshTopics := map[string]bool{}
	var made []*partition
	for _, p := range ps {
		live := keep(p.assignment.Replicas, func(broker int32) bool { return r.state.online(p.id, broker) })
		if len(live) == 0 {
			r.log.Warn("controller: no replica of a new partition is alive", "partition", p.id.String(), "replicas", p.assignment.Replicas)
			continue
		}
		states[p.id] = &clusterstore.PartitionState{Leader: live[0], ISR: live, ControllerEpoch: r.epoch.Number, LastLeader: -1}
		if p.id.Partition == 0 {
			freshTopics[p.id.Topic] = true
		}
		made = append(made, p)
	}
	if len(made) == 0 {
		return nil
	}
	if err := r.store.CreatePartitionStates(r.ctx, r.epoch, states, freshTopics); err != nil {
		return err
	}
	var leaderless []*partition
	for _, p := range made {
		p.state = states[p.id]
		r.partitionTo(p, partitionOnline)
		if !r.state.online(p.id, p.state.Leader) {
			// Made by a controller that was interrupted, with a leader that died since.
			r.partitionTo(p, partitionOffline)
			leaderless = append(leaderless, p)
			continue
		}
		r.announceElected(p, true)
	}
	return r.elect(leaderless, r.offlineElection)
}

// announceElected tells of a partition's leader.
func (r *reign) announceElected(p *partition, isNew bool) {
	r.batch.leaderAndISR(r.liveReplicas(p), p.id, isNew)
	r.batch.metadata(p)
	if r.state.moving[p.id] {
		r.state.elected[p.id] = true
	}
}

// liveReplicas are a partition's replicas whose brokers live.
func (r *reign) liveReplicas(p *partition) []int32 {
	return keep(p.assignment.Replicas, func(broker int32) bool { return r.state.live[broker] != nil })
}

// elect writes new leaders, again for those whose ISR another changed meanwhile.
func (r *reign) elect(ps []*partition, elect election) error {
	for len(ps) > 0 {
		states := map[PartitionID]*clusterstore.PartitionState{}
		for _, p := range ps {
			c, ok := elect(p)
			if !ok || !c.Unclean && slices.Contains(p.state.LastKnownELR, c.Leader) {
				continue
			}
			next := *p.state
			next.Leader, next.ISR, next.LeaderEpoch, next.ControllerEpoch = c.Leader, c.ISR, p.state.LeaderEpoch+1, r.epoch.Number
			next.Recovering = c.Unclean
			if c.Unclean {
				r.log.Warn("controller: unclean leader election, records may be lost", "partition", p.id.String(), "leader", c.Leader)
			}
			states[p.id] = &next
		}
		refused, err := r.write(states)
		if err != nil {
			return err
		}
		for _, p := range ps {
			if states[p.id] == nil || refused[p.id] {
				continue
			}
			r.partitionTo(p, partitionOnline)
			r.announceElected(p, false)
		}
		ps = refusedOf(ps, refused)
	}
	return nil
}

// write stores changed states, with the ELRs that belong to them, and takes those over that were accepted; the refused ones are read again.
func (r *reign) write(states map[PartitionID]*clusterstore.PartitionState) (refused map[PartitionID]bool, err error) {
	if len(states) == 0 {
		return nil, nil
	}
	r.setELRs(states)
	again, err := r.store.UpdatePartitionStates(r.ctx, r.epoch, states)
	if err != nil {
		return nil, err
	}
	refused = map[PartitionID]bool{}
	for _, id := range again {
		refused[id] = true
		if err := r.refresh(r.state.partition(id)); err != nil {
			return nil, err
		}
	}
	for id, state := range states {
		if !refused[id] {
			r.state.partition(id).state = state
		}
	}
	return refused, nil
}

func refusedOf(ps []*partition, refused map[PartitionID]bool) []*partition {
	var again []*partition
	for _, p := range ps {
		if refused[p.id] {
			again = append(again, p)
		}
	}
	return again
}
