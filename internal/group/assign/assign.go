// Package assign decides who of a consumer group shall have which partitions: the server-side assignors uniform and range (KIP-848), as
// pure functions. They give what Kafka's give for the same input, so that a group that moves from one to the other keeps its
// assignment; but uniform for members with different subscriptions chooses its own way among those that are as even, and moves as few
// partitions as possible.
//
// It has no state and imports nothing of Milena.
package assign

import (
	"fmt"
	"slices"
	"strings"
)

// TopicID is a topic's id.
type TopicID = [16]byte

// Partitions are partitions by topic, ascending, none of them twice; a topic without partitions is not there.
type Partitions map[TopicID][]int32

// Member is a member of the group with its subscription and what it was to have until now.
type Member struct {
	ID         string
	InstanceID *string // of a static member
	Topics     []TopicID
	Target     Partitions
}

// Spec is what an assignor looks at.
type Spec struct {
	// Members in an order that is the same for the same group.
	Members []Member
	// Homogeneous tells that all members are subscribed to the same topics.
	Homogeneous bool
	// NumPartitions of every topic that a member is subscribed to.
	NumPartitions map[TopicID]int32
}

// Names are the assignors' names.
func Names() []string { return []string{"uniform", "range"} }

// Assign computes a new target for every member, by the assignor of that name. A member without partitions has an empty target.
func Assign(name string, s *Spec) (map[string]Partitions, error) {
	for i := range s.Members {
		for _, t := range s.Members[i].Topics {
			if _, ok := s.NumPartitions[t]; !ok {
				return nil, fmt.Errorf("members are subscribed to topic %x which doesn't exist in the topic metadata", t)
			}
		}
	}
	var targets map[string]Partitions
	switch {
	case name == "range":
		targets = assignRanges(s)
	case name != "uniform":
		return nil, fmt.Errorf("no assignor %s", name)
	case s.Homogeneous:
		targets = assignEvenly(s)
	default:
		targets = assignMixed(s)
	}
	for i := range s.Members {
		target := targets[s.Members[i].ID]
		if target == nil {
			targets[s.Members[i].ID] = Partitions{}
		}
		for _, partitions := range target {
			slices.Sort(partitions)
		}
	}
	return targets, nil
}

// assignRanges gives each member the next range of every topic that it is subscribed to, static members first. The sizes of the
// ranges differ by one at most, longer ones first; topics with as many partitions and the same subscribers are cut alike.
func assignRanges(s *Spec) map[string]Partitions {
	order := make([]*Member, len(s.Members))
	subscribers := map[TopicID]int32{}
	for i := range s.Members {
		order[i] = &s.Members[i]
		for _, t := range s.Members[i].Topics {
			subscribers[t]++
		}
	}
	slices.SortStableFunc(order, func(a, b *Member) int {
		switch {
		case a.InstanceID != nil && b.InstanceID != nil:
			return strings.Compare(*a.InstanceID, *b.InstanceID)
		case a.InstanceID != nil:
			return -1
		case b.InstanceID != nil:
			return 1
		}
		return strings.Compare(a.ID, b.ID)
	})
	served := map[TopicID]int32{}
	targets := make(map[string]Partitions, len(order))
	for _, m := range order {
		target := Partitions{}
		for _, t := range m.Topics {
			each, longer := s.NumPartitions[t]/subscribers[t], s.NumPartitions[t]%subscribers[t]
			n := served[t]
			served[t]++
			from, to := n*each+min(n, longer), (n+1)*each+min(n+1, longer)
			for p := from; p < to; p++ {
				target[t] = append(target[t], p)
			}
		}
		targets[m.ID] = target
	}
	return targets
}
