package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"milena/internal/clusterstore"
	"milena/internal/controller"
	"milena/internal/coord"
	"milena/internal/logdir"
)

// adopt takes over the topics that another Kafka left in the data directories, when the cluster is new and so knows of none. Each keeps its id,
// and its leader epochs go on. What the other's metadata said of them is not in these directories: this broker becomes the only replica, and
// nothing is deleted by age or size until someone says how long to keep it.
func (b *Broker) adopt(ctx context.Context) error {
	found, err := b.dirs.Inventory()
	if err != nil {
		return fmt.Errorf("looking for topics to take over: %w", err)
	}
	byTopic := map[string][]logdir.Found{}
	for _, f := range found {
		byTopic[f.Topic] = append(byTopic[f.Topic], f)
	}
	for _, name := range slices.Sorted(maps.Keys(byTopic)) {
		if err := b.adoptTopic(ctx, name, byTopic[name]); err != nil {
			return fmt.Errorf("taking over topic %s: %w", name, err)
		}
	}
	if len(byTopic) > 0 {
		b.options.Logger.Warn("took over the topics found in the log directories; their configurations are not known, so nothing of them is deleted"+
			" until cleanup.policy and retention are set again", "topics", len(byTopic), "partitions", len(found))
	}
	return nil
}

func (b *Broker) adoptTopic(ctx context.Context, name string, found []logdir.Found) error {
	self := []int32{b.live.Broker().BrokerID}
	topic := &clusterstore.Topic{Name: name}
	states := map[int32]*clusterstore.PartitionState{}
	for _, f := range found {
		if topic.ID == ([16]byte{}) {
			topic.ID = f.TopicID
		}
		if f.TopicID != ([16]byte{}) && f.TopicID != topic.ID {
			return fmt.Errorf("its partitions carry different topic ids (partition.metadata): move those of the older one out of the log directories")
		}
		for len(topic.Partitions) <= int(f.Partition) {
			topic.Partitions = append(topic.Partitions, clusterstore.Assignment{Replicas: self})
		}
		states[f.Partition] = &clusterstore.PartitionState{Leader: self[0], LeaderEpoch: f.LatestEpoch + 1, ISR: self, LastLeader: -1}
	}
	if topic.ID == ([16]byte{}) {
		topic.ID = controller.NewTopicID()
	}
	config := map[string]string{"retention.ms": "-1"}
	if name == "__consumer_offsets" || name == "__transaction_state" {
		config = map[string]string{"cleanup.policy": "compact", "compression.type": "producer", "segment.bytes": "104857600"}
	}
	if err := b.store.AdoptTopic(ctx, topic, config, states); !errors.Is(err, coord.ErrNodeExists) {
		return err
	}
	return nil // by a start that was interrupted
}
