package controller

import (
	"errors"
	"maps"
	"slices"

	"milena/internal/clusterstore"
)

// handle of preferredWanted serves /admin/preferred_replica_election.
func (preferredWanted) handle(r *reign) error {
	ids, err := r.store.PreferredElection(r.ctx)
	if errors.Is(err, clusterstore.ErrCorrupt) {
		r.log.Error("controller: a tool's wish for elections cannot be understood, it is removed", "error", err)
		return r.store.DropPreferredElection(r.ctx, r.epoch)
	}
	if err != nil || ids == nil {
		return err
	}
	var wanted []*partition
	for _, id := range ids {
		if p := r.state.partition(id); p != nil && r.wantsPreferred(p) {
			wanted = append(wanted, p)
		}
	}
	if err := r.partitionsOnline(wanted, r.preferredElection); err != nil {
		return err
	}
	return r.store.DropPreferredElection(r.ctx, r.epoch)
}

// handle of leadersUnbalanced moves leaders back to the preferred replicas of every broker that leads too few of those it should.
func (leadersUnbalanced) handle(r *reign) error {
	due := map[int32]int{}
	wanted := map[int32][]*partition{}
	for _, p := range r.state.allPartitions(func(t *topic, p *partition) bool {
		return t.deletion == notDeleted && p.state != nil && len(p.assignment.Replicas) > 0
	}) {
		preferred := p.assignment.Replicas[0]
		due[preferred]++
		if r.wantsPreferred(p) {
			wanted[preferred] = append(wanted[preferred], p)
		}
	}
	for _, broker := range slices.Sorted(maps.Keys(wanted)) {
		if len(wanted[broker])*100 <= due[broker]*r.cfg.ImbalancePercent {
			continue
		}
		r.log.Info("leaders move back", "broker", broker, "partitions", len(wanted[broker]))
		if err := r.partitionsOnline(wanted[broker], r.preferredElection); err != nil {
			return err
		}
	}
	return nil
}

func (r *reign) preferredElection(p *partition) (choice, bool) {
	return electPreferred(p.assignment.Replicas, p.state.ISR, func(b int32) bool { return r.state.online(p.id, b) })
}

// wantsPreferred tells whether a partition is led by another than its preferred replica, which could.
func (r *reign) wantsPreferred(p *partition) bool {
	if p.state == nil || p.phase != partitionOnline || p.assignment.Moving() {
		return false
	}
	c, ok := r.preferredElection(p)
	return ok && c.Leader != p.state.Leader && !r.state.shuttingDown[c.Leader]
}
