package api

import "github.com/twmb/franz-go/pkg/kmsg"

// AlterPartition, v0 to v3: a leader has its partition's ISR changed.

func (s *Services) alterPartitionRow() Row {
	return Row{Key: int16(kmsg.AlterPartition), Min: 0, Max: 3, InterBroker: true, Handle: s.alterPartition}
}

func (s *Services) alterPartition(call *Call, r kmsg.Request) {
	s.Controller.AlterPartition(r.(*kmsg.AlterPartitionRequest), func(resp *kmsg.AlterPartitionResponse) { call.Respond(resp) })
}
