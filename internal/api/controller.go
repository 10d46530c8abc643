package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Controller is what brokers and operators ask the controller for. Where this broker is not controller the answer is NOT_CONTROLLER.
type Controller interface {
	AlterPartition(req *kmsg.AlterPartitionRequest, done func(*kmsg.AlterPartitionResponse))
	ControlledShutdown(req *kmsg.ControlledShutdownRequest, done func(*kmsg.ControlledShutdownResponse))
	ElectLeaders(req *kmsg.ElectLeadersRequest, done func(*kmsg.ElectLeadersResponse))
	AlterReassignments(req *kmsg.AlterPartitionAssignmentsRequest, done func(*kmsg.AlterPartitionAssignmentsResponse))
	ListReassignments(req *kmsg.ListPartitionReassignmentsRequest, done func(*kmsg.ListPartitionReassignmentsResponse))
	AllocateProducerIDs(req *kmsg.AllocateProducerIDsRequest, done func(*kmsg.AllocateProducerIDsResponse))
}
