package controller

import "milena/internal/clusterstore"

// deletion is how far the deletion of a topic has come.
type deletion uint8

const (
	notDeleted deletion = iota
	// deletionQueued: requested; nobody has been told.
	deletionQueued
	// deletionBegun: brokers were told that the topic is gone; replicas are being deleted.
	deletionBegun
)

// acceptDeletions takes requests for deletion; those that cannot be are taken back (their number is returned).
func (r *reign) acceptDeletions(requested []string) (dropped int, err error) {
	var refused []string
	for _, name := range requested {
		t := r.state.topics[name]
		switch {
		case t == nil || !r.cfg.DeleteTopics():
			refused = append(refused, name)
		case t.deletion == notDeleted:
			t.deletion = deletionQueued
		}
	}
	if len(refused) > 0 {
		err = r.store.DropTopicDeletions(r.ctx, r.epoch, refused)
	}
	return len(refused), err
}

// advanceDeletions does what can be done now for every topic to be deleted: completes those whose replicas are all gone, and starts
// (again) those of which something can be deleted. Each kind of request is one for all topics.
func (r *reign) advanceDeletions() error {
	var going []*topic
	for _, t := range r.state.sortedTopics() {
		switch {
		case t.deletion == notDeleted:
		case t.allReplicasIn(replicaDeletionSuccessful):
			if err := r.completeDeletion(t); err != nil {
				return err
			}
		default:
			going = append(going, t)
		}
	}
	for _, t := range going {
		r.withdraw(t)
	}
	r.flush()
	r.deleteReplicas(going)
	return nil
}

func (t *topic) allReplicasIn(phase replicaPhase) bool {
	for _, p := range t.partitions {
		for _, broker := range p.assignment.Replicas {
			if p.replicas[broker] != phase {
				return false
			}
		}
	}
	return true
}

// withdraw tells all brokers that a topic is gone, once.
func (r *reign) withdraw(t *topic) {
	if t.deletion != deletionQueued {
		return
	}
	t.deletion = deletionBegun
	for _, p := range t.partitions {
		r.batch.metadata(p)
		if p.phase != partitionOffline {
			r.partitionTo(p, partitionOffline)
		}
		r.partitionTo(p, partitionNonExistent)
	}
}

// deleteReplicas has the brokers stop and then delete the topics' replicas; those of dead brokers wait until they come back. Whether one in a
// directory that failed can be deleted its broker knows: a full disk is one to the controller, and a deletion may be what makes room.
func (r *reign) deleteReplicas(topics []*topic) {
	var stopping, away []replicaID
	for _, t := range topics {
		waiting := len(away)
		for _, p := range t.partitions {
			for _, id := range p.allReplicas() {
				phase := p.replicas[id.Broker]
				switch {
				case phase == replicaDeletionStarted || phase == replicaDeletionSuccessful:
				case r.state.live[id.Broker] != nil:
					stopping = append(stopping, id)
				case phase != replicaDeletionIneligible:
					away = append(away, id)
				}
			}
		}
		if n := len(away) - waiting; n > 0 {
			r.log.Info("controller: deletion waits for brokers that are away", "topic", t.name, "replicas", n)
		}
	}
	// Stop first, then delete: a replica must not serve while its files go.
	for _, id := range stopping {
		if r.replicaTo(id, replicaOffline) {
			r.batch.stopReplica(id, false)
		}
	}
	r.flush()
	for _, id := range stopping {
		if r.replicaTo(id, replicaDeletionStarted) {
			r.batch.stopReplica(id, true)
		}
	}
	r.flush()
	for _, id := range away {
		if r.state.partition(id.PartitionID).replicas[id.Broker] != replicaOffline {
			r.replicaTo(id, replicaOffline)
		}
		r.replicaTo(id, replicaDeletionIneligible)
	}
}

// completeDeletion forgets a topic whose replicas are gone.
func (r *reign) completeDeletion(t *topic) error {
	if err := r.store.RemoveTopic(r.ctx, r.epoch, t.name); err != nil {
		return err
	}
	for _, p := range t.partitions {
		for _, id := range p.allReplicas() {
			r.replicaTo(id, replicaNonExistent)
		}
	}
	r.state.removeTopic(t)
	r.log.Info("topic deleted", "topic", t.name, "id", clusterstore.FormatUUID(t.id))
	return r.forgetWanted(func(id PartitionID, _ []int32) bool { return id.Topic == t.name })
}

// replicaDeleted takes a broker's word on the deletion of replicas.
func (r *reign) replicaDeleted(deleted, failed []replicaID) error {
	for _, id := range deleted {
		if p := r.state.partition(id.PartitionID); p != nil && p.replicas[id.Broker] == replicaDeletionStarted {
			r.replicaTo(id, replicaDeletionSuccessful)
		}
	}
	for _, id := range failed {
		if p := r.state.partition(id.PartitionID); p != nil && p.replicas[id.Broker] == replicaDeletionStarted {
			r.replicaTo(id, replicaDeletionIneligible)
		}
	}
	var done []*topic
	for _, t := range r.state.sortedTopics() {
		if t.deletion == deletionBegun && t.allReplicasIn(replicaDeletionSuccessful) {
			done = append(done, t)
		}
	}
	for _, t := range done {
		if err := r.completeDeletion(t); err != nil {
			return err
		}
	}
	return nil
}
