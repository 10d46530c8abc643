package admin

import (
	"context"
	"errors"
	"slices"

	"milena/internal/clusterstore"
	"milena/internal/config"
	"milena/internal/coord"
	"milena/internal/metadata"
)

// NewTopic is a topic to be made.
type NewTopic struct {
	Name              string
	Partitions        int32 // -1: num.partitions
	ReplicationFactor int16 // -1: default.replication.factor
	// Assignment by partition; nil: spread over the brokers.
	Assignment map[int32][]int32
	// Overlap tells that the request assigned a partition twice.
	Overlap *int32
	Configs map[string]*string
}

// CreatedTopic answers one NewTopic, at the same index.
type CreatedTopic struct {
	Err               error
	ID                [16]byte
	Partitions        int32
	ReplicationFactor int16
	Configs           []config.Entry
}

// CreateTopics makes topics, and waits until all their partitions have leaders or the time is over.
func (a *Admin) CreateTopics(ctx context.Context, topics []NewTopic, timeoutMs int32, validateOnly bool) []CreatedTopic {
	results := make([]CreatedTopic, len(topics))
	var waiting []int
	for i := range topics {
		made, answer := a.prepare(&topics[i])
		if answer.Err == nil && !validateOnly {
			if answer.Err = a.create(ctx, made, overridesOf(topics[i].Configs)); answer.Err == nil {
				waiting = append(waiting, i)
			}
		} else if answer.Err == nil {
			answer.Err = a.free(ctx, made.Name)
		}
		results[i] = answer
	}
	if len(waiting) == 0 {
		return results
	}
	led := func(image *metadata.Image, i int) bool {
		t := image.Topics[topics[i].Name]
		return t != nil && t.ID == results[i].ID && image.HasLeaders(t.Name, int(results[i].Partitions))
	}
	a.await(ctx, timeoutMs, func(image *metadata.Image) bool {
		waiting = slices.DeleteFunc(waiting, func(i int) bool { return led(image, i) })
		return len(waiting) == 0
	})
	for _, i := range waiting {
		results[i].Err = &Refusal{Reason: TimedOut}
	}
	return results
}

// prepare validates a topic and decides where its replicas go.
func (a *Admin) prepare(t *NewTopic) (*clusterstore.Topic, CreatedTopic) {
	refused := func(err error) (*clusterstore.Topic, CreatedTopic) {
		return nil, CreatedTopic{Err: err, Partitions: -1, ReplicationFactor: -1}
	}
	if err := ValidateTopicName(t.Name); err != nil {
		return refused(err)
	}
	image, broker := a.Metadata.Image(), a.Config.Broker()
	if image.Topics[t.Name] != nil {
		return refused(refuse(TopicExists, "Topic '%s' already exists.", t.Name))
	}
	if other := collision(image, t.Name); other != "" {
		return refused(refuse(InvalidTopic, "Topic '%s' collides with existing topic: %s", t.Name, other))
	}
	for _, name := range sortedKeys(t.Configs) {
		if t.Configs[name] == nil {
			return refused(refuse(InvalidConfig, "Null value not supported for topic configs: %s", name))
		}
	}
	overrides := overridesOf(t.Configs)
	if _, err := config.TopicOf(broker, overrides); err != nil {
		return refused(refuse(InvalidConfig, "%s", err))
	}
	assigned, err := a.assignment(t, image, broker)
	if err != nil {
		return refused(err)
	}
	made := &clusterstore.Topic{Name: t.Name, ID: a.NewID(), Partitions: assigned}
	return made, CreatedTopic{
		ID: made.ID, Partitions: int32(len(assigned)), ReplicationFactor: int16(len(assigned[0].Replicas)), Configs: broker.DescribeTopic(overrides),
	}
}

func overridesOf(configs map[string]*string) map[string]string {
	overrides := make(map[string]string, len(configs))
	for name, value := range configs {
		if value != nil {
			overrides[name] = *value
		}
	}
	return overrides
}

// MaxPartitionsPerTopic bounds what one request may ask for: the topic's node must fit into the store.
const MaxPartitionsPerTopic = 100_000

// assignment gives a new topic's partitions their replicas.
func (a *Admin) assignment(t *NewTopic, image *metadata.Image, broker *config.Broker) ([]clusterstore.Assignment, error) {
	if t.Assignment != nil {
		return manualAssignment(t, image)
	}
	if t.ReplicationFactor < -1 || t.ReplicationFactor == 0 {
		return nil, refuse(InvalidReplicationFactor, "Replication factor must be larger than 0, or -1 to use the default value.")
	}
	if t.Partitions < -1 || t.Partitions == 0 {
		return nil, refuse(InvalidPartitions, "Number of partitions was set to an invalid non-positive value.")
	}
	partitions, replicas := int(t.Partitions), int(t.ReplicationFactor)
	if partitions == -1 {
		partitions = int(broker.NumPartitions)
	}
	if replicas == -1 {
		replicas = int(broker.DefaultReplication)
	}
	if partitions > MaxPartitionsPerTopic {
		return nil, refuse(InvalidPartitions, "Number of partitions must not be larger than %d.", MaxPartitionsPerTopic)
	}
	brokers := candidates(image)
	if replicas > len(brokers) {
		return nil, tooFewBrokers(replicas, len(brokers))
	}
	return Spread(brokers, 0, partitions, replicas, a.Random(len(brokers)), a.Random(len(brokers))), nil
}

func manualAssignment(t *NewTopic, image *metadata.Image) ([]clusterstore.Assignment, error) {
	if t.ReplicationFactor != -1 {
		return nil, refuse(InvalidRequest, "A manual partition assignment was specified, but replication factor was not set to -1.")
	}
	if t.Partitions != -1 {
		return nil, refuse(InvalidRequest, "A manual partition assignment was specified, but numPartitions was not set to -1.")
	}
	if t.Overlap != nil {
		return nil, refuse(InvalidAssignment, "Found multiple manual partition assignments for partition %d", *t.Overlap)
	}
	lists := make([][]int32, len(t.Assignment))
	for n := range lists {
		replicas, ok := t.Assignment[int32(n)]
		if !ok {
			return nil, refuse(InvalidAssignment, "partitions should be a consecutive 0-based integer sequence")
		}
		lists[n] = replicas
	}
	if err := checkManual(image, lists, 0); err != nil {
		return nil, err
	}
	assigned := make([]clusterstore.Assignment, len(lists))
	for n, replicas := range lists {
		assigned[n].Replicas = replicas
	}
	return assigned, nil
}

// create writes a topic's nodes.
func (a *Admin) create(ctx context.Context, t *clusterstore.Topic, overrides map[string]string) error {
	err := a.Store.CreateTopic(ctx, t, overrides)
	if errors.Is(err, coord.ErrNodeExists) {
		return a.exists(ctx, t.Name)
	}
	return err
}

// free refuses the name of a topic that the store has though the metadata does not.
func (a *Admin) free(ctx context.Context, name string) error {
	_, err := a.Store.Topic(ctx, name)
	if errors.Is(err, coord.ErrNoNode) {
		return nil
	}
	if err != nil {
		return err
	}
	return a.exists(ctx, name)
}

func (a *Admin) exists(ctx context.Context, name string) error {
	if deleting, err := a.Store.TopicDeletions(ctx); err == nil && slices.Contains(deleting, name) {
		return refuse(TopicExists, "Topic '%s' is marked for deletion.", name)
	}
	return refuse(TopicExists, "Topic '%s' already exists.", name)
}
