package api

import "github.com/twmb/franz-go/pkg/kmsg"

// DeleteRecords, v0 to v2 (KIP-107): moves the start of partitions; the low watermark is the new start, or the high watermark for
// offset -1.

func (s *Services) deleteRecordsRow() Row {
	return Row{Key: int16(kmsg.DeleteRecords), Min: 0, Max: 2, MaxBytes: 16 << 20, Handle: s.deleteRecords}
}

func (s *Services) deleteRecords(call *Call, r kmsg.Request) {
	req := r.(*kmsg.DeleteRecordsRequest)
	resp := kmsg.NewPtrDeleteRecordsResponse()
	for i := range req.Topics {
		t := &req.Topics[i]
		out := kmsg.NewDeleteRecordsResponseTopic()
		out.Topic = t.Topic
		for _, in := range t.Partitions {
			p := kmsg.NewDeleteRecordsResponseTopicPartition()
			low, err := s.Replicas.DeleteRecords(t.Topic, in.Partition, in.Offset)
			p.Partition, p.LowWatermark, p.ErrorCode = in.Partition, low, s.code(err)
			out.Partitions = append(out.Partitions, p)
		}
		resp.Topics = append(resp.Topics, out)
	}
	call.Respond(resp)
}
