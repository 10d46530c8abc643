package api

import (
	"context"
	"time"

	"milena/internal/producerid"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// InitProducerId, v0 to v5: a producer id for an idempotent producer. This release has no transactions: a request with a
// transactional id is refused with UNSUPPORTED_VERSION, which every client takes as final.

// producerIDTimeout is how long a request may wait for the store.
const producerIDTimeout = 10 * time.Second

func (s *Services) initProducerIDRow() Row {
	ids := producerid.New(func(ctx context.Context) (int64, int32, error) {
		block, err := s.Store.AllocateProducerIDs(ctx, s.Config.Broker().BrokerID)
		return block.First, block.Count, err
	})
	return Row{
		Key: int16(kmsg.InitProducerID), Min: 0, Max: 5, MaxBytes: 64 << 10,
		Handle: func(call *Call, r kmsg.Request) { s.initProducerID(call, r.(*kmsg.InitProducerIDRequest), ids) },
	}
}

func (s *Services) initProducerID(call *Call, req *kmsg.InitProducerIDRequest, ids *producerid.Allocator) {
	resp := kmsg.NewPtrInitProducerIDResponse()
	resp.ProducerID, resp.ProducerEpoch = -1, -1
	switch {
	case req.TransactionalID != nil && *req.TransactionalID == "":
		resp.ErrorCode = kerr.InvalidRequest.Code
	case req.TransactionalID != nil:
		resp.ErrorCode = kerr.UnsupportedVersion.Code
	case req.Version >= 3 && (req.ProducerID == -1) != (req.ProducerEpoch == -1):
		resp.ErrorCode = kerr.InvalidRequest.Code
	default:
		ctx, cancel := context.WithTimeout(context.Background(), producerIDTimeout)
		defer cancel()
		id, err := ids.Next(ctx)
		if err != nil {
			// Clients come again.
			s.Logger.Warn("no producer id can be had from the store", "error", err)
			resp.ErrorCode = kerr.CoordinatorLoadInProgress.Code
			break
		}
		resp.ProducerID, resp.ProducerEpoch = id, 0
	}
	call.Respond(resp)
}
