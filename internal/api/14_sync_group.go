package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// SyncGroup, v0 to v5. A member is answered when the group's leader has sent the assignment.

func (s *Services) syncGroupRow() Row {
	return Row{
		Key: int16(kmsg.SyncGroup), Min: 0, Max: 5, MaxBytes: groupRequestMaxBytes,
		Handle: func(call *Call, r kmsg.Request) {
			s.Groups.SyncGroup(callerOf(call), r.(*kmsg.SyncGroupRequest), func(resp *kmsg.SyncGroupResponse) { call.Respond(resp) })
		},
	}
}
