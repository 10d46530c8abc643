package cli

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// listedOffset is what a leader answers for one partition; offset is -1 where there is none.
type listedOffset struct {
	offset int64
	err    error
}

// listOffsets asks the leaders for the offset of a time in each partition, or for one of the offsets that negative times stand
// for (-1 the next, -2 the first).
func (a *admin) listOffsets(ctx context.Context, partitions []topicPartition, timestamp int64) (map[topicPartition]listedOffset, error) {
	answers := map[topicPartition]listedOffset{}
	if len(partitions) == 0 {
		return answers, nil
	}
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	at := map[string]int{}
	for _, tp := range partitions {
		i, ok := at[tp.topic]
		if !ok {
			i = len(request.Topics)
			at[tp.topic] = i
			topic := kmsg.NewListOffsetsRequestTopic()
			topic.Topic = tp.topic
			request.Topics = append(request.Topics, topic)
		}
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp, p.CurrentLeaderEpoch = tp.partition, timestamp, -1
		request.Topics[i].Partitions = append(request.Topics[i].Partitions, p)
	}
	response, err := call[*kmsg.ListOffsetsResponse](ctx, a, "listOffsets", request)
	if err != nil {
		return nil, err
	}
	for _, topic := range response.Topics {
		for _, p := range topic.Partitions {
			answers[topicPartition{topic.Topic, p.Partition}] = listedOffset{p.Offset, codeError(p.ErrorCode, nil)}
		}
	}
	return answers, nil
}
