// Package metadata is the immutable image of the cluster that brokers answer from: built by UpdateMetadata requests (and the watches of
// configuration), read by every request without a lock. It imports kmsg alone.
package metadata

import (
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TopicID is a topic's id; the zero id means none.
type TopicID = [16]byte

// Image is one state of the cluster. Nothing in it is ever changed.
type Image struct {
	ClusterID       string
	ControllerID    int32 // -1 unknown
	ControllerEpoch int32
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
}

// Cache holds the current image. Waiters can be told when it changes.
type Cache struct{ image atomic.Pointer[Image] }

// NewCache makes a cache with an empty image of that cluster.
func NewCache(clusterID string) *Cache { panic("unwritten") }

// Image is the current image; never nil.
func (c *Cache) Image() *Image { return c.image.Load() }

// Update applies a controller's UpdateMetadata and publishes the new image; it returns the topics' partitions that it removed.
func (c *Cache) Update(req *kmsg.UpdateMetadataRequest) (removed []string) { panic("unwritten") }

// Changed returns a channel that is closed at the next change after the call.
func (c *Cache) Changed() <-chan struct{} { panic("unwritten") }
