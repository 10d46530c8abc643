package api

import (
	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Controller is what brokers and operators ask the controller for. Where this broker is not controller the answer is NOT_CONTROLLER, unless
// the controller is no broker: what operators ask for is passed on to it then, since clients do not reach it.
type Controller interface {
	AlterPartition(req *kmsg.AlterPartitionRequest, done func(*kmsg.AlterPartitionResponse))
	ControlledShutdown(req *kmsg.ControlledShutdownRequest, done func(*kmsg.ControlledShutdownResponse))
	ElectLeaders(req *kmsg.ElectLeadersRequest, done func(*kmsg.ElectLeadersResponse))
	AlterReassignments(req *kmsg.AlterPartitionAssignmentsRequest, done func(*kmsg.AlterPartitionAssignmentsResponse))
	ListReassignments(req *kmsg.ListPartitionReassignmentsRequest, done func(*kmsg.ListPartitionReassignmentsResponse))
	AllocateProducerIDs(req *kmsg.AllocateProducerIDsRequest, done func(*kmsg.AllocateProducerIDsResponse))
}

// controllerID is whom a client is told to be the controller. Where that is no broker it is this one, which passes on what is for the other;
// Kafka does so with a controller of KRaft's.
func (s *Services) controllerID(image *metadata.Image) int32 {
	if image.ControllerOnly {
		return s.Config.Broker().BrokerID
	}
	return image.ControllerID
}
