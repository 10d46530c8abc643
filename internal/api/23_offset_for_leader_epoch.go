package api

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// OffsetForLeaderEpoch, v0 to v4 (KIP-101, KIP-320): where a leader epoch ends, asked by followers and consumers that want to
// know whether their log or position is still the leader's.

func (s *Services) offsetForLeaderEpochRow() Row {
	return Row{Key: int16(kmsg.OffsetForLeaderEpoch), Min: 0, Max: 4, MaxBytes: 16 << 20, Handle: s.offsetForLeaderEpoch}
}

func (s *Services) offsetForLeaderEpoch(call *Call, r kmsg.Request) {
	req := r.(*kmsg.OffsetForLeaderEpochRequest)
	resp := kmsg.NewPtrOffsetForLeaderEpochResponse()
	for i := range req.Topics {
		t := &req.Topics[i]
		out := kmsg.NewOffsetForLeaderEpochResponseTopic()
		out.Topic = t.Topic
		for _, in := range t.Partitions {
			current := in.CurrentLeaderEpoch
			if req.Version < 2 {
				current = -1
			}
			end, err := s.Replicas.EpochEnd(t.Topic, in.Partition, current, in.LeaderEpoch)
			p := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			p.Partition, p.LeaderEpoch, p.EndOffset, p.ErrorCode = in.Partition, end.Epoch, end.EndOffset, s.code(err)
			// Where the leader's own epoch ends is all that it knows for certain: who led after it may have kept more of an earlier one.
			if err == nil && req.ReplicaID < 0 && (current < 0 || in.LeaderEpoch != current) && s.inDoubt() {
				p.LeaderEpoch, p.EndOffset, p.ErrorCode = -1, -1, kerr.NotLeaderForPartition.Code
			}
			out.Partitions = append(out.Partitions, p)
		}
		resp.Topics = append(resp.Topics, out)
	}
	call.Respond(resp)
}
