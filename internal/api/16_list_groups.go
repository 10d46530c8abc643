package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ListGroups, v0 to v5: from v4 on by state, from v5 on by type.

func (s *Services) listGroupsRow() Row {
	return Row{
		Key: int16(kmsg.ListGroups), Min: 0, Max: 5, MaxBytes: smallRequestMaxBytes,
		Handle: func(call *Call, r kmsg.Request) {
			s.Groups.ListGroups(r.(*kmsg.ListGroupsRequest), func(resp *kmsg.ListGroupsResponse) { call.Respond(resp) })
		},
	}
}
