package broker

import (
	"context"
	"time"

	"milena/internal/controller"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// office is the controller for this broker's clients: the one in this process, which may not be in office. Where the elected one is no broker
// they cannot reach it, and what they ask for is passed on.
type office struct {
	*controller.Controller
	broker *Broker
}

func (o office) ElectLeaders(req *kmsg.ElectLeadersRequest, done func(*kmsg.ElectLeadersResponse)) {
	passOn(o.broker, req, done, o.Controller.ElectLeaders)
}

func (o office) AlterReassignments(req *kmsg.AlterPartitionAssignmentsRequest, done func(*kmsg.AlterPartitionAssignmentsResponse)) {
	passOn(o.broker, req, done, o.Controller.AlterReassignments)
}

func (o office) ListReassignments(req *kmsg.ListPartitionReassignmentsRequest, done func(*kmsg.ListPartitionReassignmentsResponse)) {
	passOn(o.broker, req, done, o.Controller.ListReassignments)
}

// passOn sends a client's request to a controller that is no broker. Where that does not work it is this process's to answer, mostly that it is
// no controller: the client asks again.
func passOn[Req kmsg.Request, Resp kmsg.Response](b *Broker, req Req, done func(Resp), here func(Req, func(Resp))) {
	if !b.metadata.Image().ControllerOnly {
		here(req, done)
		return
	}
	go func() { // ends with the broker
		ctx, cancel := context.WithTimeout(b.ctx, time.Duration(b.live.Broker().RequestTimeoutMs)*time.Millisecond)
		defer cancel()
		resp, err := b.toController.do(ctx, req)
		if err != nil {
			b.options.Logger.Debug("a client's request did not reach the controller", "request", kmsg.NameForKey(req.Key()), "error", err)
			here(req, done)
			return
		}
		done(resp.(Resp))
	}()
}
