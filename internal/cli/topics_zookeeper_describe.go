package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"milena/internal/clusterstore"
	"milena/internal/coord"
)

func (t *treeTopics) describe(ctx context.Context, v *Values) error {
	names, err := t.existing(ctx, v)
	if err != nil {
		return err
	}
	going, err := t.store.TopicDeletions(ctx)
	if err != nil {
		return err
	}
	registered, err := t.store.Brokers(ctx)
	if err != nil {
		return err
	}
	live := map[int32]bool{}
	for _, b := range registered {
		live[b.ID] = true
	}
	out := t.env.Buffered()
	for _, name := range names {
		topic, err := t.store.Topic(ctx, name)
		if errors.Is(err, coord.ErrNoNode) {
			fmt.Fprintf(out, "Topic %s doesn't exist!\n", name)
			continue
		}
		if err != nil {
			return err
		}
		settings, err := t.store.Config(ctx, clusterstore.TopicEntity(name))
		if err != nil {
			return err
		}
		states, err := t.store.PartitionStates(ctx, []*clusterstore.Topic{topic})
		if err != nil {
			return err
		}
		printTreeTopic(out, v, topic, settings, states, live, contains(going, name))
	}
	return out.Flush()
}

// printTreeTopic prints one topic as Kafka 2.4 did.
func printTreeTopic(w io.Writer, v *Values, topic *clusterstore.Topic, settings map[string]string,
	states map[clusterstore.PartitionID]*clusterstore.PartitionState, live map[int32]bool, going bool,
) {
	mark := ""
	if going {
		mark = "\tMarkedForDeletion: true"
	}
	unavailable, under := v.Has("unavailable-partitions"), v.Has("under-replicated-partitions")
	if !unavailable && !under && (!v.Has("topics-with-overrides") || len(settings) > 0) && len(topic.Partitions) > 0 {
		fmt.Fprintf(w, "Topic: %s\tPartitionCount: %d\tReplicationFactor: %d\tConfigs: %s%s\n", topic.Name, len(topic.Partitions),
			len(topic.Partitions[0].Replicas), settingsText(settings), mark)
	}
	if v.Has("topics-with-overrides") {
		return
	}
	for p, assigned := range topic.Partitions {
		state := states[clusterstore.PartitionID{Topic: topic.Name, Partition: int32(p)}]
		leader, isr, leads := "none", []int32(nil), false
		if state != nil {
			if isr = state.ISR; state.Leader >= 0 {
				leader, leads = fmt.Sprint(state.Leader), live[state.Leader]
			}
		}
		if !unavailable && !under || under && len(isr) < len(assigned.Replicas) || unavailable && !leads {
			fmt.Fprintf(w, "\tTopic: %s\tPartition: %d\tLeader: %s\tReplicas: %s\tIsr: %s%s\n", topic.Name, p, leader,
				commaList(assigned.Replicas), commaList(isr), mark)
		}
	}
}

// settingsText prints settings in the order of Kafka's tools.
func settingsText(settings map[string]string) string {
	var pairs []string
	for _, key := range javaHashOrder(slices.Sorted(maps.Keys(settings))) {
		pairs = append(pairs, key+"="+settings[key])
	}
	return strings.Join(pairs, ",")
}
