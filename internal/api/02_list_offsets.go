package api

import (
	"milena/internal/partition"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ListOffsets, v0 to v11: by timestamp, and the special timestamps latest, earliest, of the largest timestamp (v7), earliest local (v8),
// latest tiered (v9) and earliest pending upload (v11). v0, which Kafka 4 dropped, lists the starts of segments.

func (s *Services) listOffsetsRow() Row {
	return Row{Key: int16(kmsg.ListOffsets), Min: 0, Max: 11, MaxBytes: 16 << 20, Handle: s.listOffsets}
}

func (s *Services) listOffsets(call *Call, r kmsg.Request) {
	req := r.(*kmsg.ListOffsetsRequest)
	if req.Version < 2 {
		req.IsolationLevel = 0
	}
	twice := duplicates(req)
	resp := kmsg.NewPtrListOffsetsResponse()
	for ti := range req.Topics {
		t := &req.Topics[ti]
		out := kmsg.NewListOffsetsResponseTopic()
		out.Topic = t.Topic
		for pi := range t.Partitions {
			p := kmsg.NewListOffsetsResponseTopicPartition()
			p.Partition, p.Timestamp, p.Offset, p.LeaderEpoch = t.Partitions[pi].Partition, -1, -1, -1
			key := topicPartition{t.Topic, p.Partition}
			again, named := twice[key]
			switch {
			case req.Version == 0:
				s.listSegments(req, t.Topic, &t.Partitions[pi], &p)
			case named && !again:
				continue // it has its answer
			case again:
				p.ErrorCode = kerr.InvalidRequest.Code
				twice[key] = false
			default:
				s.listOffset(req, t.Topic, &t.Partitions[pi], &p)
			}
			out.Partitions = append(out.Partitions, p)
		}
		if len(out.Partitions) > 0 || req.Version == 0 {
			resp.Topics = append(resp.Topics, out)
		}
	}
	call.Respond(resp)
}

func (s *Services) listOffset(req *kmsg.ListOffsetsRequest, topic string, in *kmsg.ListOffsetsRequestTopicPartition,
	out *kmsg.ListOffsetsResponseTopicPartition) {
	if in.Timestamp < 0 && (in.Timestamp < partition.TimestampEarliestPendingUpload || req.Version < sinceVersion(in.Timestamp)) {
		out.ErrorCode = kerr.UnsupportedVersion.Code
		return
	}
	epoch := in.CurrentLeaderEpoch
	if req.Version < 4 {
		epoch = -1
	}
	found, ok, err := s.Replicas.ListOffset(topic, in.Partition, req.ReplicaID, req.IsolationLevel, epoch, in.Timestamp)
	out.ErrorCode = s.code(err)
	if out.ErrorCode == kerr.OffsetNotAvailable.Code && req.Version < 5 {
		out.ErrorCode = kerr.LeaderNotAvailable.Code
	}
	if err == nil && ok {
		out.Timestamp, out.Offset, out.LeaderEpoch = found.TimestampMs, found.Offset, found.LeaderEpoch
	}
}

// listSegments is v0.
func (s *Services) listSegments(req *kmsg.ListOffsetsRequest, topic string, in *kmsg.ListOffsetsRequestTopicPartition,
	out *kmsg.ListOffsetsResponseTopicPartition) {
	if in.Timestamp < partition.TimestampEarliest {
		out.ErrorCode = kerr.UnsupportedVersion.Code
		return
	}
	offsets, err := s.Replicas.OffsetsBefore(topic, in.Partition, req.ReplicaID, in.Timestamp, in.MaxNumOffsets)
	out.OldStyleOffsets, out.ErrorCode = offsets, s.code(err)
}

// sinceVersion is the first version of ListOffsets that knows a special timestamp.
func sinceVersion(timestamp int64) int16 {
	switch timestamp {
	case partition.TimestampMax:
		return 7
	case partition.TimestampEarliestLocal:
		return 8
	case partition.TimestampLatestTiered:
		return 9
	case partition.TimestampEarliestPendingUpload:
		return 11
	}
	return 1
}

// duplicates are the partitions that a request names more than once; each is true.
func duplicates(req *kmsg.ListOffsetsRequest) map[topicPartition]bool {
	n := 0
	for i := range req.Topics {
		n += len(req.Topics[i].Partitions)
	}
	if n < 2 {
		return nil
	}
	seen := make(map[topicPartition]bool, n)
	twice := map[topicPartition]bool{}
	for i := range req.Topics {
		for j := range req.Topics[i].Partitions {
			key := topicPartition{req.Topics[i].Topic, req.Topics[i].Partitions[j].Partition}
			if seen[key] {
				twice[key] = true
			}
			seen[key] = true
		}
	}
	return twice
}
