package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Heartbeat, v0 to v4.

func (s *Services) heartbeatRow() Row {
	return Row{
		Key: int16(kmsg.Heartbeat), Min: 0, Max: 4, MaxBytes: smallRequestMaxBytes,
		Handle: func(call *Call, r kmsg.Request) {
			s.Groups.Heartbeat(callerOf(call), r.(*kmsg.HeartbeatRequest), func(resp *kmsg.HeartbeatResponse) { call.Respond(resp) })
		},
	}
}
