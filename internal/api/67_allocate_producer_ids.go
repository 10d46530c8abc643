package api

import "github.com/twmb/franz-go/pkg/kmsg"

// AllocateProducerIds, v0: a broker asks for a block of producer ids.

func (s *Services) allocateProducerIDsRow() Row {
	return Row{Key: int16(kmsg.AllocateProducerIDs), Min: 0, Max: 0, InterBroker: true, Handle: s.allocateProducerIDs}
}

func (s *Services) allocateProducerIDs(call *Call, r kmsg.Request) {
	s.Controller.AllocateProducerIDs(r.(*kmsg.AllocateProducerIDsRequest), func(resp *kmsg.AllocateProducerIDsResponse) { call.Respond(resp) })
}
