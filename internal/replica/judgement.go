package replica

import (
	"errors"

	"milena/internal/commitlog"
	"milena/internal/logdir"
	"milena/internal/partition"
)

// judged is what a client may be told of an error. That the leader's log lacks something (a producer's last batch, an offset) is final for a client,
// and true of the leader alone; a broker that the controller cannot reach goes on as the leader that it was while another one leads. So it asks the
// coordination store first, and waits. st is how things stood before the log was asked; a partition without other replicas has no other leader.
func (r *Replicas) judged(tp logdir.TopicPartition, st *partition.State, err error) error {
	leads := r.options.Cluster.Leads
	if leads == nil || !JudgesLog(err) || st.Role != partition.Leader || len(st.Replicas) < 2 || leads(tp, st.LeaderEpoch) {
		return err
	}
	return partition.ErrNotLeaderOrFollower
}

// JudgesLog tells the errors by which a leader says what its log holds, and which a client takes for final.
func JudgesLog(err error) bool {
	return errors.Is(err, commitlog.ErrOutOfOrderSequence) || errors.Is(err, commitlog.ErrInvalidProducerEpoch) ||
		errors.Is(err, commitlog.ErrOffsetOutOfRange) || errors.Is(err, partition.ErrOffsetOutOfRange)
}
