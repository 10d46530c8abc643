package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// OffsetFetch, v0 to v10: of one group, from v8 on of many; from v10 on topics by id. Offsets of v0, which Kafka kept in ZooKeeper, are those of all
// other versions.

func (s *Services) offsetFetchRow() Row {
	return Row{
		Key: int16(kmsg.OffsetFetch), Min: 0, Max: 10, MaxBytes: groupRequestMaxBytes,
		Handle: func(call *Call, r kmsg.Request) {
			s.Groups.OffsetFetch(r.(*kmsg.OffsetFetchRequest), func(resp *kmsg.OffsetFetchResponse) { call.Respond(resp) })
		},
	}
}
