package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// alterConfig is --alter.
func (a *admin) alterConfig(ctx context.Context, v *Values, entity configEntity) error {
	add, err := configsToAdd(v)
	if err != nil {
		return err
	}
	remove := configsToDelete(v)
	kind, name := entity.types[0], entity.names[0]
	switch kind {
	case usersEntity, clientsEntity, ipsEntity:
		err = a.alterQuotas(ctx, entity, add, remove)
	case brokerLoggersEntity:
		if err = a.checkLoggers(ctx, name, add, remove); err == nil {
			err = a.alterResource(ctx, kind, name, add, remove)
		}
	default:
		err = a.alterResource(ctx, kind, name, add, remove)
	}
	if err != nil {
		return err
	}
	if name == "" {
		a.env.printf("Completed updating default config for %s in the cluster.\n", kind)
	} else {
		a.env.printf("Completed updating config for %s %s.\n", singular(kind), name)
	}
	return nil
}

// configsToAdd reads --add-config, whose values may hold commas in square brackets, or --add-config-file.
func configsToAdd(v *Values) (*Properties, error) {
	p := newProperties()
	if v.Has("add-config-file") {
		loaded, err := loadProperties(v.Value("add-config-file"))
		if err != nil {
			return nil, err
		}
		p = loaded
	}
	if v.Has("add-config") {
		for _, pair := range splitOutsideBrackets(v.Value("add-config")) {
			key, value, ok := strings.Cut(pair, "=")
			if !ok || strings.Contains(stripBracketed(value), "=") {
				return nil, errors.New("requirement failed: Invalid entity config: all configs to be added must be in the format " +
					"\"key=val\" or  \"key=[val1,val2]\" to group values which contain commas.")
			}
			p.Set(strings.TrimSpace(key), strings.TrimSpace(strings.NewReplacer("[", "", "]", "").Replace(value)))
		}
	}
	allowed := regexp.MustCompile(`^[a-zA-Z0-9._-]*$`)
	for _, key := range p.keys {
		if !allowed.MatchString(key) {
			return nil, errors.New("Invalid character found for config key: " + key)
		}
	}
	return p, nil
}

// splitOutsideBrackets splits at the commas that stand in no brackets.
func splitOutsideBrackets(text string) []string {
	var parts []string
	depth, begin := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '[':
			depth++
		case ']':
			depth--
		case ',':
			if depth <= 0 {
				parts = append(parts, text[begin:i])
				begin = i + 1
			}
		}
	}
	return append(parts, text[begin:])
}

// stripBracketed leaves out what stands in brackets.
func stripBracketed(text string) string {
	if i, j := strings.IndexByte(text, '['), strings.LastIndexByte(text, ']'); i >= 0 && j > i {
		return text[:i] + text[j+1:]
	}
	return text
}

func configsToDelete(v *Values) []string {
	var names []string
	for _, list := range v.All("delete-config") {
		for _, name := range strings.Split(list, ",") {
			if name = strings.TrimSpace(name); name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}

// checkLoggers refuses names that the broker has no logger for.
func (a *admin) checkLoggers(ctx context.Context, broker string, add *Properties, remove []string) error {
	entries, err := a.resourceConfigs(ctx, kmsg.ConfigResourceTypeBrokerLogger, broker, true)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, entry := range entries {
		known[entry.name] = true
	}
	var invalid []string
	for _, name := range append(append([]string{}, remove...), add.keys...) {
		if !known[name] {
			invalid = append(invalid, name)
		}
	}
	if len(invalid) > 0 {
		return errors.New("Invalid broker logger(s): " + strings.Join(invalid, ","))
	}
	return nil
}

// alterResource sets and takes away settings of one resource (IncrementalAlterConfigs, KIP-339).
func (a *admin) alterResource(ctx context.Context, kind, name string, add *Properties, remove []string) error {
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = resourceType(kind), name
	for _, key := range add.keys {
		c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		c.Name, c.Value, c.Op = key, kmsg.StringPtr(add.values[key]), kmsg.IncrementalAlterConfigOpSet
		resource.Configs = append(resource.Configs, c)
	}
	for _, key := range remove {
		c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		c.Name, c.Value, c.Op = key, kmsg.StringPtr(""), kmsg.IncrementalAlterConfigOpDelete
		resource.Configs = append(resource.Configs, c)
	}
	request.Resources = append(request.Resources, resource)
	var response kmsg.Response
	var err error
	if id, bad := strconv.ParseInt(name, 10, 32); bad == nil && (kind == brokersEntity || kind == brokerLoggersEntity) {
		response, err = a.askBroker(ctx, "incrementalAlterConfigs", int32(id), request)
	} else {
		response, err = a.ask(ctx, "incrementalAlterConfigs", request)
	}
	if err != nil {
		return err
	}
	for _, r := range response.(*kmsg.IncrementalAlterConfigsResponse).Resources {
		if err := codeError(r.ErrorCode, r.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}

// alterQuotas sets and takes away quotas of a user, a client, both, or an address.
func (a *admin) alterQuotas(ctx context.Context, entity configEntity, add *Properties, remove []string) error {
	for _, name := range append(append([]string{}, add.keys...), remove...) {
		if strings.HasPrefix(name, "SCRAM-") {
			return errors.New("SCRAM credentials are not supported by this release.")
		}
		if !contains(configNames(entity.types[0]), name) {
			return fmt.Errorf("Only quota configs can be added for '%s' using --bootstrap-server. Unexpected config names: Set(%s)",
				entity.types[0], name)
		}
	}
	old, err := a.quotaEntries(ctx, entity)
	if err != nil {
		return err
	}
	for _, name := range remove {
		if !hasQuota(old, name) {
			return errors.New("Invalid config(s): " + name)
		}
	}
	request := kmsg.NewPtrAlterClientQuotasRequest()
	entry := kmsg.NewAlterClientQuotasRequestEntry()
	for i, kind := range entity.types {
		part := kmsg.NewAlterClientQuotasRequestEntryEntity()
		part.Type = quotaType(kind)
		if entity.names[i] != "" {
			part.Name = &entity.names[i]
		}
		entry.Entity = append(entry.Entity, part)
	}
	for _, key := range add.keys {
		op := kmsg.NewAlterClientQuotasRequestEntryOp()
		if op.Value, err = strconv.ParseFloat(add.values[key], 64); err != nil {
			return fmt.Errorf("Cannot parse quota configuration value for %s: %s", key, add.values[key])
		}
		op.Key = key
		entry.Ops = append(entry.Ops, op)
	}
	for _, key := range remove {
		op := kmsg.NewAlterClientQuotasRequestEntryOp()
		op.Key, op.Remove = key, true
		entry.Ops = append(entry.Ops, op)
	}
	request.Entries = append(request.Entries, entry)
	response, err := call[*kmsg.AlterClientQuotasResponse](ctx, a, "alterClientQuotas", request)
	if err != nil {
		return err
	}
	for _, e := range response.Entries {
		if err := codeError(e.ErrorCode, e.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}

func hasQuota(entries []kmsg.DescribeClientQuotasResponseEntry, name string) bool {
	for _, entry := range entries {
		for _, value := range entry.Values {
			if value.Key == name {
				return true
			}
		}
	}
	return false
}
