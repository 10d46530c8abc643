package api

import "github.com/twmb/franz-go/pkg/kmsg"

// ControlledShutdown, v0 to v3: a broker that stops has its leaders moved away first.

func (s *Services) controlledShutdownRow() Row {
	return Row{Key: int16(kmsg.ControlledShutdown), Min: 0, Max: 3, InterBroker: true, Handle: s.controlledShutdown}
}

func (s *Services) controlledShutdown(call *Call, r kmsg.Request) {
	req := r.(*kmsg.ControlledShutdownRequest)
	if req.Version < 2 {
		req.BrokerEpoch = -1
	}
	s.Controller.ControlledShutdown(req, func(resp *kmsg.ControlledShutdownResponse) { call.Respond(resp) })
}
