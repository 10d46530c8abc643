package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// OffsetCommit, v0 to v10 (topics by id). Offsets of v0, which Kafka kept in ZooKeeper, are stored with all others.

func (s *Services) offsetCommitRow() Row {
	return Row{
		Key: int16(kmsg.OffsetCommit), Min: 0, Max: 10, MaxBytes: groupRequestMaxBytes,
		Handle: func(call *Call, r kmsg.Request) {
			s.Groups.OffsetCommit(callerOf(call), r.(*kmsg.OffsetCommitRequest), func(resp *kmsg.OffsetCommitResponse) { call.Respond(resp) })
		},
	}
}
