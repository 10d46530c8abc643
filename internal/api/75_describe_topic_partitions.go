package api

import (
	"maps"
	"slices"

	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeTopicPartitions, v0 (KIP-966): topics in order of name, page by page. A page ends after as many partitions as client and broker
// allow, and says where the next one starts.

// describePageMost is max.request.partition.size.limit's default.
const describePageMost = 2000

func (s *Services) describeTopicPartitionsRow() Row {
	return Row{
		Key: int16(kmsg.DescribeTopicPartitions), Min: 0, Max: 0, MaxBytes: listRequestMaxBytes, Handle: s.describeTopicPartitions,
	}
}

func (s *Services) describeTopicPartitions(call *Call, r kmsg.Request) {
	req := r.(*kmsg.DescribeTopicPartitionsRequest)
	image := s.Metadata.Image()
	resp := kmsg.NewPtrDescribeTopicPartitionsResponse()
	all := len(req.Topics) == 0
	names := describedTopics(req, image)
	if cursor := req.Cursor; cursor != nil && (cursor.Partition < 0 || !all && !slices.Contains(names, cursor.Topic)) {
		for _, t := range req.Topics {
			resp.Topics = append(resp.Topics, failedDescription(t.Topic, kerr.InvalidRequest.Code))
		}
		call.Respond(resp)
		return
	}
	left := max(min(describePageMost, int(req.ResponsePartitionLimit)), 1)
	for _, name := range names {
		if left == 0 {
			resp.NextCursor = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: name}
			break
		}
		topic := image.Topics[name]
		if topic == nil {
			if !all {
				failed := failedDescription(name, unknownTopicCode(name))
				failed.AuthorizedOperations = topicOperations
				resp.Topics = append(resp.Topics, failed)
			}
			continue
		}
		from := 0
		if req.Cursor != nil && req.Cursor.Topic == name {
			from = min(int(req.Cursor.Partition), len(topic.Partitions))
		}
		end := min(from+left, len(topic.Partitions))
		resp.Topics = append(resp.Topics, describeTopic(image, topic, call.Client.Listener, from, end))
		left -= end - from
		if end < len(topic.Partitions) {
			resp.NextCursor = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: name, Partition: int32(end)}
			break
		}
	}
	call.Respond(resp)
}

// describedTopics lists the names asked for, or all, from the cursor's on, sorted, each once.
func describedTopics(req *kmsg.DescribeTopicPartitionsRequest, image *metadata.Image) []string {
	var names []string
	if len(req.Topics) == 0 {
		names = slices.Collect(maps.Keys(image.Topics))
	}
	for _, t := range req.Topics {
		names = append(names, t.Topic)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if req.Cursor != nil {
		from, _ := slices.BinarySearch(names, req.Cursor.Topic)
		names = names[from:]
	}
	return names
}

func unknownTopicCode(name string) int16 {
	if !validTopicName(name) {
		return kerr.InvalidTopicException.Code
	}
	return kerr.UnknownTopicOrPartition.Code
}

func failedDescription(name string, code int16) kmsg.DescribeTopicPartitionsResponseTopic {
	t := kmsg.NewDescribeTopicPartitionsResponseTopic()
	t.ErrorCode, t.Topic, t.IsInternal = code, &name, isInternal(name)
	return t
}

func describeTopic(image *metadata.Image, topic *metadata.Topic, listener string, from, end int) kmsg.DescribeTopicPartitionsResponseTopic {
	t := kmsg.NewDescribeTopicPartitionsResponseTopic()
	t.Topic, t.TopicID, t.IsInternal, t.AuthorizedOperations = &topic.Name, topic.ID, isInternal(topic.Name), topicOperations
	for n := from; n < end; n++ {
		p := &topic.Partitions[n]
		if !p.Known() {
			continue
		}
		out := kmsg.NewDescribeTopicPartitionsResponseTopicPartition()
		out.Partition, out.LeaderID, out.LeaderEpoch = int32(n), p.Leader, p.LeaderEpoch
		out.Replicas, out.ISR, out.OfflineReplicas = p.Replicas, p.ISR, p.OfflineReplicas
		out.EligibleLeaderReplicas, out.LastKnownELR = append([]int32{}, p.ELR...), append([]int32{}, p.LastKnownELR...)
		switch leader, alive := image.Brokers[p.Leader]; {
		case !alive:
			out.ErrorCode, out.LeaderID = kerr.LeaderNotAvailable.Code, -1
		case leader.Endpoints[listener] == (metadata.Endpoint{}):
			out.ErrorCode, out.LeaderID = kerr.ListenerNotFound.Code, -1
		}
		t.Partitions = append(t.Partitions, out)
	}
	return t
}
