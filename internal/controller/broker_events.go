package controller

import (
	"slices"

	"milena/internal/clusterstore"
)

// handle of brokersChanged compares the registrations with the brokers known: new, gone, come back within one look (bounced), and those whose
// endpoints changed.
func (brokersChanged) handle(r *reign) error {
	now, err := r.store.Brokers(r.ctx)
	if err != nil {
		return err
	}
	registered := map[int32]*clusterstore.Broker{}
	var started, bounced, changed []*clusterstore.Broker
	for _, b := range now {
		registered[b.ID] = b
		known := r.state.live[b.ID]
		switch {
		case known == nil:
			started = append(started, b)
		case known.Epoch != b.Epoch:
			bounced = append(bounced, b)
		case known.Version != b.Version:
			changed = append(changed, b)
		}
	}
	var gone []int32
	for _, id := range r.state.liveBrokers() {
		if registered[id] == nil {
			gone = append(gone, id)
		}
	}
	// Before anything else: who may have lost records must not be the last one in an ISR because another is gone too.
	if err := r.takeInUnclean(now); err != nil {
		return err
	}
	if err := r.brokersGone(append(idsOf(bounced), gone...)); err != nil {
		return err
	}
	r.flush()
	for _, b := range changed {
		r.state.live[b.ID] = b
		r.out.open(b)
		r.batch.metadata(nil)
	}
	if come := append(started, bounced...); len(come) > 0 {
		return r.brokersStarted(come)
	}
	// One that came before may have told late that it is unclean: others lead now.
	return r.electWhereNeeded()
}

func idsOf(brokers []*clusterstore.Broker) []int32 {
	var ids []int32
	for _, b := range brokers {
		ids = append(ids, b.ID)
	}
	return ids
}

// brokersStarted tells new brokers everything and everyone of them, and brings their replicas online.
func (r *reign) brokersStarted(brokers []*clusterstore.Broker) error {
	if len(brokers) == 0 {
		return nil
	}
	on := map[int32]bool{}
	for _, b := range brokers {
		on[b.ID] = true
		r.state.live[b.ID] = b
		delete(r.state.shuttingDown, b.ID)
		r.out.open(b)
		r.log.Info("broker registered", "broker", b.ID, "epoch", b.Epoch)
	}
	for id := range r.state.offlineDirs {
		if on[id.Broker] {
			delete(r.state.offlineDirs, id)
		}
	}
	r.batch.metadata(nil)
	r.batch.everything(idsOf(brokers))
	r.flush()
	var serving []replicaID
	for _, id := range r.state.replicasOn(on) {
		if r.state.topics[id.Topic].deletion == notDeleted {
			serving = append(serving, id)
		}
	}
	r.replicasOnline(serving)
	if err := r.electWhereNeeded(); err != nil {
		return err
	}
	r.flush()
	err := r.advanceMoves(r.state.movingPartitions(func(p *partition) bool {
		return slices.ContainsFunc(p.assignment.Target(), func(b int32) bool { return on[b] })
	}))
	if err != nil {
		return err
	}
	r.flush()
	return r.advanceDeletions()
}

// brokersGone takes dead brokers' replicas offline and elects other leaders.
func (r *reign) brokersGone(ids []int32) error {
	if len(ids) == 0 {
		return nil
	}
	on := map[int32]bool{}
	for _, id := range ids {
		on[id] = true
		delete(r.state.live, id)
		delete(r.state.shuttingDown, id)
		r.out.close(id)
		r.log.Info("broker gone", "broker", id)
	}
	r.batch.metadata(nil)
	return r.replicasGone(r.state.replicasOn(on))
}

// replicasGone: partitions led by the replicas get other leaders; the replicas leave the ISRs; deletions wait for them.
func (r *reign) replicasGone(ids []replicaID) error {
	var leaderless []*partition
	lost := map[*partition]bool{}
	var serving, deleting []replicaID
	for _, id := range ids {
		p := r.state.partition(id.PartitionID)
		if p == nil {
			continue
		}
		if r.state.topics[id.Topic].deletion != notDeleted {
			deleting = append(deleting, id)
			continue
		}
		serving = append(serving, id)
		if p.phase == partitionOnline && p.state.Leader == id.Broker && !lost[p] {
			lost[p] = true
			leaderless = append(leaderless, p)
		}
	}
	r.partitionsTo(leaderless, partitionOffline)
	if err := r.electWhereNeeded(); err != nil {
		return err
	}
	if err := r.replicasOffline(serving); err != nil {
		return err
	}
	for _, id := range deleting {
		switch r.state.partition(id.PartitionID).replicas[id.Broker] {
		case replicaDeletionStarted, replicaOffline:
			r.replicaTo(id, replicaDeletionIneligible)
		case replicaOnline, replicaNew:
			r.replicaTo(id, replicaOffline)
			r.replicaTo(id, replicaDeletionIneligible)
		}
	}
	return nil
}
