package controller

import (
	"errors"
	"maps"
	"slices"

	"milena/internal/clusterstore"
	"milena/internal/coord"
)

// A reassignment moves a partition from its origin replicas to target replicas. Kafka's steps, each of which a new controller can take up from
// what the store holds:
//
//	U  the topic's node gets origin and target together, and which are added and removed; replicas that an earlier reassignment was adding and
//	   that are not wanted any more have gone before: a new controller would not find them in the node
//	A  while the ISR lacks a target: all are told under a new leader epoch; the added ones fetch, and join the ISR as any follower
//	B  when every target is in the ISR: one of them leads, the removed ones leave the ISR and delete their logs, and at last the topic's node
//	   holds the target alone
//
// An added replica is a replica in everything else: it may lead, leave the ISR, and die; then the reassignment waits until it is back.

// move is one partition's new assignment.
type move struct {
	p    *partition
	next clusterstore.Assignment
}

// startMoves does step U, and what can be done at once of the others.
func (r *reign) startMoves(moves []move) error {
	if err := r.dropUnwanted(moves); err != nil {
		return err
	}
	if err := r.storeAssignments(moves); err != nil {
		return err
	}
	var settled, moving []*partition
	for _, m := range moves {
		before := m.p.assignment
		r.state.assign(m.p, m.next)
		r.log.Info("partition reassignment", "partition", m.p.id.String(), "replicas", m.next.Replicas, "adding", m.next.Adding,
			"removing", m.next.Removing)
		switch {
		case m.next.Moving():
			moving = append(moving, m.p)
		case !m.next.Equal(before):
			settled = append(settled, m.p)
		}
	}
	if err := r.settle(settled, nil); err != nil {
		return err
	}
	return r.advanceMoves(moving)
}

// dropUnwanted takes those out that an earlier reassignment was adding.
func (r *reign) dropUnwanted(moves []move) error {
	var ps []*partition
	dropped := map[PartitionID][]int32{}
	for _, m := range moves {
		left, gone := m.p.assignment.Within(m.next.Replicas)
		if len(gone) == 0 {
			continue
		}
		if !m.next.Moving() {
			left = m.next // in its order
		}
		r.state.assign(m.p, left)
		ps, dropped[m.p.id] = append(ps, m.p), gone
	}
	if len(ps) == 0 {
		return nil
	}
	err := r.settle(ps, dropped)
	r.flush()
	return err
}

// dropStrays takes those out of the ISRs that are no replicas: a controller that wrote the topic's node first, as Kafka's do, was gone before it
// told them. Where no replica lives that is in sync they may have the only copies: they are replicas again, which go once one is.
func (r *reign) dropStrays() error {
	var ps []*partition
	var back []move
	strays := map[PartitionID][]int32{}
	for _, p := range r.state.allPartitions(func(t *topic, p *partition) bool { return t.deletion == notDeleted && p.state != nil }) {
		isStray := func(b int32) bool { return !slices.Contains(p.assignment.Replicas, b) }
		gone := keep(p.state.ISR, isStray)
		if len(gone) == 0 {
			continue
		}
		for _, broker := range gone {
			p.replicas[broker] = replicaOnline
		}
		if slices.ContainsFunc(trusted(p.state), func(b int32) bool { return !isStray(b) && r.online(p, b) }) {
			ps, strays[p.id] = append(ps, p), gone
			continue
		}
		r.log.Warn("controller: only brokers that are no replicas of a partition any more are in sync: they are removed once a replica is",
			"partition", p.id.String(), "isr", p.state.ISR, "replicas", p.assignment.Replicas)
		back = append(back, move{p, p.assignment.Before(gone)})
	}
	if err := r.storeAssignments(back); err != nil {
		return err
	}
	for _, m := range back {
		r.state.assign(m.p, m.next)
	}
	return r.settle(ps, strays)
}

// resumeMoves takes up what another controller has left.
func (r *reign) resumeMoves() error {
	if err := r.advanceMoves(r.state.movingPartitions(nil)); err != nil {
		return err
	}
	return movesWanted{}.handle(r)
}

// advanceMoves does step B for the partitions whose targets are all in sync, and step A for the others.
func (r *reign) advanceMoves(ps []*partition) error {
	var waiting, ready []*partition
	for _, p := range ps {
		if r.inSync(p) {
			ready = append(ready, p)
		} else {
			waiting = append(waiting, p)
		}
	}
	if err := r.addReplicas(waiting); err != nil {
		return err
	}
	return r.completeMoves(ready)
}

// completeReady does step B for those of the partitions whose ISRs have become whole.
func (r *reign) completeReady(ids []PartitionID) error {
	var ready []*partition
	for _, id := range ids {
		if p := r.state.partition(id); r.state.moving[id] && r.state.topics[id.Topic].deletion == notDeleted && r.inSync(p) {
			ready = append(ready, p)
		}
	}
	return r.completeMoves(ready)
}

// completeElected does step B where an election has led to it: no leader will ask for that ISR.
func (r *reign) completeElected() error {
	ids := sortedIDs(r.state.elected)
	clear(r.state.elected)
	return r.completeReady(ids)
}

// inSync tells whether all targets of a reassignment are in the ISR, and one of them can lead. The last of an ISR that may have lost records
// does not count: who is removed may be the one that has them.
func (r *reign) inSync(p *partition) bool {
	if p.state == nil {
		return false
	}
	isr := trusted(p.state)
	for _, target := range p.assignment.Target() {
		if !slices.Contains(isr, target) {
			return false
		}
	}
	_, ok := electReassigned(p.assignment.Target(), isr, p.state.Leader, r.onlineFor(p))
	return ok
}

// addReplicas is step A.
func (r *reign) addReplicas(ps []*partition) error {
	var fresh []*partition
	states := map[PartitionID]bool{}
	for _, p := range ps {
		for _, broker := range p.assignment.Adding {
			if p.replicas[broker] == replicaNonExistent {
				r.replicaTo(replicaID{p.id, broker}, replicaNew)
			}
		}
		if p.state == nil {
			fresh = append(fresh, p) // no replica of it was alive until now
		} else {
			states[p.id] = true
		}
	}
	if err := r.partitionsOnline(fresh, r.offlineElection); err != nil {
		return err
	}
	for len(states) > 0 {
		bumped := map[PartitionID]*clusterstore.PartitionState{}
		for id := range states {
			next := *r.state.partition(id).state
			next.LeaderEpoch++
			next.ControllerEpoch = r.epoch.Number
			bumped[id] = &next
		}
		refused, err := r.write(bumped)
		if err != nil {
			return err
		}
		for id := range bumped {
			if refused[id] {
				continue
			}
			delete(states, id)
			// A new replica may be placed in any directory that works. One that counts already must not begin anew where its directory has failed.
			p := r.state.partition(id)
			r.batch.leaderAndISR(r.liveReplicas(p), id, false)
			r.batch.leaderAndISR(keep(p.assignment.Adding, func(b int32) bool { return !slices.Contains(p.state.ISR, b) }), id, true)
			r.batch.metadata(p)
		}
	}
	return nil
}

// completeMoves is step B. The topic's node is written last: until then a new controller does the step again.
func (r *reign) completeMoves(ps []*partition) error {
	if len(ps) == 0 {
		return nil
	}
	removed := map[PartitionID][]int32{}
	var moves []move
	for _, p := range ps {
		for _, broker := range p.assignment.Adding {
			if r.online(p, broker) {
				r.replicaTo(replicaID{p.id, broker}, replicaOnline)
			}
		}
		removed[p.id] = p.assignment.Removing
		moves = append(moves, move{p, clusterstore.Assignment{Replicas: p.assignment.Target()}})
		// In memory first: the leader must not take back into the ISR who goes.
		r.state.assign(p, moves[len(moves)-1].next)
	}
	if err := r.settle(ps, removed); err != nil {
		return err
	}
	r.flush()
	if err := r.storeAssignments(moves); err != nil {
		return err
	}
	for _, p := range ps {
		r.log.Info("partition reassignment completed", "partition", p.id.String(), "replicas", p.assignment.Replicas)
	}
	return r.forgetWanted(func(id PartitionID, target []int32) bool {
		_, completed := removed[id]
		return completed && slices.Equal(target, r.state.partition(id).assignment.Replicas)
	})
}

// settle elects leaders among the replicas that partitions have now, and has those deleted that they have no more.
func (r *reign) settle(ps []*partition, gone map[PartitionID][]int32) error {
	var led []*partition
	var ids []replicaID
	for _, p := range ps {
		if p.state != nil {
			led = append(led, p)
		}
		for _, broker := range gone[p.id] {
			ids = append(ids, replicaID{p.id, broker})
		}
	}
	if err := r.partitionsOnline(led, r.reassignedElection); err != nil {
		return err
	}
	if err := r.replicasOffline(ids); err != nil {
		return err
	}
	for _, id := range ids {
		if r.replicaTo(id, replicaDeletionStarted) {
			r.batch.stopReplica(id, true)
		}
		// As in Kafka nobody waits for the answer: the broker gets the request as long as it lives.
		r.replicaTo(id, replicaDeletionSuccessful)
		r.replicaTo(id, replicaNonExistent)
		delete(r.state.partition(id.PartitionID).replicas, id.Broker)
		delete(r.state.offlineDirs, id)
	}
	return nil
}

// reassignedElection is electReassigned among all replicas that a partition has; who gives up a reassignment may have agreed to lose records.
func (r *reign) reassignedElection(p *partition) (choice, bool) {
	if c, ok := electReassigned(p.assignment.Replicas, trusted(p.state), p.state.Leader, r.onlineFor(p)); ok {
		return c, true
	}
	return r.offlineElection(p)
}

// storeAssignments writes the topics' nodes, one write for each topic. Partitions that another has added meanwhile are taken up.
func (r *reign) storeAssignments(moves []move) error {
	byTopic := map[string][]move{}
	for _, m := range moves {
		byTopic[m.p.id.Topic] = append(byTopic[m.p.id.Topic], m)
	}
	var fresh []*partition
	for _, name := range slices.Sorted(maps.Keys(byTopic)) {
		added, err := r.storeTopic(r.state.topics[name], byTopic[name])
		if err != nil {
			return err
		}
		fresh = append(fresh, added...)
	}
	return r.createPartitions(fresh)
}

func (r *reign) storeTopic(t *topic, moves []move) (added []*partition, err error) {
	for {
		stored := &clusterstore.Topic{Name: t.name, ID: t.id, Version: t.version}
		for _, p := range t.partitions {
			stored.Partitions = append(stored.Partitions, p.assignment)
		}
		for _, m := range moves {
			stored.Partitions[m.p.id.Partition] = m.next
		}
		err := r.store.UpdateTopic(r.ctx, r.epoch, stored)
		if !errors.Is(err, coord.ErrBadVersion) || errors.Is(err, clusterstore.ErrFenced) {
			t.version = stored.Version
			return added, err
		}
		now, err := r.store.Topic(r.ctx, t.name)
		if err != nil {
			return added, err
		}
		t.version = now.Version
		added = append(added, r.grown(t, now)...)
	}
}

// online tells whether a partition's replica can serve.
func (r *reign) online(p *partition, broker int32) bool { return r.state.online(p.id, broker) }

func (r *reign) onlineFor(p *partition) func(int32) bool {
	return func(broker int32) bool { return r.state.online(p.id, broker) }
}
