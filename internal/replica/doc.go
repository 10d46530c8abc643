// Package replica holds the partitions hosted by this broker: append and read over many of them, become leader or follower as the
// controller tells, checkpoints of high watermarks, deletion. It imports partition, logdir, metadata and config, and kerr for the
// codes that LeaderAndIsr and StopReplica carry by partition.
//
// Locks. Replicas.mu guards the map of hosted partitions; a request takes it once, for reading, to find all its partitions.
// changeMu makes the controller's requests one at a time and guards the controller epoch; it is taken before mu. configMu guards
// the topics' configurations and is taken alone. A parked request has a lock of its own, which is taken under a partition's list
// of watches and never the other way.
package replica

import "errors"

// What is refused here, beside what a partition refuses (see package partition).
var (
	ErrUnknownTopicOrPartition = errors.New("replica: no such topic or partition")
	ErrInvalidTopic            = errors.New("replica: clients may not write to or delete from an internal topic")
	ErrInvalidRequiredAcks     = errors.New("replica: acks is not -1, 0 or 1")
	ErrTimedOut                = errors.New("replica: not committed in time; it may still be")
	ErrInconsistentTopicID     = errors.New("replica: the topic has another id here")
	ErrUnknownReplica          = errors.New("replica: the fetching broker is not one of the partition's replicas")
)

// internalTopic tells which topics belong to the coordinators.
func internalTopic(name string) bool {
	return name == "__consumer_offsets" || name == "__transaction_state"
}
