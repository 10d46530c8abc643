package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DeleteGroups, v0 to v2.

func (s *Services) deleteGroupsRow() Row {
	return Row{
		Key: int16(kmsg.DeleteGroups), Min: 0, Max: 2, MaxBytes: listRequestMaxBytes,
		Handle: func(call *Call, r kmsg.Request) {
			s.Groups.DeleteGroups(r.(*kmsg.DeleteGroupsRequest), func(resp *kmsg.DeleteGroupsResponse) { call.Respond(resp) })
		},
	}
}
