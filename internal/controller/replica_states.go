package controller

import (
	"slices"

	"milena/internal/clusterstore"
)

// replicaTo validates and makes a change of phase.
func (r *reign) replicaTo(id replicaID, next replicaPhase) bool {
	p := r.state.partition(id.PartitionID)
	if p == nil {
		return false
	}
	if now := p.replicas[id.Broker]; !now.mayBecome(next) {
		r.refuse(invalid(id, now, next))
		return false
	}
	p.replicas[id.Broker] = next
	return true
}

func (r *reign) replicasTo(ids []replicaID, next replicaPhase) {
	for _, id := range ids {
		r.replicaTo(id, next)
	}
}

// replicasOnline tells replicas of their role.
func (r *reign) replicasOnline(ids []replicaID) {
	for _, id := range ids {
		p := r.state.partition(id.PartitionID)
		if p == nil || !r.replicaTo(id, replicaOnline) {
			continue
		}
		if p.state != nil && p.phase != partitionNew {
			r.batch.leaderAndISR([]int32{id.Broker}, p.id, false)
			r.batch.metadata(p)
		}
	}
}

// replicasOffline stops replicas and takes them out of their partitions' ISRs.
func (r *reign) replicasOffline(ids []replicaID) error {
	var leaving []replicaID
	for _, id := range ids {
		if r.state.partition(id.PartitionID) == nil || !r.replicaTo(id, replicaOffline) {
			continue
		}
		r.batch.stopReplica(id, false)
		leaving = append(leaving, id)
	}
	return r.leaveISR(leaving)
}

// leaveISR takes replicas out of their ISRs. A partition of which several go is written several times.
func (r *reign) leaveISR(ids []replicaID) error {
	for len(ids) > 0 {
		states := map[PartitionID]*clusterstore.PartitionState{}
		var later []replicaID
		for _, id := range ids {
			p := r.state.partition(id.PartitionID)
			switch {
			case p.state == nil:
			case !r.inRole(p, id.Broker):
				r.batch.metadata(p)
			case states[p.id] != nil:
				later = append(later, id)
			default:
				next := withoutReplica(p.state, id.Broker)
				next.ControllerEpoch = r.epoch.Number
				states[p.id] = next
			}
		}
		refused, err := r.write(states)
		if err != nil {
			return err
		}
		for id := range states {
			if !refused[id] {
				r.announceShrunk(r.state.partition(id))
			}
		}
		for _, id := range ids {
			if refused[id.PartitionID] {
				later = append(later, id)
			}
		}
		ids = later
	}
	return nil
}

// inRole tells whether taking a replica out changes anything: it leads, it is in an ISR that has others too, or it is eligible and is no
// replica any more.
func (r *reign) inRole(p *partition, broker int32) bool {
	if p.state.Leader == broker || slices.Contains(p.state.ELR, broker) && !slices.Contains(p.assignment.Replicas, broker) {
		return true
	}
	for _, member := range p.state.ISR {
		if member == broker {
			return len(p.state.ISR) > 1
		}
	}
	return false
}
