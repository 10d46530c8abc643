package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ConsumerGroupDescribe, v0 and v1 (KIP-848).

func (s *Services) consumerGroupDescribeRow() Row {
	return Row{
		Key: int16(kmsg.ConsumerGroupDescribe), Min: 0, Max: 1, MaxBytes: listRequestMaxBytes,
		Handle: func(call *Call, r kmsg.Request) {
			s.Groups.ConsumerGroupDescribe(r.(*kmsg.ConsumerGroupDescribeRequest), func(resp *kmsg.ConsumerGroupDescribeResponse) { call.Respond(resp) })
		},
	}
}
