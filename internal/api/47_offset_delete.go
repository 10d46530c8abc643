package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// OffsetDelete, v0 (KIP-496).

func (s *Services) offsetDeleteRow() Row {
	return Row{
		Key: int16(kmsg.OffsetDelete), Min: 0, Max: 0, MaxBytes: groupRequestMaxBytes,
		Handle: func(call *Call, r kmsg.Request) {
			s.Groups.OffsetDelete(r.(*kmsg.OffsetDeleteRequest), func(resp *kmsg.OffsetDeleteResponse) { call.Respond(resp) })
		},
	}
}
