package controller

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// allocateProducerIDs is a broker's wish for a block of producer ids. done is called once.
type allocateProducerIDs struct {
	req  *kmsg.AllocateProducerIDsRequest
	done func(*kmsg.AllocateProducerIDsResponse)
}

func (e allocateProducerIDs) refuse(code int16) {
	resp := e.req.ResponseKind().(*kmsg.AllocateProducerIDsResponse)
	resp.ErrorCode = code
	e.done(resp)
}

func (e allocateProducerIDs) handle(r *reign) error {
	broker := r.state.live[e.req.BrokerID]
	switch {
	case broker == nil:
		e.refuse(kerr.BrokerIDNotRegistered.Code)
		return nil
	case broker.Epoch != e.req.BrokerEpoch:
		e.refuse(kerr.StaleBrokerEpoch.Code)
		return nil
	}
	block, err := r.store.AllocateProducerIDs(r.ctx, e.req.BrokerID)
	if err != nil {
		// A block may be lost; the broker asks again.
		r.log.Error("controller: allocating producer ids failed", "broker", e.req.BrokerID, "error", err)
		e.refuse(kerr.CoordinatorNotAvailable.Code)
		return nil
	}
	resp := e.req.ResponseKind().(*kmsg.AllocateProducerIDsResponse)
	resp.ProducerIDStart, resp.ProducerIDLen = block.First, block.Count
	e.done(resp)
	return nil
}
