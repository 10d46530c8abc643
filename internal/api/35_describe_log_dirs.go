package api

import (
	"slices"
	"strings"

	"milena/internal/replica"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeLogDirs, v0 to v5 (KIP-113, KIP-827): every data directory with its volume's room and the sizes of its logs.

func (s *Services) describeLogDirsRow() Row {
	return Row{Key: int16(kmsg.DescribeLogDirs), Min: 0, Max: 5, MaxBytes: 16 << 20, Handle: s.describeLogDirs}
}

func (s *Services) describeLogDirs(call *Call, r kmsg.Request) {
	req := r.(*kmsg.DescribeLogDirsRequest)
	wanted := func(string, int32) bool { return true }
	if req.Topics != nil {
		asked := map[topicPartition]bool{}
		for _, t := range req.Topics {
			for _, p := range t.Partitions {
				asked[topicPartition{t.Topic, p}] = true
			}
		}
		wanted = func(topic string, index int32) bool { return asked[topicPartition{topic, index}] }
	}
	resp := kmsg.NewPtrDescribeLogDirsResponse()
	for _, d := range s.Replicas.DescribeDirs(wanted) {
		out := kmsg.NewDescribeLogDirsResponseDir()
		out.Dir, out.TotalBytes, out.UsableBytes = d.Path, d.TotalBytes, d.UsableBytes
		if d.Offline {
			out.ErrorCode = kerr.KafkaStorageError.Code
		}
		out.Topics = logDirTopics(d.Logs)
		resp.Dirs = append(resp.Dirs, out)
	}
	call.Respond(resp)
}

func logDirTopics(logs []replica.LogDescription) []kmsg.DescribeLogDirsResponseDirTopic {
	slices.SortFunc(logs, func(a, b replica.LogDescription) int {
		if c := strings.Compare(a.Topic, b.Topic); c != 0 {
			return c
		}
		return int(a.Partition) - int(b.Partition)
	})
	var topics []kmsg.DescribeLogDirsResponseDirTopic
	for _, l := range logs {
		if n := len(topics); n == 0 || topics[n-1].Topic != l.Topic {
			t := kmsg.NewDescribeLogDirsResponseDirTopic()
			t.Topic = l.Topic
			topics = append(topics, t)
		}
		p := kmsg.NewDescribeLogDirsResponseDirTopicPartition()
		p.Partition, p.Size, p.OffsetLag = l.Partition, l.SizeBytes, l.OffsetLag
		last := &topics[len(topics)-1]
		last.Partitions = append(last.Partitions, p)
	}
	return topics
}
