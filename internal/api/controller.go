package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Controller is what brokers ask the controller for. Where this broker is not controller the answer is NOT_CONTROLLER.
type Controller interface {
	AlterPartition(req *kmsg.AlterPartitionRequest, done func(*kmsg.AlterPartitionResponse))
	ControlledShutdown(req *kmsg.ControlledShutdownRequest, done func(*kmsg.ControlledShutdownResponse))
	AllocateProducerIDs(req *kmsg.AllocateProducerIDsRequest, done func(*kmsg.AllocateProducerIDsResponse))
}
