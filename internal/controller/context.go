package controller

import (
	"cmp"
	"maps"
	"slices"

	"milena/internal/clusterstore"
)

// PartitionID names a partition.
type PartitionID = clusterstore.PartitionID

// replicaID names one replica of a partition.
type replicaID struct {
	PartitionID
	Broker int32
}

// clusterState is the cluster as the controller knows it, in memory.
type clusterState struct {
	live         map[int32]*clusterstore.Broker
	shuttingDown map[int32]bool
	topics       map[string]*topic
	topicIDs     map[[16]byte]*topic
	// moving are the partitions that are being reassigned.
	moving map[PartitionID]bool
	// elected are those of them for which a leader was elected since completeElected.
	elected map[PartitionID]bool
	// offlineDirs are the replicas of live brokers whose log directory failed.
	offlineDirs map[replicaID]bool
}

// topic is one topic in memory.
type topic struct {
	name       string
	id         [16]byte
	version    int32 // of the topic's node
	partitions []*partition
	deletion   deletion
}

// partition is one partition in memory. State is nil until its node has been made.
type partition struct {
	id         PartitionID
	assignment clusterstore.Assignment
	state      *clusterstore.PartitionState
	phase      partitionPhase
	replicas   map[int32]replicaPhase
}

func newClusterState() *clusterState {
	return &clusterState{
		live: map[int32]*clusterstore.Broker{}, shuttingDown: map[int32]bool{}, topics: map[string]*topic{},
		topicIDs: map[[16]byte]*topic{}, moving: map[PartitionID]bool{}, elected: map[PartitionID]bool{}, offlineDirs: map[replicaID]bool{},
	}
}

func (c *clusterState) addTopic(t *clusterstore.Topic) *topic {
	added := &topic{name: t.Name, id: t.ID, version: t.Version}
	c.topics[t.Name], c.topicIDs[t.ID] = added, added
	for n, a := range t.Partitions {
		c.addPartition(added, int32(n), a)
	}
	return added
}

func (c *clusterState) addPartition(t *topic, number int32, a clusterstore.Assignment) *partition {
	p := &partition{id: PartitionID{Topic: t.name, Partition: number}, replicas: make(map[int32]replicaPhase, len(a.Replicas))}
	t.partitions = append(t.partitions, p)
	c.assign(p, a)
	return p
}

// assign gives a partition its replicas.
func (c *clusterState) assign(p *partition, a clusterstore.Assignment) {
	if p.assignment = a; a.Moving() {
		c.moving[p.id] = true
	} else {
		delete(c.moving, p.id)
	}
}

// removeTopic forgets a topic and all that is known of its partitions.
func (c *clusterState) removeTopic(t *topic) {
	for _, p := range t.partitions {
		delete(c.moving, p.id)
		for _, id := range p.allReplicas() {
			delete(c.offlineDirs, id)
		}
	}
	delete(c.topics, t.name)
	delete(c.topicIDs, t.id)
}

// movingPartitions are the partitions that are being reassigned and of topics that stay, in order; of those, which are wanted (nil: all).
func (c *clusterState) movingPartitions(wanted func(*partition) bool) []*partition {
	var found []*partition
	for _, id := range sortedIDs(c.moving) {
		if p := c.partition(id); c.topics[id.Topic].deletion == notDeleted && (wanted == nil || wanted(p)) {
			found = append(found, p)
		}
	}
	return found
}

func (c *clusterState) partition(id PartitionID) *partition {
	t := c.topics[id.Topic]
	if t == nil || id.Partition < 0 || int(id.Partition) >= len(t.partitions) {
		return nil
	}
	return t.partitions[id.Partition]
}

// online tells whether a replica can serve: its broker lives and its log directory does.
func (c *clusterState) online(id PartitionID, broker int32) bool {
	return c.live[broker] != nil && (len(c.offlineDirs) == 0 || !c.offlineDirs[replicaID{id, broker}])
}

// liveBrokers are the ids of the live brokers, sorted.
func (c *clusterState) liveBrokers() []int32 { return slices.Sorted(maps.Keys(c.live)) }

// sortedTopics are all topics by name: the order of maps must not leak into behaviour.
func (c *clusterState) sortedTopics() []*topic {
	topics := make([]*topic, 0, len(c.topics))
	for _, t := range c.topics {
		topics = append(topics, t)
	}
	slices.SortFunc(topics, func(a, b *topic) int { return cmp.Compare(a.name, b.name) })
	return topics
}

// allPartitions are all partitions that a filter wants (nil: all), by topic and number.
func (c *clusterState) allPartitions(wanted func(*topic, *partition) bool) []*partition {
	var found []*partition
	for _, t := range c.sortedTopics() {
		for _, p := range t.partitions {
			if wanted == nil || wanted(t, p) {
				found = append(found, p)
			}
		}
	}
	return found
}

// replicasOn are the replicas hosted by the brokers given, by topic, number and assignment.
func (c *clusterState) replicasOn(brokers map[int32]bool) []replicaID {
	var found []replicaID
	for _, p := range c.allPartitions(nil) {
		for _, r := range p.assignment.Replicas {
			if brokers[r] {
				found = append(found, replicaID{p.id, r})
			}
		}
	}
	return found
}

func (p *partition) allReplicas() []replicaID {
	ids := make([]replicaID, 0, len(p.assignment.Replicas))
	for _, r := range p.assignment.Replicas {
		ids = append(ids, replicaID{p.id, r})
	}
	return ids
}
