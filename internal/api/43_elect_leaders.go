package api

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ElectLeaders, v0 to v2: preferred or unclean leader elections (KIP-183, KIP-460). The controller alone answers it.

func (s *Services) electLeadersRow() Row {
	return Row{Key: int16(kmsg.ElectLeaders), Min: 0, Max: 2, Handle: s.electLeaders}
}

func (s *Services) electLeaders(call *Call, r kmsg.Request) {
	req := r.(*kmsg.ElectLeadersRequest)
	if req.ElectionType != 0 && req.ElectionType != 1 {
		resp := kmsg.NewPtrElectLeadersResponse()
		resp.ErrorCode = kerr.InvalidRequest.Code
		call.Respond(resp)
		return
	}
	s.Controller.ElectLeaders(req, func(resp *kmsg.ElectLeadersResponse) { call.Respond(resp) })
}
