package clusterstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"

	"milena/internal/coord"
)

// Topic is what /brokers/topics/T tells: where each partition's replicas are.
type Topic struct {
	Name string
	// ID is zero where a Kafka before 2.8 made the topic and no controller has given it one.
	ID [16]byte
	// Partitions are indexed by number.
	Partitions []Assignment
	// Version is that of the node, set when read.
	Version int32
}

// Assignment is where a partition's replicas are, the preferred leader first. While it is being reassigned, Replicas holds the old and the
// new ones together, and Adding and Removing tell which.
type Assignment struct {
	Replicas []int32
	Adding   []int32
	Removing []int32
}

// Moving tells whether the partition is being reassigned.
func (a Assignment) Moving() bool { return len(a.Adding)+len(a.Removing) > 0 }

// Origin are the replicas before the reassignment, Target those after it.
func (a Assignment) Origin() []int32 { return without(a.Replicas, a.Adding) }
func (a Assignment) Target() []int32 { return without(a.Replicas, a.Removing) }

// MoveTo is the assignment under way to a target, from the same origin: the target's replicas come first, then those that go. With the origin as
// target nothing moves any more.
func (a Assignment) MoveTo(target []int32) Assignment {
	origin := a.Origin()
	return Assignment{
		Replicas: append(slices.Clone(target), without(origin, target)...), Adding: without(target, origin), Removing: without(origin, target),
	}
}

// Within is the assignment less the replicas that are not in a list, and those.
func (a Assignment) Within(list []int32) (left Assignment, gone []int32) {
	gone = without(a.Replicas, list)
	return Assignment{Replicas: without(a.Replicas, gone), Adding: without(a.Adding, gone), Removing: without(a.Removing, gone)}, gone
}

// Before is the assignment under way from one that had some replicas more.
func (a Assignment) Before(removing []int32) Assignment {
	return Assignment{
		Replicas: slices.Concat(a.Replicas, removing), Adding: slices.Clone(a.Adding), Removing: slices.Concat(a.Removing, removing),
	}
}

// Equal tells whether two assignments are the same in every order.
func (a Assignment) Equal(b Assignment) bool {
	return slices.Equal(a.Replicas, b.Replicas) && slices.Equal(a.Adding, b.Adding) && slices.Equal(a.Removing, b.Removing)
}

// without is a list less the members of another.
func without(all, less []int32) []int32 {
	var left []int32
	for _, id := range all {
		if !slices.Contains(less, id) {
			left = append(left, id)
		}
	}
	return left
}

// /brokers/topics/T, version 3:
//
//	{"partitions":{"0":[1],"1":[1]},"topic_id":"tSvbXiFCShmJU7SRiWCdvw","adding_replicas":{},"removing_replicas":{},"version":3}
//
// Version 1 has the partitions alone, version 2 adding_replicas and removing_replicas; topic_id may be missing in 3.
type topicJSON struct {
	Partitions map[string][]int32 `json:"partitions"`
	TopicID    string             `json:"topic_id,omitempty"`
	Adding     map[string][]int32 `json:"adding_replicas"`
	Removing   map[string][]int32 `json:"removing_replicas"`
	Version    int                `json:"version"`
}

// maxPartitions bounds the partition numbers believed when reading, and so the memory that a damaged node can take.
const maxPartitions = 1 << 20

func encodeTopic(t *Topic) []byte {
	j := topicJSON{
		Partitions: make(map[string][]int32, len(t.Partitions)), Adding: map[string][]int32{}, Removing: map[string][]int32{}, Version: 3,
	}
	if t.ID != ([16]byte{}) {
		j.TopicID = FormatUUID(t.ID)
	}
	for n, p := range t.Partitions {
		key := strconv.Itoa(n)
		j.Partitions[key] = p.Replicas
		if len(p.Adding) > 0 {
			j.Adding[key] = p.Adding
		}
		if len(p.Removing) > 0 {
			j.Removing[key] = p.Removing
		}
	}
	return encode(j)
}

func decodeTopic(name string, data []byte) (*Topic, error) {
	path := TopicPath(name)
	var j topicJSON
	if err := decode(path, data, &j); err != nil {
		return nil, err
	}
	t := &Topic{Name: name}
	if j.TopicID != "" {
		id, err := ParseUUID(j.TopicID)
		if err != nil {
			return nil, corrupt(path, err.Error())
		}
		t.ID = id
	}
	size := 0
	for key := range j.Partitions {
		n, err := strconv.Atoi(key)
		if err != nil || n < 0 || n >= maxPartitions {
			return nil, corrupt(path, fmt.Sprintf("partition %q", key))
		}
		size = max(size, n+1)
	}
	if size > len(j.Partitions) {
		return nil, corrupt(path, fmt.Sprintf("%d partitions, the highest is %d", len(j.Partitions), size-1))
	}
	t.Partitions = make([]Assignment, size)
	for n := range t.Partitions {
		key := strconv.Itoa(n)
		t.Partitions[n] = Assignment{Replicas: j.Partitions[key], Adding: j.Adding[key], Removing: j.Removing[key]}
	}
	return t, nil
}

// Topics reads all topics, sorted by name.
func (s *Store) Topics(ctx context.Context) ([]*Topic, error) {
	children, err := s.coord.List(ctx, TopicsPath)
	if err != nil {
		return nil, fmt.Errorf("clusterstore: reading topics: %w", err)
	}
	topics := make([]*Topic, 0, len(children))
	for _, c := range children {
		t, err := decodeTopic(c.Name, c.Data)
		if err != nil {
			return nil, err
		}
		t.Version = c.Stat.Version
		topics = append(topics, t)
	}
	sort.Slice(topics, func(i, j int) bool { return topics[i].Name < topics[j].Name })
	return topics, nil
}

// Topic reads one topic; coord.ErrNoNode where there is none.
func (s *Store) Topic(ctx context.Context, name string) (*Topic, error) {
	node, err := s.coord.Get(ctx, TopicPath(name))
	if err != nil {
		return nil, err
	}
	t, err := decodeTopic(name, node.Data)
	if err == nil {
		t.Version = node.Stat.Version
	}
	return t, err
}

// CreateTopic makes a topic with its configuration, both or neither, as version 0; the controller takes it up from there.
// coord.ErrNodeExists where there is one. A configuration left by a topic of the same name is replaced.
// As in Kafka no change is notified: brokers read the configuration when they open the topic's first log.
func (s *Store) CreateTopic(ctx context.Context, t *Topic, config map[string]string) error {
	set, err := s.configOp(ctx, TopicEntity(t.Name), config)
	if err != nil {
		return err
	}
	_, err = s.coord.Multi(ctx, coord.Create{Path: TopicPath(t.Name), Data: encodeTopic(t)}, set)
	return err
}

// GrowTopic replaces a topic's assignment if the topic still is the one that was read.
func (s *Store) GrowTopic(ctx context.Context, t *Topic) error {
	_, err := s.coord.Set(ctx, TopicPath(t.Name), encodeTopic(t), t.Version)
	return err
}

// UpdateTopic is GrowTopic by a controller.
func (s *Store) UpdateTopic(ctx context.Context, epoch Epoch, t *Topic) error {
	results, err := s.coord.Multi(ctx, epoch.Guard(), coord.Set{Path: TopicPath(t.Name), Data: encodeTopic(t), Version: t.Version})
	if err != nil {
		return fenced(err)
	}
	t.Version = results[1].Stat.Version
	return nil
}

// RemoveTopic removes a topic, its partitions' nodes, its configuration and the request for its deletion, by a controller.
// It may be repeated after a failure in the middle: the request goes last.
func (s *Store) RemoveTopic(ctx context.Context, epoch Epoch, name string) error {
	partitions, err := s.children(ctx, partitionsPath(name))
	if err != nil {
		return err
	}
	var last []coord.Op
	for _, path := range []string{partitionsPath(name), TopicPath(name), ConfigPath(TopicEntity(name)), DeleteTopicsPath + "/" + name} {
		there, err := s.exists(ctx, path)
		if err != nil {
			return err
		}
		if there {
			last = append(last, coord.Delete{Path: path, Version: coord.AnyVersion})
		}
	}
	guards := []coord.Op{epoch.Guard()}
	steps := make([][]coord.Op, 0, len(partitions)+1)
	for _, p := range partitions {
		steps = append(steps, removal(partitionsPath(name)+"/"+p, []string{"state"}))
	}
	err = s.multi(ctx, guards, append(steps, last))
	if !errors.Is(err, coord.ErrNoNode) && !errors.Is(err, coord.ErrNotEmpty) {
		return fenced(err)
	}
	// Not every partition has its state and nothing else: a look at each, at those that are left.
	if partitions, err = s.children(ctx, partitionsPath(name)); err != nil {
		return err
	}
	steps = steps[:0]
	for _, p := range partitions {
		below, err := s.children(ctx, partitionsPath(name)+"/"+p)
		if err != nil {
			return err
		}
		steps = append(steps, removal(partitionsPath(name)+"/"+p, below))
	}
	return fenced(s.multi(ctx, guards, append(steps, last)))
}

// removal deletes a node and its childless children.
func removal(path string, children []string) []coord.Op {
	var ops []coord.Op
	for _, child := range children {
		ops = append(ops, coord.Delete{Path: path + "/" + child, Version: coord.AnyVersion})
	}
	return append(ops, coord.Delete{Path: path, Version: coord.AnyVersion})
}

// TopicsIfChanged reads which topics there are; those for which wanted says so (by name and version of the node) come with their content,
// the others are nil.
func (s *Store) TopicsIfChanged(ctx context.Context, wanted func(name string, version int32) bool) (map[string]*Topic, error) {
	children, err := s.coord.List(ctx, TopicsPath)
	if err != nil {
		return nil, fmt.Errorf("clusterstore: reading topics: %w", err)
	}
	topics := make(map[string]*Topic, len(children))
	for _, c := range children {
		topics[c.Name] = nil
		if !wanted(c.Name, c.Stat.Version) {
			continue
		}
		t, err := decodeTopic(c.Name, c.Data)
		if err != nil {
			return nil, err
		}
		t.Version = c.Stat.Version
		topics[c.Name] = t
	}
	return topics, nil
}
