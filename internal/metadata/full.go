package metadata

import (
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Kafka's UpdateMetadata v8 carries a tagged field, Type, that tells whether the request holds all there is (KIP-866). A broker that was out of
// the controller's reach while a topic went would else keep that topic for ever: nobody remembers it any more.
const (
	typeTag  = 0
	typeFull = 2
)

// SetFull marks a request of version 8 that lists every partition there is.
func SetFull(req *kmsg.UpdateMetadataRequest) { req.UnknownTags.Set(typeTag, []byte{typeFull}) }

func isFull(req *kmsg.UpdateMetadataRequest) bool {
	full := false
	req.UnknownTags.Each(func(tag uint32, value []byte) {
		full = full || tag == typeTag && req.Version >= 8 && slices.Equal(value, []byte{typeFull})
	})
	return full
}

// TellsOfPartitions tells a request with partitions, or that there are none, from one that is of live brokers alone.
func TellsOfPartitions(req *kmsg.UpdateMetadataRequest) bool {
	return len(req.TopicStates)+len(req.PartitionStates) > 0 || isFull(req)
}

// keepOnly removes the topics that are not listed from an image under construction, whose maps are its own.
func (i *Image) keepOnly(topics []kmsg.UpdateMetadataRequestTopicState) (removed []string) {
	listed := make(map[string]bool, len(topics))
	for t := range topics {
		listed[topics[t].Topic] = true
	}
	for name, topic := range i.Topics {
		if listed[name] {
			continue
		}
		for p := range topic.Partitions {
			removed = append(removed, name+"-"+strconv.Itoa(p))
		}
		delete(i.Topics, name)
		delete(i.ByID, topic.ID)
	}
	return removed
}
