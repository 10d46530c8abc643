package admin

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"milena/internal/clusterstore"
	"milena/internal/config"
)

// ResourceKind is the kind of thing that has a configuration, with Kafka's numbers.
type ResourceKind int8

// Kinds.
const (
	KindTopic        ResourceKind = 2
	KindBroker       ResourceKind = 4
	KindBrokerLogger ResourceKind = 8
	// kindClientMetrics is what only KRaft has.
	kindClientMetrics ResourceKind = 16
)

// Resource is what a configuration belongs to: a topic, or a broker by its id ("" the default of all brokers).
type Resource struct {
	Kind ResourceKind
	Name string
}

// OpKind is what IncrementalAlterConfigs does with a key, with Kafka's numbers.
type OpKind int8

// Operations.
const (
	OpSet OpKind = iota
	OpDelete
	OpAppend
	OpSubtract
)

func (o OpKind) String() string { return [...]string{"SET", "DELETE", "APPEND", "SUBTRACT"}[o] }

// ConfigOp is one change of a key.
type ConfigOp struct {
	Name  string
	Op    OpKind
	Value *string // ignored by OpDelete
}

// AlterConfigs applies changes to a resource's configuration. replace drops every key that is not set (AlterConfigs), else those
// not named stay (IncrementalAlterConfigs).
func (a *Admin) AlterConfigs(ctx context.Context, r Resource, ops []ConfigOp, replace, validateOnly bool) error {
	if err := checkOps(ops); err != nil {
		return err
	}
	switch r.Kind {
	case KindTopic:
		return a.alterTopic(ctx, r.Name, ops, replace, validateOnly)
	case KindBroker:
		return a.alterBroker(ctx, r.Name, ops, replace, validateOnly)
	case KindBrokerLogger:
		if !replace && a.Loggers != nil {
			if err := a.checkNode(r.Name, "Node id must be an integer, but it is: %s", "Unexpected node id. Expected %d, but received %s"); err != nil {
				return err
			}
			return a.Loggers.change(ops, validateOnly)
		}
	}
	if r.Kind == kindClientMetrics {
		return refuse(InvalidRequest, "AlterConfigs is only supported for topics and brokers, but resource type is CLIENT_METRICS")
	}
	return refuse(InvalidRequest, "Unknown resource type %d", r.Kind)
}

func checkOps(ops []ConfigOp) error {
	seen := map[string]bool{}
	var nulls []string
	for _, op := range ops {
		if seen[op.Name] {
			return refuse(InvalidRequest, "Error due to duplicate config keys")
		}
		seen[op.Name] = true
		if op.Op < OpSet || op.Op > OpSubtract {
			return &Refusal{Reason: Unknown}
		}
		if op.Value == nil && op.Op != OpDelete {
			nulls = append(nulls, op.Name)
		}
	}
	if len(nulls) > 0 {
		return refuse(InvalidRequest, "Null value not supported for : %s", strings.Join(nulls, ", "))
	}
	return nil
}

// checkNode demands that name is this broker's id.
func (a *Admin) checkNode(name, notNumber, notThis string) error {
	id, err := strconv.ParseInt(name, 10, 32)
	if err != nil {
		return refuse(InvalidRequest, notNumber, name)
	}
	if own := a.Config.Broker().BrokerID; int32(id) != own {
		return refuse(InvalidRequest, notThis, own, name)
	}
	return nil
}

func (a *Admin) alterTopic(ctx context.Context, name string, ops []ConfigOp, replace, validateOnly bool) error {
	if name == "" {
		return refuse(InvalidRequest, "Default topic resources are not allowed.")
	}
	if err := ValidateTopicName(name); err != nil {
		return err
	}
	if a.Metadata.Image().Topics[name] == nil {
		return refuse(UnknownTopic, "The topic '%s' does not exist.", name)
	}
	return a.change(ctx, clusterstore.TopicEntity(name), validateOnly, func(old map[string]string) (map[string]string, error) {
		broker := a.Config.Broker()
		next, err := applyOps(old, ops, replace, listKey(config.TopicKey), func(key string) string {
			return valueOf(broker.DescribeTopic(old), key)
		})
		if err != nil {
			return nil, err
		}
		if _, err := config.TopicOf(broker, next); err != nil {
			return nil, refuse(InvalidConfig, "%s", err)
		}
		return next, nil
	})
}

func (a *Admin) alterBroker(ctx context.Context, name string, ops []ConfigOp, replace, validateOnly bool) error {
	if name != "" {
		if err := a.checkNode(name, "Node id must be an integer, but it is: %s", "Unexpected broker id, expected %d, but received %s"); err != nil {
			return err
		}
	}
	return a.change(ctx, clusterstore.BrokerEntity(name), validateOnly, func(old map[string]string) (map[string]string, error) {
		broker := a.Config.Broker()
		next, err := applyOps(old, ops, replace, listKey(config.BrokerKey), func(key string) string {
			return valueOf(broker.DescribeBroker(), key)
		})
		if err != nil {
			return nil, err
		}
		if err := broker.ValidateDynamic(next, name != ""); err != nil {
			return nil, refuse(InvalidRequest, "%s", err)
		}
		return next, nil
	})
}

// change writes a configuration, or only finds out whether it could be.
func (a *Admin) change(
	ctx context.Context, e clusterstore.Entity, validateOnly bool, change func(map[string]string) (map[string]string, error),
) error {
	if !validateOnly {
		return a.Store.ChangeConfig(ctx, e, change)
	}
	old, err := a.Store.Config(ctx, e)
	if err != nil {
		return err
	}
	_, err = change(old)
	return err
}

// listKey tells which keys are lists, to which values can be appended.
func listKey(find func(string) (config.Key, bool)) func(string) bool {
	return func(name string) bool {
		key, known := find(name)
		return known && key.Type == config.TypeList
	}
}

func valueOf(entries []config.Entry, key string) string {
	for i := range entries {
		if entries[i].Name == key && entries[i].Value != nil {
			return *entries[i].Value
		}
	}
	return ""
}

// applyOps gives a configuration after the operations. inForce is the value that a list without one of its own has now.
func applyOps(
	old map[string]string, ops []ConfigOp, replace bool, isList func(string) bool, inForce func(string) string,
) (map[string]string, error) {
	next := map[string]string{}
	if !replace {
		next = maps.Clone(old)
	}
	for _, op := range ops {
		switch op.Op {
		case OpSet:
			next[op.Name] = *op.Value
		case OpDelete:
			delete(next, op.Name)
		default:
			if !isList(op.Name) {
				return nil, refuse(InvalidConfig, "Can't %s to key %s because its type is not LIST.", op.Op, op.Name)
			}
			value, own := old[op.Name]
			if !own {
				value = inForce(op.Name)
			}
			list := splitList(value)
			for _, element := range splitList(*op.Value) {
				at := slices.Index(list, element)
				switch {
				case op.Op == OpAppend && at < 0:
					list = append(list, element)
				case op.Op == OpSubtract && at >= 0:
					list = slices.Delete(list, at, at+1)
				}
			}
			next[op.Name] = strings.Join(list, ",")
		}
	}
	return next, nil
}

func splitList(text string) []string {
	var list []string
	for element := range strings.SplitSeq(text, ",") {
		if element = strings.TrimSpace(element); element != "" {
			list = append(list, element)
		}
	}
	return list
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
