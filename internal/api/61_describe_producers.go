package api

import (
	"milena/internal/admin"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeProducers, v0 (KIP-664): the producers that partitions' leaders remember.

func (s *Services) describeProducersRow() Row {
	return Row{Key: int16(kmsg.DescribeProducers), Min: 0, Max: 0, MaxBytes: 16 << 20, Handle: s.describeProducers}
}

func (s *Services) describeProducers(call *Call, r kmsg.Request) {
	req := r.(*kmsg.DescribeProducersRequest)
	resp := kmsg.NewPtrDescribeProducersResponse()
	for i := range req.Topics {
		t := &req.Topics[i]
		out := kmsg.NewDescribeProducersResponseTopic()
		out.Topic = t.Topic
		for _, index := range t.Partitions {
			out.Partitions = append(out.Partitions, s.producersOf(t.Topic, index))
		}
		resp.Topics = append(resp.Topics, out)
	}
	call.Respond(resp)
}

func (s *Services) producersOf(topic string, index int32) kmsg.DescribeProducersResponseTopicPartition {
	out := kmsg.NewDescribeProducersResponseTopicPartition()
	out.Partition = index
	if err := admin.ValidateTopicName(topic); err != nil {
		out.ErrorCode, out.ErrorMessage = s.adminError(err)
		return out
	}
	if s.Metadata.Image().Topics[topic] == nil {
		text := kerr.UnknownTopicOrPartition.Description
		out.ErrorCode, out.ErrorMessage = kerr.UnknownTopicOrPartition.Code, &text
		return out
	}
	producers, err := s.Replicas.Producers(topic, index)
	if out.ErrorCode = s.code(err); err != nil {
		return out
	}
	for _, p := range producers {
		active := kmsg.NewDescribeProducersResponseTopicPartitionActiveProducer()
		active.ProducerID, active.ProducerEpoch, active.LastSequence = p.ID, int32(p.Epoch), p.LastSequence
		active.LastTimestamp, active.CoordinatorEpoch, active.CurrentTxnStartOffset = p.LastTimestampMs, p.CoordinatorEpoch, p.TxnStartOffset
		out.ActiveProducers = append(out.ActiveProducers, active)
	}
	return out
}
