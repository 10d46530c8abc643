package api

import (
	"context"

	"milena/internal/admin"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeConfigs, v0 to v4: of topics, brokers ("" is the default of all) and broker loggers. Synonyms from v1, types and documentation
// from v3.

// loggerSource is DYNAMIC_BROKER_LOGGER_CONFIG.
const loggerSource = 6

func (s *Services) describeConfigsRow() Row {
	return Row{Key: int16(kmsg.DescribeConfigs), Min: 0, Max: 4, MaxBytes: listRequestMaxBytes, Handle: s.describeConfigs}
}

func (s *Services) describeConfigs(call *Call, r kmsg.Request) {
	req := r.(*kmsg.DescribeConfigsRequest)
	call.OnGone(s.Admin.Go(func(ctx context.Context) {
		resp := kmsg.NewPtrDescribeConfigsResponse()
		if hasUnknownKind(req) {
			for i := range req.Resources {
				text := "This most likely occurs because of a request being malformed by the client library or the message was sent to an " +
					"incompatible broker. See the broker logs for more details."
				resp.Resources = append(resp.Resources, kmsg.DescribeConfigsResponseResource{
					ErrorCode: kerr.InvalidRequest.Code, ErrorMessage: &text,
					ResourceType: req.Resources[i].ResourceType, ResourceName: req.Resources[i].ResourceName,
				})
			}
			call.Respond(resp)
			return
		}
		for i := range req.Resources {
			resp.Resources = append(resp.Resources, s.describeResource(ctx, req, &req.Resources[i]))
		}
		call.Respond(resp)
	}))
}

// hasUnknownKind tells a request of which Kafka refuses every resource.
func hasUnknownKind(req *kmsg.DescribeConfigsRequest) bool {
	for i := range req.Resources {
		switch admin.ResourceKind(req.Resources[i].ResourceType) {
		case admin.KindTopic, admin.KindBroker, admin.KindBrokerLogger, kindClientMetrics:
		default:
			return true
		}
	}
	return false
}

// kindClientMetrics is a resource that only KRaft has.
const kindClientMetrics admin.ResourceKind = 16

func (s *Services) describeResource(
	ctx context.Context, req *kmsg.DescribeConfigsRequest, asked *kmsg.DescribeConfigsRequestResource,
) kmsg.DescribeConfigsResponseResource {
	out := kmsg.NewDescribeConfigsResponseResource()
	out.ResourceType, out.ResourceName = asked.ResourceType, asked.ResourceName
	out.ErrorMessage = new(string)
	kind := admin.ResourceKind(asked.ResourceType)
	if kind == kindClientMetrics {
		*out.ErrorMessage = "Config type client-metrics is only supported on KRaft clusters"
		out.ErrorCode = kerr.InvalidRequest.Code
		return out
	}
	if len(asked.ConfigNames) == 0 {
		asked.ConfigNames = nil // all of them, as with null
	}
	entries, err := s.Admin.DescribeConfigs(ctx, admin.Resource{Kind: kind, Name: asked.ResourceName}, asked.ConfigNames)
	if err != nil {
		var text *string
		if out.ErrorCode, text = s.adminError(err); text != nil {
			out.ErrorMessage = text
		}
		return out
	}
	for i := range entries {
		out.Configs = append(out.Configs, describedConfig(req, &entries[i]))
	}
	return out
}

func describedConfig(req *kmsg.DescribeConfigsRequest, e *admin.Described) kmsg.DescribeConfigsResponseResourceConfig {
	c := kmsg.NewDescribeConfigsResponseResourceConfig()
	c.Name, c.Value, c.ReadOnly, c.IsSensitive = e.Name, e.Value, e.ReadOnly, e.Sensitive
	if e.Logger {
		c.Source, c.Documentation = loggerSource, new(string)
		return c
	}
	c.Source = kmsg.ConfigSource(e.Source) // v0 has IsDefault instead, which Kafka leaves false
	c.ConfigType = kmsg.ConfigType(e.Type)
	if req.IncludeSynonyms {
		for i := range e.Synonym {
			s := &e.Synonym[i]
			c.ConfigSynonyms = append(c.ConfigSynonyms, kmsg.DescribeConfigsResponseResourceConfigConfigSynonym{
				Name: s.Name, Value: s.Value, Source: kmsg.ConfigSource(s.Source),
			})
		}
	}
	if req.IncludeDocumentation && e.Doc != "" {
		c.Documentation = &e.Doc
	}
	return c
}
