package api

import "github.com/twmb/franz-go/pkg/kmsg"

// ConsumerGroupDescribe, v0 and v1 (KIP-848).

func (s *Services) consumerGroupDescribeRow() Row {
	return Row{
		Key: int16(kmsg.ConsumerGroupDescribe), Min: 0, Max: 1, MaxBytes: listRequestMaxBytes,
		Handle: func(call *Call, r kmsg.Request) {
			req := r.(*kmsg.ConsumerGroupDescribeRequest)
			s.Groups.ConsumerGroupDescribe(req, func(resp *kmsg.ConsumerGroupDescribeResponse) {
				for i := range resp.Groups {
					g := &resp.Groups[i]
					g.AuthorizedOperations = operations(req.IncludeAuthorizedOperations && g.ErrorCode == 0, groupOperations)
				}
				call.Respond(resp)
			})
		},
	}
}
