package api

import (
	"context"

	"milena/internal/admin"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// IncrementalAlterConfigs, v0 and v1: sets, deletes, appends to and subtracts from keys of topics, brokers and broker loggers.

func (s *Services) incrementalAlterConfigsRow() Row {
	return Row{Key: int16(kmsg.IncrementalAlterConfigs), Min: 0, Max: 1, MaxBytes: listRequestMaxBytes, Handle: s.incrementalAlterConfigs}
}

func (s *Services) incrementalAlterConfigs(call *Call, r kmsg.Request) {
	req := r.(*kmsg.IncrementalAlterConfigsRequest)
	call.OnGone(s.Admin.Go(func(ctx context.Context) {
		changes := make([]configChange, len(req.Resources))
		for i := range req.Resources {
			asked := &req.Resources[i]
			changes[i].resource = admin.Resource{Kind: admin.ResourceKind(asked.ResourceType), Name: asked.ResourceName}
			for j := range asked.Configs {
				c := &asked.Configs[j]
				changes[i].ops = append(changes[i].ops, admin.ConfigOp{Name: c.Name, Op: admin.OpKind(c.Op), Value: c.Value})
			}
		}
		resp := kmsg.NewPtrIncrementalAlterConfigsResponse()
		for i, answer := range s.changeConfigs(ctx, changes, false, req.ValidateOnly) {
			resp.Resources = append(resp.Resources, kmsg.IncrementalAlterConfigsResponseResource{
				ErrorCode: answer.code, ErrorMessage: answer.text,
				ResourceType: req.Resources[i].ResourceType, ResourceName: req.Resources[i].ResourceName,
			})
		}
		call.Respond(resp)
	}))
}
