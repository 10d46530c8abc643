package api

import "github.com/twmb/franz-go/pkg/kmsg"

// DescribeGroups, v0 to v6.

func (s *Services) describeGroupsRow() Row {
	return Row{
		Key: int16(kmsg.DescribeGroups), Min: 0, Max: 6, MaxBytes: listRequestMaxBytes,
		Handle: func(call *Call, r kmsg.Request) {
			req := r.(*kmsg.DescribeGroupsRequest)
			s.Groups.DescribeGroups(req, func(resp *kmsg.DescribeGroupsResponse) {
				for i := range resp.Groups {
					g := &resp.Groups[i]
					g.AuthorizedOperations = operations(req.IncludeAuthorizedOperations && g.ErrorCode == 0, groupOperations)
				}
				call.Respond(resp)
			})
		},
	}
}
