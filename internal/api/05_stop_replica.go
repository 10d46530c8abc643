package api

import (
	"milena/internal/replica"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// StopReplica, v0 to v4: the controller ends replicas, and deletes those of topics under deletion.

func (s *Services) stopReplicaRow() Row {
	return Row{Key: int16(kmsg.StopReplica), Min: 0, Max: 4, InterBroker: true, Handle: s.stopReplica}
}

func (s *Services) stopReplica(call *Call, r kmsg.Request) {
	req := r.(*kmsg.StopReplicaRequest)
	if req.Version >= 1 && s.staleBrokerEpoch(req.BrokerEpoch) {
		call.Respond(replica.RefuseStopReplica(req, kerr.StaleBrokerEpoch.Code))
		return
	}
	refuse := func() { call.Respond(replica.RefuseStopReplica(req, kerr.StaleControllerEpoch.Code)) }
	if s.fromController(call, req.ControllerEpoch, refuse) {
		call.Respond(s.Replicas.StopReplicas(req))
	}
}
