package clusterstore

import (
	"context"

	"milena/internal/coord"
)

// AdoptTopic makes the nodes of a topic whose data is there already, in a cluster that has no controller yet: assignment, configuration and the
// state of each partition. coord.ErrNodeExists where the topic is known.
func (s *Store) AdoptTopic(ctx context.Context, t *Topic, config map[string]string, states map[int32]*PartitionState) error {
	set, err := s.configOp(ctx, TopicEntity(t.Name), config)
	if err != nil {
		return err
	}
	steps := [][]coord.Op{{
		coord.Create{Path: TopicPath(t.Name), Data: encodeTopic(t)}, set, coord.Create{Path: partitionsPath(t.Name)},
	}}
	for p, state := range states {
		steps = append(steps, []coord.Op{
			coord.Create{Path: partitionPath(t.Name, p)},
			coord.Create{Path: PartitionStatePath(t.Name, p), Data: encodePartitionState(state)},
		})
	}
	return s.multi(ctx, nil, steps)
}
