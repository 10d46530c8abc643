package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// JoinGroup, v0 to v9. It is answered when the rebalance has gathered its members; a member whose connection goes away meanwhile stays one until
// its session times out, as in Kafka.

func (s *Services) joinGroupRow() Row {
	return Row{
		Key: int16(kmsg.JoinGroup), Min: 0, Max: 9, MaxBytes: groupRequestMaxBytes,
		Handle: func(call *Call, r kmsg.Request) {
			s.Groups.JoinGroup(callerOf(call), r.(*kmsg.JoinGroupRequest), func(resp *kmsg.JoinGroupResponse) { call.Respond(resp) })
		},
	}
}
