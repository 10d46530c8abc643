package api

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeCluster, v0 to v2 (KIP-700). From v1 a client says whether it wants brokers or controllers (KIP-919), v2 asks for fenced brokers
// too, which only KRaft knows.

// Endpoint types of KIP-919.
const (
	endpointBroker     = 1
	endpointController = 2
)

func (s *Services) describeClusterRow() Row {
	return Row{Key: int16(kmsg.DescribeCluster), Min: 0, Max: 2, MaxBytes: 64 << 10, Handle: s.describeCluster}
}

func (s *Services) describeCluster(call *Call, r kmsg.Request) {
	req := r.(*kmsg.DescribeClusterRequest)
	resp := kmsg.NewPtrDescribeClusterResponse()
	if call.Header.Version >= 1 && req.EndpointType != endpointBroker {
		refuse, message := kerr.UnsupportedEndpointType, fmt.Sprintf("Unsupported endpoint type %d", req.EndpointType)
		if req.EndpointType == endpointController {
			refuse = kerr.MismatchedEndpointType
			message = "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER"
		}
		resp.ErrorCode, resp.ErrorMessage = refuse.Code, &message
		call.Respond(resp)
		return
	}
	image := s.Metadata.Image()
	resp.EndpointType = endpointBroker
	resp.ClusterID, resp.ControllerID = image.ClusterID, s.controllerID(image)
	resp.ClusterAuthorizedOperations = operations(req.IncludeClusterAuthorizedOperations, clusterOperations)
	for _, n := range s.nodes(image, call.Client) {
		resp.Brokers = append(resp.Brokers, kmsg.DescribeClusterResponseBroker{
			NodeID: n.id, Host: n.endpoint.Host, Port: n.endpoint.Port, Rack: n.rack,
		})
	}
	call.Respond(resp)
}
