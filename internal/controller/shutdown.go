package controller

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// controlledShutdown is a broker's wish to hand its leaders over before it stops. done is called once.
type controlledShutdown struct {
	req  *kmsg.ControlledShutdownRequest
	done func(*kmsg.ControlledShutdownResponse)
}

func (e controlledShutdown) refuse(code int16) {
	resp := e.req.ResponseKind().(*kmsg.ControlledShutdownResponse)
	resp.ErrorCode = code
	e.done(resp)
}

// handle moves the leaders that can be moved, stops the followers, and answers with the partitions that the broker still leads alone of
// those which have other replicas.
func (e controlledShutdown) handle(r *reign) error {
	broker := r.state.live[e.req.BrokerID]
	switch {
	case broker == nil:
		e.refuse(kerr.BrokerNotAvailable.Code)
		return nil
	case e.req.BrokerEpoch >= 0 && e.req.BrokerEpoch < broker.Epoch:
		e.refuse(kerr.StaleBrokerEpoch.Code)
		return nil
	}
	if !r.state.shuttingDown[broker.ID] {
		r.log.Info("broker shuts down", "broker", broker.ID)
	}
	r.state.shuttingDown[broker.ID] = true
	if err := r.evacuate(broker.ID); err != nil {
		e.refuse(kerr.NotController.Code)
		return err
	}
	resp := e.req.ResponseKind().(*kmsg.ControlledShutdownResponse)
	for _, p := range r.replicated(broker.ID) {
		if p.state.Leader == broker.ID {
			resp.PartitionsRemaining = append(resp.PartitionsRemaining, kmsg.ControlledShutdownResponsePartitionsRemaining{
				Topic: p.id.Topic, Partition: p.id.Partition,
			})
		}
	}
	e.done(resp)
	return nil
}

// replicated are the partitions with a replica on the broker and others elsewhere.
func (r *reign) replicated(broker int32) []*partition {
	return r.state.allPartitions(func(t *topic, p *partition) bool {
		_, hosted := p.replicas[broker]
		return hosted && len(p.assignment.Replicas) > 1 && p.state != nil && t.deletion == notDeleted
	})
}

func (r *reign) evacuate(broker int32) error {
	var led []*partition
	var followed []replicaID
	for _, p := range r.replicated(broker) {
		if p.state.Leader == broker {
			led = append(led, p)
		} else {
			followed = append(followed, replicaID{p.id, broker})
		}
	}
	err := r.partitionsOnline(led, func(p *partition) (choice, bool) {
		return electShutdown(p.assignment.Replicas, p.state.ISR,
			func(b int32) bool { return r.state.online(p.id, b) }, func(b int32) bool { return r.state.shuttingDown[b] })
	})
	if err != nil {
		return err
	}
	for _, id := range followed {
		r.batch.stopReplica(id, false)
	}
	r.flush()
	return r.replicasOffline(followed)
}
