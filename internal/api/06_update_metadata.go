package api

import (
	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// UpdateMetadata, v0 to v8: the controller tells every broker of live brokers and of partitions' states.

func (s *Services) updateMetadataRow() Row {
	return Row{Key: int16(kmsg.UpdateMetadata), Min: 0, Max: 8, InterBroker: true, Handle: s.updateMetadata}
}

func (s *Services) updateMetadata(call *Call, r kmsg.Request) {
	req := r.(*kmsg.UpdateMetadataRequest)
	refuse := func(code int16) {
		resp := kmsg.NewPtrUpdateMetadataResponse()
		resp.ErrorCode = code
		call.Respond(resp)
	}
	if req.Version >= 5 && s.staleBrokerEpoch(req.BrokerEpoch) {
		refuse(kerr.StaleBrokerEpoch.Code)
		return
	}
	if s.fromController(call, req.ControllerEpoch, func() { refuse(kerr.StaleControllerEpoch.Code) }) {
		resp := s.Replicas.UpdateMetadata(req)
		if resp.ErrorCode == 0 && metadata.TellsOfPartitions(req) {
			s.told(&s.leaderships.pictured, req.BrokerEpoch)
		}
		call.Respond(resp)
	}
}
