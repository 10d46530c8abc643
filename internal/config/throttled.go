package config

import (
	"slices"
	"strconv"
	"strings"
)

// ThrottledReplicas is a list of replicas, as leader.replication.throttled.replicas and follower.replication.throttled.replicas have it. The
// zero value is empty.
type ThrottledReplicas struct {
	all  bool
	some []throttledReplica // in order
}

type throttledReplica struct{ partition, broker int32 }

func (r throttledReplica) compare(to throttledReplica) int {
	if r.partition != to.partition {
		return int(r.partition) - int(to.partition)
	}
	return int(r.broker) - int(to.broker)
}

// throttledReplicasOf reads a list that has been checked. What is no number of a partition or broker names no replica.
func throttledReplicasOf(list []string) ThrottledReplicas {
	if len(list) == 1 && list[0] == "*" {
		return ThrottledReplicas{all: true}
	}
	var t ThrottledReplicas
	for _, item := range list {
		left, right, _ := strings.Cut(item, ":")
		partition, err := strconv.ParseInt(left, 10, 32)
		broker, err2 := strconv.ParseInt(right, 10, 32)
		if err == nil && err2 == nil {
			t.some = append(t.some, throttledReplica{int32(partition), int32(broker)})
		}
	}
	slices.SortFunc(t.some, throttledReplica.compare)
	return t
}

// Has tells whether a broker's replica of a partition is in the list.
func (t *ThrottledReplicas) Has(partition, broker int32) bool {
	if t.all || len(t.some) == 0 {
		return t.all
	}
	_, found := slices.BinarySearchFunc(t.some, throttledReplica{partition, broker}, throttledReplica.compare)
	return found
}

// Equal tells whether both name the same replicas.
func (t *ThrottledReplicas) Equal(to *ThrottledReplicas) bool {
	return t.all == to.all && slices.Equal(t.some, to.some)
}

// Empty tells that no replica is throttled.
func (t *ThrottledReplicas) Empty() bool { return !t.all && len(t.some) == 0 }
