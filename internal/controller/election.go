package controller

import (
	"slices"

	"milena/internal/clusterstore"
)

// choice is what an election gives: the leader, the ISR after it, and whether it was unclean (records may be lost).
type choice struct {
	Leader  int32
	ISR     []int32
	Unclean bool
}

// electOffline finds a leader for a partition that has none: the first assigned replica that is live and in sync; where unclean elections
// are allowed, else the first live one. ok is false where there is none.
func electOffline(assigned, isr []int32, live func(int32) bool, unclean bool) (choice, bool) {
	for _, r := range assigned {
		if live(r) && slices.Contains(isr, r) {
			return choice{Leader: r, ISR: keep(isr, live)}, true
		}
	}
	if unclean {
		for _, r := range assigned {
			if live(r) {
				return choice{Leader: r, ISR: []int32{r}, Unclean: true}, true
			}
		}
	}
	return choice{}, false
}

// electReassigned finds a leader among the replicas that a reassignment ends with: the present one if it stays and lives, else the first that is
// live and in sync. The others leave the ISR.
func electReassigned(target, isr []int32, leader int32, live func(int32) bool) (choice, bool) {
	stays := func(r int32) bool { return slices.Contains(target, r) }
	for _, r := range append([]int32{leader}, target...) {
		if stays(r) && live(r) && slices.Contains(isr, r) {
			return choice{Leader: r, ISR: keep(isr, stays)}, true
		}
	}
	return choice{}, false
}

// electPreferred gives the first assigned replica, if it is live and in sync.
func electPreferred(assigned, isr []int32, live func(int32) bool) (choice, bool) {
	if len(assigned) == 0 || !live(assigned[0]) || !slices.Contains(isr, assigned[0]) {
		return choice{}, false
	}
	return choice{Leader: assigned[0], ISR: isr}, true
}

// electShutdown finds a leader that is not shutting down; those that are leave the ISR.
func electShutdown(assigned, isr []int32, live, shuttingDown func(int32) bool) (choice, bool) {
	staying := func(r int32) bool { return !shuttingDown(r) }
	for _, r := range assigned {
		if live(r) && staying(r) && slices.Contains(isr, r) {
			return choice{Leader: r, ISR: keep(isr, staying)}, true
		}
	}
	return choice{}, false
}

func keep(replicas []int32, wanted func(int32) bool) []int32 {
	var kept []int32
	for _, r := range replicas {
		if wanted(r) {
			kept = append(kept, r)
		}
	}
	return kept
}

// withoutReplica is a partition's state once a replica went offline: it leaves the ISR unless it is the last one, and leads no more.
func withoutReplica(state *clusterstore.PartitionState, replica int32) *clusterstore.PartitionState {
	next := *state
	next.LeaderEpoch++
	if next.Leader == replica {
		next.Leader = -1
	}
	if len(next.ISR) > 1 {
		next.ISR = keep(next.ISR, func(r int32) bool { return r != replica })
	}
	return &next
}
