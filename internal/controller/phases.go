package controller

import "fmt"

// partitionPhase is the state of a partition. Allowed changes:
//
//	NonExistent → New → Online ⇄ Offline → NonExistent
//	                 ↘ Offline            (Online → Online: another leader)
type partitionPhase uint8

const (
	partitionNonExistent partitionPhase = iota
	partitionNew
	partitionOnline
	partitionOffline
)

func (p partitionPhase) String() string {
	return [...]string{"NonExistentPartition", "NewPartition", "OnlinePartition", "OfflinePartition"}[p]
}

// mayBecome tells whether a partition may go from one phase to another.
func (p partitionPhase) mayBecome(next partitionPhase) bool {
	switch next {
	case partitionNonExistent:
		return p == partitionOffline
	case partitionNew:
		return p == partitionNonExistent
	default:
		return p != partitionNonExistent
	}
}

// replicaPhase is the state of one replica. Allowed changes:
//
//	NonExistent → New → Online ⇄ Offline → DeletionStarted → DeletionSuccessful → NonExistent
//	                                 ⇅            ↓
//	                       DeletionIneligible ←───┘     (DeletionIneligible → Online too)
type replicaPhase uint8

const (
	replicaNonExistent replicaPhase = iota
	replicaNew
	replicaOnline
	replicaOffline
	replicaDeletionStarted
	replicaDeletionSuccessful
	replicaDeletionIneligible
)

func (r replicaPhase) String() string {
	return [...]string{
		"NonExistentReplica", "NewReplica", "OnlineReplica", "OfflineReplica", "ReplicaDeletionStarted",
		"ReplicaDeletionSuccessful", "ReplicaDeletionIneligible",
	}[r]
}

// mayBecome tells whether a replica may go from one phase to another.
func (r replicaPhase) mayBecome(next replicaPhase) bool {
	switch next {
	case replicaNonExistent:
		return r == replicaDeletionSuccessful
	case replicaNew:
		return r == replicaNonExistent
	case replicaOnline, replicaOffline:
		return r == replicaNew || r == replicaOnline || r == replicaOffline || r == replicaDeletionIneligible
	case replicaDeletionStarted:
		return r == replicaOffline
	case replicaDeletionSuccessful:
		return r == replicaDeletionStarted
	default:
		return r == replicaOffline || r == replicaDeletionStarted
	}
}

func invalid(what fmt.Stringer, from, to fmt.Stringer) string {
	return fmt.Sprintf("%s cannot go from %s to %s", what, from, to)
}
