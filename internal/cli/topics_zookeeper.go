package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	placing "milena/internal/admin"
	"milena/internal/clusterstore"
	"milena/internal/config"
	"milena/internal/coord"
)

// treeTopics makes, shows and changes topics in the cluster's tree, as Kafka's tool of 2.4 did; the controller does the rest.
type treeTopics struct {
	env   *Env
	store *clusterstore.Store
}

// topicsByZooKeeper is kafka-topics.sh --zookeeper.
func (env *Env) topicsByZooKeeper(ctx context.Context, v *Values) error {
	store, err := openTree(ctx, v.Value("zookeeper"))
	if err == nil {
		defer store.Coord().Close()
		err = (&treeTopics{env, store}).act(ctx, v)
	}
	if err != nil {
		env.printf("Error while executing topic command : %v\n", err)
		return Exit(1)
	}
	return nil
}

func (t *treeTopics) act(ctx context.Context, v *Values) error {
	switch {
	case v.Has("create"):
		return t.create(ctx, v)
	case v.Has("alter"):
		return t.alter(ctx, v)
	case v.Has("list"):
		return t.list(ctx, v)
	case v.Has("describe"):
		return t.describe(ctx, v)
	}
	return t.remove(ctx, v)
}

// checkTreeTopics refuses what does not go together with --zookeeper, in the words of Kafka 2.4.
func checkTreeTopics(v *Values, actions []string) error {
	if v.Has("bootstrap-server") {
		return errors.New("Only one of --bootstrap-server or --zookeeper must be specified")
	}
	for _, name := range []string{"topic-id", "partition-size-limit-per-response"} {
		if v.Has(name) {
			return Usagef("Option \"[%s]\" can't be used with option \"[zookeeper]\"", name)
		}
	}
	if !v.Has("list") && !v.Has("describe") || v.Has("describe") && v.Has("if-exists") {
		if err := v.Require("topic"); err != nil {
			return err
		}
	}
	if v.Has("create") && !v.Has("replica-assignment") {
		if err := v.Require("partitions", "replication-factor"); err != nil {
			return err
		}
	}
	for _, report := range []string{"under-min-isr-partitions", "at-min-isr-partitions"} {
		if err := v.Exclude(report, "zookeeper"); err != nil {
			return err
		}
	}
	if err := v.Exclude("delete-config", "create", "describe", "list", "delete"); err != nil {
		return err
	}
	return checkTopicsTogether(v, actions)
}

// names are the topics that --topic means, all of them without it.
func (t *treeTopics) names(ctx context.Context, v *Values) ([]string, error) {
	all, err := t.store.Coord().Children(ctx, clusterstore.TopicsPath)
	if err != nil {
		return nil, err
	}
	filter, err := topicFilter(cmp.Or(v.Value("topic"), ".*"))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(name string) bool {
		return !filter.MatchString(name) || v.Has("exclude-internal") && internalTopic(name)
	}), nil
}

func internalTopic(name string) bool {
	return name == "__consumer_offsets" || name == "__transaction_state"
}

// existing is names; no match is an error but with --if-exists.
func (t *treeTopics) existing(ctx context.Context, v *Values) ([]string, error) {
	names, err := t.names(ctx, v)
	if err == nil && len(names) == 0 && v.Has("topic") && !v.Has("if-exists") {
		return nil, fmt.Errorf("Topic '%s' does not exist as expected", v.Value("topic"))
	}
	return names, err
}

func (t *treeTopics) list(ctx context.Context, v *Values) error {
	names, err := t.names(ctx, v)
	if err != nil {
		return err
	}
	going, err := t.store.TopicDeletions(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if contains(going, name) {
			name += " - marked for deletion"
		}
		t.env.println(name)
	}
	return nil
}

func (t *treeTopics) create(ctx context.Context, v *Values) error {
	name := v.Value("topic")
	settings, err := treeTopicSettings(v)
	if err != nil {
		return err
	}
	manual, err := replicaAssignment(v.Value("replica-assignment"))
	if err != nil {
		return err
	}
	if strings.ContainsAny(name, "._") {
		t.env.println("WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could " +
			"collide. To avoid issues it is best to use either, but not both.")
	}
	topic := &clusterstore.Topic{Name: name}
	for _, replicas := range manual {
		topic.Partitions = append(topic.Partitions, clusterstore.Assignment{Replicas: replicas})
	}
	if manual == nil {
		brokers, err := t.candidates(ctx, !v.Has("disable-rack-aware"))
		if err != nil {
			return err
		}
		if topic.Partitions, err = treeSpread(brokers, 0, int(v.Int("partitions")), int(v.Int("replication-factor")), -1); err != nil {
			return err
		}
	}
	err = t.validate(ctx, name)
	if err == nil {
		err = t.store.CreateTopic(ctx, topic, settings)
	}
	if errors.Is(err, coord.ErrNodeExists) {
		if v.Has("if-not-exists") {
			return nil
		}
		return fmt.Errorf("Topic '%s' already exists.", name)
	}
	if err == nil {
		t.env.printf("Created topic %s.\n", name)
	}
	return err
}

// validate refuses names that are none, taken, or too much like another.
func (t *treeTopics) validate(ctx context.Context, name string) error {
	if err := placing.ValidateTopicName(name); err != nil {
		return err
	}
	all, err := t.store.Coord().Children(ctx, clusterstore.TopicsPath)
	if err != nil {
		return err
	}
	var alike []string
	for _, other := range all {
		if other == name {
			return coord.ErrNodeExists
		}
		if strings.ReplaceAll(other, ".", "_") == strings.ReplaceAll(name, ".", "_") {
			alike = append(alike, other)
		}
	}
	if len(alike) > 0 {
		return fmt.Errorf("Topic '%s' collides with existing topics: %s", name, strings.Join(alike, ", "))
	}
	return nil
}

// treeTopicSettings reads --config, and refuses what a topic cannot have.
func treeTopicSettings(v *Values) (map[string]string, error) {
	settings := map[string]string{}
	for _, pair := range v.All("config") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || strings.TrimSpace(value) == "" || strings.Contains(value, "=") {
			return nil, errors.New("requirement failed: Invalid topic config: all configs to be added must be in the format \"key=val\".")
		}
		settings[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	return settings, checkTopicSettings(settings)
}

func checkTopicSettings(settings map[string]string) error {
	defaults, _, err := config.FromStatic(nil)
	if err == nil {
		_, err = config.TopicOf(defaults, settings)
	}
	return err
}

// candidates are the registered brokers; without their racks where racks is false.
func (t *treeTopics) candidates(ctx context.Context, racks bool) ([]placing.Candidate, error) {
	registered, err := t.store.Brokers(ctx)
	if err != nil {
		return nil, err
	}
	var brokers []placing.Candidate
	without := 0
	for _, b := range registered {
		c := placing.Candidate{ID: b.ID, Rack: b.Rack}
		if !racks {
			c.Rack = ""
		}
		if c.Rack == "" {
			without++
		}
		brokers = append(brokers, c)
	}
	if without > 0 && without < len(brokers) {
		return nil, errors.New(rackAdvice)
	}
	return brokers, nil
}

// treeSpread assigns count partitions from first on; start is the broker that begins, any where it is negative.
func treeSpread(brokers []placing.Candidate, first, count, replicas, start int) ([]clusterstore.Assignment, error) {
	switch {
	case count <= 0:
		return nil, errors.New("Number of partitions must be larger than 0.")
	case replicas <= 0:
		return nil, errors.New("Replication factor must be larger than 0.")
	case replicas > len(brokers):
		return nil, fmt.Errorf("Replication factor: %d larger than available brokers: %d.", replicas, len(brokers))
	case count > placing.MaxPartitionsPerTopic:
		return nil, fmt.Errorf("Number of partitions must not be larger than %d.", placing.MaxPartitionsPerTopic)
	}
	shift := start
	if start < 0 {
		start, shift = rand.IntN(len(brokers)), rand.IntN(len(brokers))
	}
	return placing.Spread(brokers, first, count, replicas, start, shift), nil
}

func (t *treeTopics) remove(ctx context.Context, v *Values) error {
	names, err := t.existing(ctx, v)
	if err != nil {
		return err
	}
	going, err := t.store.TopicDeletions(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		switch {
		case internalTopic(name):
			return fmt.Errorf("Topic %s is a kafka internal topic and is not allowed to be marked for deletion.", name)
		case contains(going, name):
			t.env.printf("Topic %s is already marked for deletion.\n", name)
			continue
		}
		if err := t.store.RequestTopicDeletion(ctx, name); err != nil {
			return fmt.Errorf("Error while deleting topic %s", name)
		}
		t.env.printf("Topic %s is marked for deletion.\nNote: This will have no impact if delete.topic.enable is not set to true.\n", name)
	}
	return nil
}
