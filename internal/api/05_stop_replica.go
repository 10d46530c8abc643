package api

import (
	"milena/internal/replica"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// StopReplica, v0 to v4: the controller ends replicas, and deletes those of topics under deletion.

func (s *Services) stopReplicaRow() Row {
	return Row{Key: int16(kmsg.StopReplica), Min: 0, Max: 4, InterBroker: true, Reorder: reorderStopReplica, Handle: s.stopReplica}
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

// reorderStopReplica: from v4 on Kafka sends whether the controller is KRaft's (one byte) before the controller's epoch (four), where kmsg has it
// after. Both follow the controller's id.
func reorderStopReplica(version int16, body []byte) {
	const at = 4
	if version < 4 || len(body) < at+5 {
		return
	}
	kraft := body[at]
	copy(body[at:at+4], body[at+1:at+5])
	body[at+4] = kraft
}
