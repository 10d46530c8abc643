package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeGroups, v0 to v6.

func (s *Services) describeGroupsRow() Row {
	return Row{
		Key: int16(kmsg.DescribeGroups), Min: 0, Max: 6, MaxBytes: listRequestMaxBytes,
		Handle: func(call *Call, r kmsg.Request) {
			s.Groups.DescribeGroups(r.(*kmsg.DescribeGroupsRequest), func(resp *kmsg.DescribeGroupsResponse) { call.Respond(resp) })
		},
	}
}
