package controller

import (
	"errors"
	"slices"

	"milena/internal/clusterstore"
	"milena/internal/coord"

	"github.com/twmb/franz-go/pkg/kerr"
)

// handle of movesWanted serves /admin/reassign_partitions, by which tools up to 2.8 ask for reassignments: what it asks for replaces what was
// asked for otherwise. Partitions leave the node when they have got there, or cannot be moved.
func (movesWanted) handle(r *reign) error {
	wanted, err := r.store.Reassignments(r.ctx)
	if errors.Is(err, clusterstore.ErrCorrupt) {
		r.log.Error("controller: a tool's reassignment cannot be understood, it is removed", "error", err)
		return r.store.DropReassignments(r.ctx, r.epoch)
	}
	if r.movesWanted = wanted != nil; err != nil || wanted == nil {
		return err
	}
	// A topic made just before may not be known yet.
	if err := (topicsChanged{}).handle(r); err != nil {
		return err
	}
	var moves []move
	targets := map[PartitionID][]int32{}
	settled := map[PartitionID]bool{} // refused, or there already
	wanted.Each(func(id PartitionID, target []int32) {
		p := r.state.partition(id)
		if refusal := r.refuseTarget(p, id, target); refusal != nil {
			r.log.Warn("controller: a tool's reassignment is refused", "partition", id.String(), "replicas", target, "error", refusal.Description)
			settled[id] = true
			return
		}
		switch next := p.assignment.MoveTo(target); {
		case next.Equal(p.assignment):
			settled[id] = !next.Moving()
		case targets[id] == nil:
			targets[id] = target
			moves = append(moves, move{p, next})
			settled[id] = !next.Moving()
		}
	})
	if err := r.startMoves(moves); err != nil {
		return err
	}
	return r.forgetWanted(func(id PartitionID, target []int32) bool {
		return settled[id] && (targets[id] == nil || slices.Equal(targets[id], target))
	})
}

// refuseTarget is why a partition cannot be moved there; nil where it can. Whether the brokers live is not asked.
func (r *reign) refuseTarget(p *partition, id PartitionID, target []int32) *kerr.Error {
	if p == nil || r.state.topics[id.Topic].deletion != notDeleted {
		return because(kerr.UnknownTopicOrPartition, "Unable to find partition %s:%d.", id.Topic, id.Partition)
	}
	sorted := slices.Clone(target)
	slices.Sort(sorted)
	for i, broker := range sorted {
		switch {
		case broker < 0:
			return because(kerr.InvalidReplicaAssignment, "The manual partition assignment includes broker %d, but no such broker is registered.", broker)
		case i > 0 && broker == sorted[i-1]:
			return because(kerr.InvalidReplicaAssignment, "The manual partition assignment includes the broker %d more than once.", broker)
		}
	}
	if len(target) == 0 {
		return because(kerr.InvalidReplicaAssignment, "The manual partition assignment includes an empty replica list.")
	}
	return r.refuseLoss(p, p.assignment.MoveTo(target))
}

// refuseLoss refuses to give up a reassignment when only replicas that it was adding have all that is committed.
func (r *reign) refuseLoss(p *partition, next clusterstore.Assignment) *kerr.Error {
	if p.state == nil {
		return nil
	}
	have := trusted(p.state)
	if len(have) == 0 {
		have = p.state.ELR
	}
	if len(have) == 0 {
		have = p.state.ISR
	}
	if slices.ContainsFunc(have, func(b int32) bool { return slices.Contains(next.Replicas, b) }) {
		return nil
	}
	if r.uncleanAllowed(p.id.Topic) {
		return nil
	}
	return because(kerr.InvalidReplicaAssignment,
		"Unable to revert partition assignment for %s:%d because it would require an unclean leader election.", p.id.Topic, p.id.Partition)
}

// forgetWanted takes partitions out of what a tool asks for.
func (r *reign) forgetWanted(done func(id PartitionID, target []int32) bool) error {
	for r.movesWanted {
		wanted, err := r.store.Reassignments(r.ctx)
		if r.movesWanted = wanted != nil; err != nil || wanted == nil {
			if errors.Is(err, clusterstore.ErrCorrupt) {
				return nil // its own event sees to it
			}
			return err
		}
		left, some := wanted.Without(done)
		if !some {
			return nil
		}
		err = r.store.UpdateReassignments(r.ctx, r.epoch, left)
		if err == nil || errors.Is(err, clusterstore.ErrFenced) || !errors.Is(err, coord.ErrBadVersion) && !errors.Is(err, coord.ErrNoNode) {
			return err
		}
	}
	return nil
}
