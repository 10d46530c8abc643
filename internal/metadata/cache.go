package metadata

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// leaderDuringDelete is the leader that UpdateMetadata names for a partition of a topic under deletion.
const leaderDuringDelete = -2

// maxPartitions bounds the partition numbers believed, and so the memory that a hostile request can take.
const maxPartitions = 1 << 20

// Cache holds the current image. Waiters can be told when it changes.
// mu orders updates and guards changed; readers take no lock.
type Cache struct {
	image   atomic.Pointer[Image]
	mu      sync.Mutex
	changed chan struct{}
}

// NewCache makes a cache with an empty image of that cluster.
func NewCache(clusterID string) *Cache {
	c := &Cache{changed: make(chan struct{})}
	c.image.Store(&Image{
		ClusterID: clusterID, ControllerID: -1,
		Brokers: map[int32]Broker{}, Topics: map[string]*Topic{}, ByID: map[TopicID]*Topic{},
	})
	return c
}

// Image is the current image; never nil.
func (c *Cache) Image() *Image { return c.image.Load() }

// Changed returns a channel that is closed at the next change after the call: take it first, look at the image, then wait.
func (c *Cache) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// Update applies a controller's UpdateMetadata and publishes the new image; it returns the topics' partitions that it removed, as
// "topic-partition". The live brokers of the request replace those known; of the partitions, only the listed ones change, unless the request
// is marked full (SetFull).
// The caller has refused requests of old controllers.
func (c *Cache) Update(req *kmsg.UpdateMetadataRequest) (removed []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.image.Load()
	next := &Image{
		ClusterID: old.ClusterID, ControllerID: req.ControllerID, ControllerEpoch: req.ControllerEpoch,
		ControllerOnly: req.IsKRaftController,
		Brokers:        brokersOf(req, old.Brokers), Topics: old.Topics, ByID: old.ByID,
	}
	if topics, full := topicStates(req), isFull(req); len(topics) > 0 || full {
		next.Topics, next.ByID = maps.Clone(old.Topics), maps.Clone(old.ByID)
		if full {
			removed = next.keepOnly(topics)
		}
		for i := range topics {
			removed = append(removed, next.apply(&topics[i])...)
		}
	}
	c.image.Store(next)
	close(c.changed)
	c.changed = make(chan struct{})
	return removed
}

// topicStates gives the request's partitions by topic, whatever its version.
func topicStates(req *kmsg.UpdateMetadataRequest) []kmsg.UpdateMetadataRequestTopicState {
	if req.Version >= 5 {
		return req.TopicStates
	}
	var topics []kmsg.UpdateMetadataRequestTopicState
	index := map[string]int{}
	for _, p := range req.PartitionStates {
		i, ok := index[p.Topic]
		if !ok {
			i = len(topics)
			index[p.Topic] = i
			topics = append(topics, kmsg.UpdateMetadataRequestTopicState{Topic: p.Topic})
		}
		topics[i].PartitionStates = append(topics[i].PartitionStates, p)
	}
	return topics
}

func brokersOf(req *kmsg.UpdateMetadataRequest, known map[int32]Broker) map[int32]Broker {
	brokers := make(map[int32]Broker, len(req.LiveBrokers))
	for _, b := range req.LiveBrokers {
		endpoints := make(map[string]Endpoint, len(b.Endpoints))
		for _, e := range b.Endpoints {
			endpoints[e.ListenerName] = Endpoint{Host: e.Host, Port: e.Port, Protocol: e.SecurityProtocol}
		}
		brokers[b.ID] = Broker{ID: b.ID, Epoch: known[b.ID].Epoch, Rack: b.Rack, Endpoints: endpoints}
	}
	return brokers
}

// apply changes one topic in an image under construction, whose maps are its own and whose topics are shared with the old one.
func (i *Image) apply(state *kmsg.UpdateMetadataRequestTopicState) (removed []string) {
	old := i.Topics[state.Topic]
	topic := &Topic{Name: state.Topic, ID: state.TopicID}
	if old != nil {
		if replaced := old.ID != state.TopicID && state.TopicID != (TopicID{}) && old.ID != (TopicID{}); replaced {
			// Deleted and made again: nothing of the old one holds for the new one.
			delete(i.ByID, old.ID)
		} else {
			topic.Partitions = old.Partitions
			if topic.ID == (TopicID{}) {
				topic.ID = old.ID
			}
		}
	}
	size := len(topic.Partitions)
	for n := range state.PartitionStates {
		if number := state.PartitionStates[n].Partition; number < maxPartitions {
			size = max(size, int(number)+1)
		}
	}
	partitions := make([]Partition, size)
	copy(partitions, topic.Partitions)
	for n := len(topic.Partitions); n < size; n++ {
		partitions[n].Leader = -1
	}
	for n := range state.PartitionStates {
		p := &state.PartitionStates[n]
		if p.Partition < 0 || p.Partition >= maxPartitions {
			continue
		}
		if p.Leader == leaderDuringDelete {
			partitions[p.Partition] = Partition{Leader: -1}
			removed = append(removed, state.Topic+"-"+strconv.Itoa(int(p.Partition)))
			continue
		}
		elr, lastKnown := ELR(&p.UnknownTags)
		partitions[p.Partition] = Partition{
			Leader: p.Leader, LeaderEpoch: p.LeaderEpoch, PartitionEpoch: p.ZKVersion,
			Replicas: slices.Clone(p.Replicas), ISR: slices.Clone(p.ISR), OfflineReplicas: slices.Clone(p.OfflineReplicas),
			ELR: elr, LastKnownELR: lastKnown,
		}
	}
	for size > 0 && !partitions[size-1].Known() {
		size--
	}
	topic.Partitions = partitions[:size]
	if size == 0 {
		delete(i.Topics, state.Topic)
		delete(i.ByID, topic.ID)
		return removed
	}
	i.Topics[state.Topic] = topic
	if topic.ID != (TopicID{}) {
		i.ByID[topic.ID] = topic
	}
	return removed
}
