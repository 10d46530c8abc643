package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ConsumerGroupHeartbeat, v0 and v1 (KIP-848; v1 has regular expressions, and member ids of the client).

func (s *Services) consumerGroupHeartbeatRow() Row {
	return Row{
		Key: int16(kmsg.ConsumerGroupHeartbeat), Min: 0, Max: 1, MaxBytes: groupRequestMaxBytes,
		Handle: func(call *Call, r kmsg.Request) {
			s.Groups.ConsumerGroupHeartbeat(callerOf(call), r.(*kmsg.ConsumerGroupHeartbeatRequest), func(resp *kmsg.ConsumerGroupHeartbeatResponse) { call.Respond(resp) })
		},
	}
}
