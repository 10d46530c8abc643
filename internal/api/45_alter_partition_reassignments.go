package api

import "github.com/twmb/franz-go/pkg/kmsg"

// AlterPartitionReassignments, v0 and v1: moves partitions to other brokers, or gives moves up (KIP-455). The controller alone answers it, when
// the moves have begun.

func (s *Services) alterPartitionReassignmentsRow() Row {
	return Row{Key: int16(kmsg.AlterPartitionAssignments), Min: 0, Max: 1, MaxBytes: listRequestMaxBytes, Handle: s.alterPartitionReassignments}
}

func (s *Services) alterPartitionReassignments(call *Call, r kmsg.Request) {
	s.Controller.AlterReassignments(r.(*kmsg.AlterPartitionAssignmentsRequest), func(resp *kmsg.AlterPartitionAssignmentsResponse) {
		call.Respond(resp)
	})
}
