package api

import (
	"context"

	"milena/internal/admin"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// AlterConfigs, v0 to v2: replaces all of a topic's or broker's configuration.

func (s *Services) alterConfigsRow() Row {
	return Row{Key: int16(kmsg.AlterConfigs), Min: 0, Max: 2, MaxBytes: listRequestMaxBytes, Handle: s.alterConfigs}
}

func (s *Services) alterConfigs(call *Call, r kmsg.Request) {
	req := r.(*kmsg.AlterConfigsRequest)
	call.OnGone(s.Admin.Go(func(ctx context.Context) {
		changes := make([]configChange, len(req.Resources))
		for i := range req.Resources {
			asked := &req.Resources[i]
			changes[i].resource = admin.Resource{Kind: admin.ResourceKind(asked.ResourceType), Name: asked.ResourceName}
			for j := range asked.Configs {
				changes[i].ops = append(changes[i].ops, admin.ConfigOp{Name: asked.Configs[j].Name, Value: asked.Configs[j].Value})
			}
		}
		resp := kmsg.NewPtrAlterConfigsResponse()
		for i, answer := range s.changeConfigs(ctx, changes, true, req.ValidateOnly) {
			resp.Resources = append(resp.Resources, kmsg.AlterConfigsResponseResource{
				ErrorCode: answer.code, ErrorMessage: answer.text,
				ResourceType: req.Resources[i].ResourceType, ResourceName: req.Resources[i].ResourceName,
			})
		}
		call.Respond(resp)
	}))
}

// configChange is what a request wants of one resource.
type configChange struct {
	resource admin.Resource
	ops      []admin.ConfigOp
}

// configAnswer is what became of it.
type configAnswer struct {
	code int16
	text *string
}

// changeConfigs applies changes one resource after the other; a resource named twice is refused each time.
func (s *Services) changeConfigs(ctx context.Context, changes []configChange, replace, validateOnly bool) []configAnswer {
	twice := repeated(changes, func(c *configChange) admin.Resource { return c.resource })
	answers := make([]configAnswer, len(changes))
	for i := range changes {
		if twice[changes[i].resource] {
			text := "Each resource must appear at most once."
			answers[i] = configAnswer{kerr.InvalidRequest.Code, &text}
			continue
		}
		code, text := s.adminError(s.Admin.AlterConfigs(ctx, changes[i].resource, changes[i].ops, replace, validateOnly))
		answers[i] = configAnswer{code, text}
	}
	return answers
}
