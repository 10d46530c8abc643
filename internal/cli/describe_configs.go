package cli

import (
	"context"
	"sort"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// configEntry is one setting of a resource.
type configEntry struct {
	name      string
	value     *string // nil: the broker keeps it to itself, or it has none
	source    kmsg.ConfigSource
	sensitive bool
	synonyms  []kmsg.DescribeConfigsResponseResourceConfigConfigSynonym
}

// text is the value as Java prints it.
func (e *configEntry) text() string { return nullable(e.value) }

func nullable(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

// resourceConfigs asks for the settings of one resource, sorted by name.
func (a *admin) resourceConfigs(ctx context.Context, kind kmsg.ConfigResourceType, name string,
	synonyms bool) ([]configEntry, error) {
	request := kmsg.NewPtrDescribeConfigsRequest()
	request.IncludeSynonyms = synonyms
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kind, name
	request.Resources = append(request.Resources, resource)
	response, err := a.describeConfigs(ctx, kind, name, request)
	if err != nil {
		return nil, err
	}
	var entries []configEntry
	for i := range response.Resources {
		r := &response.Resources[i]
		if err := codeError(r.ErrorCode, r.ErrorMessage); err != nil {
			return nil, err
		}
		entries = append(entries, configEntries(r)...)
	}
	sort.SliceStable(entries, func(i, j int) bool { return entries[i].name < entries[j].name })
	return entries, nil
}

// describeConfigs sends the request to the broker it is about, else to any.
func (a *admin) describeConfigs(ctx context.Context, kind kmsg.ConfigResourceType, name string,
	request *kmsg.DescribeConfigsRequest) (*kmsg.DescribeConfigsResponse, error) {
	if id, err := strconv.ParseInt(name, 10, 32); err == nil &&
		(kind == kmsg.ConfigResourceTypeBroker || kind == kmsg.ConfigResourceTypeBrokerLogger) {
		response, err := a.askBroker(ctx, "describeConfigs", int32(id), request)
		if err != nil {
			return nil, err
		}
		return response.(*kmsg.DescribeConfigsResponse), nil
	}
	return call[*kmsg.DescribeConfigsResponse](ctx, a, "describeConfigs", request)
}

// topicConfigs asks for the settings of several topics, each in the order of Kafka's admin client.
func (a *admin) topicConfigs(ctx context.Context, topics []string) (map[string][]configEntry, error) {
	byTopic := map[string][]configEntry{}
	if len(topics) == 0 {
		return byTopic, nil
	}
	request := kmsg.NewPtrDescribeConfigsRequest()
	for _, topic := range topics {
		resource := kmsg.NewDescribeConfigsRequestResource()
		resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, topic
		request.Resources = append(request.Resources, resource)
	}
	response, err := call[*kmsg.DescribeConfigsResponse](ctx, a, "describeConfigs", request)
	if err != nil {
		return nil, err
	}
	for i := range response.Resources {
		r := &response.Resources[i]
		if err := codeError(r.ErrorCode, r.ErrorMessage); err != nil {
			return nil, err
		}
		entries := map[string]configEntry{}
		var names []string
		for _, entry := range configEntries(r) {
			entries[entry.name] = entry
			names = append(names, entry.name)
		}
		for _, name := range javaHashOrder(names) {
			byTopic[r.ResourceName] = append(byTopic[r.ResourceName], entries[name])
		}
	}
	return byTopic, nil
}

func configEntries(r *kmsg.DescribeConfigsResponseResource) []configEntry {
	entries := make([]configEntry, len(r.Configs))
	for i := range r.Configs {
		c := &r.Configs[i]
		entries[i] = configEntry{name: c.Name, value: c.Value, source: c.Source, sensitive: c.IsSensitive, synonyms: c.ConfigSynonyms}
	}
	return entries
}
