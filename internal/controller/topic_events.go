package controller

import (
	"maps"
	"slices"

	"milena/internal/clusterstore"
)

// handle of topicsChanged compares the topics' nodes with those known: new topics, new partitions, topics removed by hand.
func (topicsChanged) handle(r *reign) error {
	stored, err := r.store.TopicsIfChanged(r.ctx, func(name string, version int32) bool {
		known := r.state.topics[name]
		return known == nil || known.version != version
	})
	if err != nil {
		return err
	}
	for _, t := range r.state.sortedTopics() {
		if _, there := stored[t.name]; !there {
			r.log.Warn("controller: a topic's node was removed by hand", "topic", t.name)
			r.state.removeTopic(t)
		}
	}
	var fresh []*partition
	for _, name := range slices.Sorted(maps.Keys(stored)) {
		t := stored[name]
		if t == nil {
			continue // unchanged
		}
		known := r.state.topics[name]
		if known == nil {
			if err := r.ensureTopicID(t); err != nil {
				return err
			}
			known = r.state.addTopic(t)
			fresh = append(fresh, known.partitions...)
			r.log.Info("topic created", "topic", name, "id", clusterstore.FormatUUID(t.ID), "partitions", len(t.Partitions))
			continue
		}
		known.version = t.Version
		fresh = append(fresh, r.grown(known, t)...)
	}
	return r.createPartitions(fresh)
}

// grown takes the partitions that a topic has gained. Other changes of a topic's node are this controller's own.
func (r *reign) grown(known *topic, t *clusterstore.Topic) []*partition {
	if len(t.Partitions) <= len(known.partitions) {
		return nil
	}
	if known.deletion != notDeleted {
		r.log.Warn("controller: a topic under deletion cannot grow", "topic", t.Name)
		return nil
	}
	var added []*partition
	for n := len(known.partitions); n < len(t.Partitions); n++ {
		added = append(added, r.state.addPartition(known, int32(n), t.Partitions[n]))
	}
	r.log.Info("partitions added", "topic", t.Name, "partitions", len(t.Partitions))
	return added
}

// createPartitions leads new partitions and their replicas through New to Online.
func (r *reign) createPartitions(ps []*partition) error {
	if len(ps) == 0 {
		return nil
	}
	r.partitionsTo(ps, partitionNew)
	var ids []replicaID
	for _, p := range ps {
		ids = append(ids, p.allReplicas()...)
	}
	r.replicasTo(ids, replicaNew)
	if err := r.partitionsOnline(ps, r.offlineElection); err != nil {
		return err
	}
	// Initializing has told the replicas already; what is left is their phase.
	var serving, away []replicaID
	for _, id := range ids {
		if r.state.online(id.PartitionID, id.Broker) {
			serving = append(serving, id)
		} else {
			away = append(away, id)
		}
	}
	r.replicasTo(serving, replicaOnline)
	r.replicasTo(away, replicaOffline)
	return nil
}
