package api

import (
	"milena/internal/replica"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// LeaderAndIsr, v0 to v7: the controller tells which partitions this broker leads or follows.

func (s *Services) leaderAndISRRow() Row {
	return Row{Key: int16(kmsg.LeaderAndISR), Min: 0, Max: 7, InterBroker: true, Handle: s.leaderAndISR}
}

func (s *Services) leaderAndISR(call *Call, r kmsg.Request) {
	req := r.(*kmsg.LeaderAndISRRequest)
	if req.Version >= 2 && s.staleBrokerEpoch(req.BrokerEpoch) {
		call.Respond(replica.RefuseLeaderAndISR(req, kerr.StaleBrokerEpoch.Code))
		return
	}
	refuse := func() { call.Respond(replica.RefuseLeaderAndISR(req, kerr.StaleControllerEpoch.Code)) }
	if s.fromController(call, req.ControllerEpoch, refuse) {
		resp := s.Replicas.BecomeLeaderOrFollower(req)
		if resp.ErrorCode == 0 {
			s.told(&s.leaderships.named, req.BrokerEpoch)
		}
		call.Respond(resp)
	}
}

// staleBrokerEpoch tells that a controller's request is meant for an earlier life of this broker. One for a later life may come
// before the broker itself knows that it lives again.
func (s *Services) staleBrokerEpoch(inRequest int64) bool {
	return inRequest >= 0 && s.BrokerEpoch != nil && inRequest < s.BrokerEpoch()
}
