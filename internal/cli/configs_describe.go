package cli

import (
	"context"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// describeConfig is --describe.
func (a *admin) describeConfig(ctx context.Context, v *Values, entity configEntity) error {
	switch entity.types[0] {
	case usersEntity, clientsEntity, ipsEntity:
		return a.describeQuotas(ctx, entity)
	}
	kind := entity.types[0]
	names := entity.names
	if len(names) == 0 {
		existing, err := a.entitiesOf(ctx, kind)
		if err != nil {
			return err
		}
		names = existing
		if kind == brokersEntity {
			names = append(names, "")
		}
	} else if names[0] != "" {
		exists, err := a.entityExists(ctx, kind, names[0])
		if err != nil {
			return err
		}
		if !exists {
			a.env.printf("The %s '%s' doesn't exist and doesn't have dynamic config.\n", singular(kind), names[0])
			return nil
		}
	}
	for _, name := range names {
		if err := a.describeEntity(ctx, kind, name, v.Has("all")); err != nil {
			return err
		}
	}
	return nil
}

// singular is the name of one of a type of entity.
func singular(kind string) string { return strings.TrimSuffix(kind, "s") }

// entitiesOf lists all there are of a type, in the order of Kafka's tool.
func (a *admin) entitiesOf(ctx context.Context, kind string) ([]string, error) {
	var names []string
	switch kind {
	case topicsEntity:
		topics, err := a.topicNames(ctx, true)
		return javaHashOrder(topics), err
	case brokersEntity, brokerLoggersEntity:
		response, err := a.metadata(ctx, "describeCluster", []string{})
		if err != nil {
			return nil, err
		}
		for _, broker := range response.Brokers {
			names = append(names, strconv.Itoa(int(broker.NodeID)))
		}
	case clientMetricsEntity, groupsEntity:
		request := kmsg.NewPtrListConfigResourcesRequest()
		request.ResourceTypes = []int8{int8(kmsg.ConfigResourceTypeClientMetrics)}
		if kind == groupsEntity {
			request.ResourceTypes = []int8{int8(kmsg.ConfigResourceTypeGroupConfig)}
		}
		response, err := call[*kmsg.ListConfigResourcesResponse](ctx, a, "listConfigResources", request)
		if err != nil {
			return nil, err
		}
		for _, resource := range response.ConfigResources {
			names = append(names, resource.Name)
		}
	}
	return names, nil
}

// entityExists tells whether there is such an entity, or settings for it.
func (a *admin) entityExists(ctx context.Context, kind, name string) (bool, error) {
	names, err := a.entitiesOf(ctx, kind)
	if err != nil || contains(names, name) {
		return err == nil, err
	}
	if kind == topicsEntity || kind == brokerLoggersEntity || kind == brokersEntity {
		return false, nil
	}
	entries, err := a.resourceConfigs(ctx, resourceType(kind), name, false)
	for _, entry := range entries {
		if entry.source == dynamicSource(kind, name) {
			return true, nil
		}
	}
	return false, err
}

// describeEntity prints one entity's settings: those set at run time, or all.
func (a *admin) describeEntity(ctx context.Context, kind, name string, all bool) error {
	entries, err := a.resourceConfigs(ctx, resourceType(kind), name, true)
	if err != nil {
		return err
	}
	out := a.env.Buffered()
	switch {
	case name == "":
		fmt.Fprintf(out, "Default configs for %s in the cluster are:\n", kind)
	case all:
		fmt.Fprintf(out, "All configs for %s %s are:\n", singular(kind), name)
	default:
		fmt.Fprintf(out, "Dynamic configs for %s %s are:\n", singular(kind), name)
	}
	for i := range entries {
		entry := &entries[i]
		if !all && kind != brokerLoggersEntity && entry.source != dynamicSource(kind, name) {
			continue
		}
		synonyms := make([]string, len(entry.synonyms))
		for j, synonym := range entry.synonyms {
			synonyms[j] = fmt.Sprintf("%s:%s=%s", sourceName(synonym.Source), synonym.Name, nullable(synonym.Value))
		}
		fmt.Fprintf(out, "  %s=%s sensitive=%t synonyms={%s}\n", entry.name, entry.text(), entry.sensitive,
			strings.Join(synonyms, ", "))
	}
	return out.Flush()
}

func resourceType(kind string) kmsg.ConfigResourceType {
	switch kind {
	case topicsEntity:
		return kmsg.ConfigResourceTypeTopic
	case brokerLoggersEntity:
		return kmsg.ConfigResourceTypeBrokerLogger
	case clientMetricsEntity:
		return kmsg.ConfigResourceTypeClientMetrics
	case groupsEntity:
		return kmsg.ConfigResourceTypeGroupConfig
	}
	return kmsg.ConfigResourceTypeBroker
}

// dynamicSource is where a setting comes from that was made for this very entity.
func dynamicSource(kind, name string) kmsg.ConfigSource {
	switch {
	case kind == topicsEntity:
		return kmsg.ConfigSourceDynamicTopicConfig
	case kind == clientMetricsEntity:
		return kmsg.ConfigSourceClientMetricsConfig
	case kind == groupsEntity:
		return kmsg.ConfigSourceGroupConfig
	case name == "":
		return kmsg.ConfigSourceDynamicDefaultBrokerConfig
	}
	return kmsg.ConfigSourceDynamicBrokerConfig
}

// sourceName is a source's name in Kafka's Java client.
func sourceName(source kmsg.ConfigSource) string {
	names := []string{"UNKNOWN", "DYNAMIC_TOPIC_CONFIG", "DYNAMIC_BROKER_CONFIG", "DYNAMIC_DEFAULT_BROKER_CONFIG",
		"STATIC_BROKER_CONFIG", "DEFAULT_CONFIG", "DYNAMIC_BROKER_LOGGER_CONFIG", "DYNAMIC_CLIENT_METRICS_CONFIG",
		"DYNAMIC_GROUP_CONFIG"}
	if int(source) < 0 || int(source) >= len(names) {
		return names[0]
	}
	return names[source]
}

// quotaType is a type of entity as quota requests name it.
func quotaType(kind string) string {
	return map[string]string{usersEntity: "user", clientsEntity: "client-id", ipsEntity: "ip"}[kind]
}

// quotaEntries asks for the quotas of entities: without a name all of the type, with an empty one the default.
func (a *admin) quotaEntries(ctx context.Context, entity configEntity) ([]kmsg.DescribeClientQuotasResponseEntry, error) {
	request := kmsg.NewPtrDescribeClientQuotasRequest()
	request.Strict = true
	for i, kind := range entity.types {
		component := kmsg.NewDescribeClientQuotasRequestComponent()
		component.EntityType = quotaType(kind)
		switch {
		case i >= len(entity.names):
			component.MatchType = kmsg.QuotasMatchTypeAny
		case entity.names[i] == "":
			component.MatchType = kmsg.QuotasMatchTypeDefault
		default:
			component.Match = &entity.names[i]
		}
		request.Components = append(request.Components, component)
	}
	response, err := call[*kmsg.DescribeClientQuotasResponse](ctx, a, "describeClientQuotas", request)
	if err != nil {
		return nil, err
	}
	return response.Entries, codeError(response.ErrorCode, response.ErrorMessage)
}

func (a *admin) describeQuotas(ctx context.Context, entity configEntity) error {
	entries, err := a.quotaEntries(ctx, entity)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		var of, quotas []string
		for _, kind := range []string{"user", "client-id", "ip"} {
			for _, part := range entry.Entity {
				label := map[string]string{"user": "user-principal"}[kind]
				if label == "" {
					label = kind
				}
				switch {
				case part.Type != kind:
				case part.Name == nil:
					of = append(of, "the default "+label)
				default:
					of = append(of, label+" '"+*part.Name+"'")
				}
			}
		}
		sort.Slice(entry.Values, func(i, j int) bool { return entry.Values[i].Key < entry.Values[j].Key })
		for _, value := range entry.Values {
			quotas = append(quotas, value.Key+"="+javaDouble(value.Value))
		}
		a.env.printf("Quota configs for %s are %s\n", strings.Join(of, ", "), strings.Join(quotas, ", "))
	}
	return nil
}

// javaDouble prints a number as Java does: always with a fraction, with an exponent from ten million on.
func javaDouble(f float64) string {
	size := max(f, -f)
	if size != 0 && (size >= 1e7 || size < 1e-3) {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'E', -1, 64), "E")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		n, _ := strconv.Atoi(exponent)
		return mantissa + "E" + strconv.Itoa(n)
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}
