package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// LeaveGroup, v0 to v5: of one member, from v3 on of many.

func (s *Services) leaveGroupRow() Row {
	return Row{
		Key: int16(kmsg.LeaveGroup), Min: 0, Max: 5, MaxBytes: listRequestMaxBytes,
		Handle: func(call *Call, r kmsg.Request) {
			s.Groups.LeaveGroup(callerOf(call), r.(*kmsg.LeaveGroupRequest), func(resp *kmsg.LeaveGroupResponse) { call.Respond(resp) })
		},
	}
}
