package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	placing "milena/internal/admin"
	"milena/internal/clusterstore"
	"milena/internal/coord"
)

const keyWarning = "WARNING: If partitions are increased for a topic that has a key, the partition logic or ordering of the messages will be affected"

func (t *treeTopics) alter(ctx context.Context, v *Values) error {
	names, err := t.existing(ctx, v)
	if err != nil {
		return err
	}
	add, err := treeTopicSettings(v)
	if err != nil {
		return err
	}
	manual, err := replicaAssignment(v.Value("replica-assignment"))
	if err != nil {
		return err
	}
	for _, name := range names {
		if v.Has("config") || v.Has("delete-config") {
			t.env.println("WARNING: Altering topic configuration from this script has been deprecated and may be removed in future releases.")
			t.env.println("         Going forward, please use kafka-configs.sh for this functionality")
			err := t.store.ChangeConfig(ctx, clusterstore.TopicEntity(name), func(settings map[string]string) (map[string]string, error) {
				for key, value := range add {
					settings[key] = value
				}
				for _, key := range v.All("delete-config") {
					delete(settings, strings.TrimSpace(key))
				}
				return settings, checkTopicSettings(settings)
			})
			if err != nil {
				return err
			}
			t.env.printf("Updated config for topic %s.\n", name)
		}
		if v.Has("partitions") {
			if err := t.grow(ctx, name, int(v.Int("partitions")), manual); err != nil {
				return err
			}
		}
	}
	return nil
}

// grow gives a topic more partitions. manual is the assignment of all of them, or nil.
func (t *treeTopics) grow(ctx context.Context, name string, count int, manual [][]int32) error {
	if internalTopic(name) {
		return fmt.Errorf("The number of partitions for the internal topic %s cannot be changed.", name)
	}
	t.env.println(keyWarning)
	topic, err := t.store.Topic(ctx, name)
	if errors.Is(err, coord.ErrNoNode) {
		return fmt.Errorf("The topic %s does not exist", name)
	}
	if err != nil {
		return err
	}
	now := len(topic.Partitions)
	if count <= now {
		return fmt.Errorf("The number of partitions for a topic can only be increased. Topic %s currently has %d partitions, "+
			"%d would not be an increase.", name, now, count)
	}
	brokers, err := t.candidates(ctx, true)
	if err != nil {
		return err
	}
	factor := len(topic.Partitions[0].Replicas)
	if manual != nil && len(manual) > now {
		added, err := manualGrowth(manual, now, factor, brokers)
		if err != nil {
			return err
		}
		topic.Partitions = append(topic.Partitions, added...)
	} else {
		start := slices.IndexFunc(brokers, func(b placing.Candidate) bool { return b.ID >= topic.Partitions[0].Replicas[0] })
		added, err := treeSpread(brokers, now, count-now, factor, max(0, start))
		if err != nil {
			return err
		}
		topic.Partitions = append(topic.Partitions, added...)
	}
	if err := t.store.GrowTopic(ctx, topic); err != nil {
		return err
	}
	t.env.println("Adding partitions succeeded!")
	return nil
}

// manualGrowth takes the new partitions of an assignment.
func manualGrowth(manual [][]int32, now, factor int, brokers []placing.Candidate) ([]clusterstore.Assignment, error) {
	var ids []int32
	for _, b := range brokers {
		ids = append(ids, b.ID)
	}
	var added []clusterstore.Assignment
	for p := now; p < len(manual); p++ {
		if len(without(manual[p], ids)) > 0 {
			return nil, fmt.Errorf("Some brokers specified for partition id %d are not available. Specified brokers: %s, available brokers: %s.",
				p, strings.Trim(javaList(manual[p]), "[]"), strings.Trim(javaList(ids), "[]"))
		}
		if len(manual[p]) != factor {
			return nil, fmt.Errorf("Inconsistent replication factor between partitions, partition 0 has %d while partitions [%d] have "+
				"replication factors [%d], respectively.", factor, p, len(manual[p]))
		}
		added = append(added, clusterstore.Assignment{Replicas: manual[p]})
	}
	return added, nil
}
