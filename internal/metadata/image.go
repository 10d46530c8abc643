// Package metadata is the immutable image of the cluster that brokers answer from: built by UpdateMetadata requests (and the watches of
// configuration), read by every request without a lock. It imports kmsg alone.
package metadata

// TopicID is a topic's id; the zero id means none.
type TopicID = [16]byte

// Image is one state of the cluster. Nothing in it is ever changed.
type Image struct {
	ClusterID       string
	ControllerID    int32 // -1 unknown
	ControllerEpoch int32
	ControllerOnly  bool // the controller is no broker, and Brokers without it: clients do not reach it
	Brokers         map[int32]Broker
	Topics          map[string]*Topic
	ByID            map[TopicID]*Topic
}

// Broker is a live broker.
type Broker struct {
	ID        int32
	Epoch     int64
	Rack      *string
	Endpoints map[string]Endpoint // by listener name
}

// Endpoint is where a listener is advertised.
type Endpoint struct {
	Host     string
	Port     int32
	Protocol int16 // Kafka's security protocol number
}

// Topic is a topic and its partitions, indexed by partition number.
type Topic struct {
	Name       string
	ID         TopicID
	Partitions []Partition
}

// Partition is one partition's state as the controller tells it.
type Partition struct {
	Leader          int32 // -1 none
	LeaderEpoch     int32
	PartitionEpoch  int32 // zkVersion of the state node
	Replicas        []int32
	ISR             []int32
	OfflineReplicas []int32
	// ELR are replicas outside the ISR that have all that is committed, LastKnownELR those that had and may have lost it (KIP-966).
	ELR, LastKnownELR []int32
}

// Known tells whether the controller has told of this partition: numbers below the highest one may not have come yet.
func (p *Partition) Known() bool { return len(p.Replicas) > 0 }

// Partition finds a topic's partition; nil where there is none.
func (i *Image) Partition(topic string, number int32) *Partition {
	t := i.Topics[topic]
	if t == nil || number < 0 || int(number) >= len(t.Partitions) || !t.Partitions[number].Known() {
		return nil
	}
	return &t.Partitions[number]
}

// HasLeaders tells whether a topic has at least count known partitions and each of the first count has a leader.
func (i *Image) HasLeaders(topic string, count int) bool {
	t := i.Topics[topic]
	if t == nil || len(t.Partitions) < count {
		return false
	}
	for n := range t.Partitions[:count] {
		if p := &t.Partitions[n]; !p.Known() || p.Leader < 0 {
			return false
		}
	}
	return true
}

// GoneSince lists the topics of an older image that are gone, or others by now. One of which only now an id is told, as when a cluster of a Kafka
// before 2.8 has been brought to a later version, is what it was.
func (i *Image) GoneSince(before *Image) (topics []string) {
	for name, topic := range before.Topics {
		now := i.Topics[name]
		if now == nil || now.ID != topic.ID && now.ID != (TopicID{}) && topic.ID != (TopicID{}) {
			topics = append(topics, name)
		}
	}
	return topics
}
