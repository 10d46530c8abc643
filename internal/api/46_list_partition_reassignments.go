package api

import "github.com/twmb/franz-go/pkg/kmsg"

// ListPartitionReassignments, v0: which partitions are being moved, from where to where. The controller alone answers it.

func (s *Services) listPartitionReassignmentsRow() Row {
	return Row{Key: int16(kmsg.ListPartitionReassignments), Min: 0, Max: 0, MaxBytes: listRequestMaxBytes, Handle: s.listPartitionReassignments}
}

func (s *Services) listPartitionReassignments(call *Call, r kmsg.Request) {
	s.Controller.ListReassignments(r.(*kmsg.ListPartitionReassignmentsRequest), func(resp *kmsg.ListPartitionReassignmentsResponse) {
		call.Respond(resp)
	})
}
