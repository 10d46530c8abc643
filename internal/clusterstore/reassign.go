package clusterstore

import (
	"context"
	"errors"
	"slices"

	"milena/internal/coord"
)

// Reassignments is what a tool asks for in /admin/reassign_partitions. Partitions are taken out as they are done, the node goes with the last.
type Reassignments struct {
	partitions []partitionJSON
	version    int32 // of the node
}

// Reassignments reads it; nil where no tool asks, ErrCorrupt where it cannot be understood.
func (s *Store) Reassignments(ctx context.Context) (*Reassignments, error) {
	node, err := s.coord.Get(ctx, ReassignPath)
	if errors.Is(err, coord.ErrNoNode) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var j partitionsJSON
	if err := decode(ReassignPath, node.Data, &j); err != nil {
		return nil, err
	}
	return &Reassignments{partitions: j.Partitions, version: node.Stat.Version}, nil
}

// Each calls f for every partition asked for, in the order written.
func (a *Reassignments) Each(f func(id PartitionID, target []int32)) {
	for _, p := range a.partitions {
		f(PartitionID{p.Topic, p.Partition}, p.Replicas)
	}
}

// Without is the same less the partitions that are done; it tells whether there were any.
func (a *Reassignments) Without(done func(id PartitionID, target []int32) bool) (*Reassignments, bool) {
	left := slices.DeleteFunc(slices.Clone(a.partitions), func(p partitionJSON) bool {
		return done(PartitionID{p.Topic, p.Partition}, p.Replicas)
	})
	return &Reassignments{partitions: left, version: a.version}, len(left) < len(a.partitions)
}

// RequestReassignment leaves the request of a tool; coord.ErrNodeExists where one stands.
func (s *Store) RequestReassignment(ctx context.Context, targets map[PartitionID][]int32) error {
	j := partitionsJSON{Version: 1, Partitions: []partitionJSON{}}
	for id, target := range targets {
		j.Partitions = append(j.Partitions, partitionJSON{Topic: id.Topic, Partition: id.Partition, Replicas: target})
	}
	slices.SortFunc(j.Partitions, func(a, b partitionJSON) int {
		return PartitionID{a.Topic, a.Partition}.Compare(PartitionID{b.Topic, b.Partition})
	})
	_, err := s.coord.Create(ctx, coord.Create{Path: ReassignPath, Data: encode(j)})
	return err
}

// UpdateReassignments writes what is left of a request, by a controller; coord.ErrBadVersion or ErrNoNode where another changed it since it was
// read.
func (s *Store) UpdateReassignments(ctx context.Context, epoch Epoch, left *Reassignments) error {
	var op coord.Op = coord.Delete{Path: ReassignPath, Version: left.version}
	if len(left.partitions) > 0 {
		op = coord.Set{Path: ReassignPath, Data: encode(partitionsJSON{Version: 1, Partitions: left.partitions}), Version: left.version}
	}
	_, err := s.coord.Multi(ctx, epoch.Guard(), op)
	return fenced(err)
}

// DropReassignments removes a request that cannot be understood, by a controller.
func (s *Store) DropReassignments(ctx context.Context, epoch Epoch) error {
	return s.dropRequest(ctx, epoch, ReassignPath)
}

// dropRequest removes a tool's request; one that is gone is as good.
func (s *Store) dropRequest(ctx context.Context, epoch Epoch, path string) error {
	_, err := s.coord.Multi(ctx, epoch.Guard(), coord.Delete{Path: path, Version: coord.AnyVersion})
	if err = fenced(err); errors.Is(err, coord.ErrNoNode) && !errors.Is(err, ErrFenced) {
		return nil
	}
	return err
}
