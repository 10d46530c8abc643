package replica

import (
	"milena/internal/logdir"
	"milena/internal/partition"
)

// tellLeadershipOf tells of a hosted partition.
func (r *Replicas) tellLeadershipOf(tp logdir.TopicPartition) {
	h := r.at(tp)
	if h != nil && h.part != nil {
		r.tellLeadership(h.part)
	}
}

// tellLeadership tells how a partition stands now: what is told last is told of the newest state.
func (r *Replicas) tellLeadership(p *partition.Partition) {
	if r.options.OnLeadership == nil {
		return
	}
	r.leadMu.Lock()
	defer r.leadMu.Unlock()
	st := p.State()
	epoch := st.LeaderEpoch
	if st.Role == partition.Offline {
		epoch = -1
	}
	r.options.OnLeadership(p.Topic, p.Index, st.Role == partition.Leader, epoch)
}

// tellStopped tells of a partition that a StopReplica has ended.
func (r *Replicas) tellStopped(s *stopping) {
	if r.options.OnLeadership == nil {
		return
	}
	epoch := s.leaderEpoch
	if s.remove || epoch < 0 {
		epoch = -1
	}
	r.leadMu.Lock()
	defer r.leadMu.Unlock()
	r.options.OnLeadership(s.Topic, s.Partition, false, epoch)
}
