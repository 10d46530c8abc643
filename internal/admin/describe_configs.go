package admin

import (
	"context"
	"slices"

	"milena/internal/clusterstore"
	"milena/internal/config"
)

// Described is a key as DescribeConfigs shows it.
type Described struct {
	config.Entry
	// Logger tells that it is a logger's level.
	Logger bool
}

// DescribeConfigs gives a resource's keys; keys limits them (nil: all).
func (a *Admin) DescribeConfigs(ctx context.Context, r Resource, keys []string) ([]Described, error) {
	var entries []config.Entry
	logger := false
	broker := a.Config.Broker()
	switch r.Kind {
	case KindTopic:
		if err := ValidateTopicName(r.Name); err != nil {
			return nil, err
		}
		if a.Metadata.Image().Topics[r.Name] == nil {
			return nil, &Refusal{Reason: UnknownTopic}
		}
		overrides, err := a.Store.Config(ctx, clusterstore.TopicEntity(r.Name))
		if err != nil {
			return nil, err
		}
		entries = broker.DescribeTopic(overrides)
	case KindBroker:
		if r.Name == "" {
			entries = broker.DescribeBrokerDefault()
			break
		}
		err := a.checkNode(r.Name, "Broker id must be an integer, but it is: %s", "Unexpected broker id, expected %d or empty string, but received %s")
		if err != nil {
			return nil, err
		}
		entries = broker.DescribeBroker()
	case KindBrokerLogger:
		if r.Name == "" {
			return nil, refuse(InvalidRequest, "Broker id must not be empty")
		}
		err := a.checkNode(r.Name, "Broker id must be an integer, but it is: %s", "Unexpected broker id, expected %d but received %s")
		if err != nil {
			return nil, err
		}
		entries, logger = a.loggerEntries(), true
	default:
		return nil, refuse(InvalidRequest, "Unsupported resource type: %d", r.Kind)
	}
	var out []Described
	for _, e := range entries {
		if keys == nil || slices.Contains(keys, e.Name) {
			out = append(out, Described{Entry: e, Logger: logger})
		}
	}
	return out, nil
}

func (a *Admin) loggerEntries() []config.Entry {
	if a.Loggers == nil {
		return nil
	}
	var entries []config.Entry
	levels := a.Loggers.Levels()
	for _, name := range sortedKeys(levels) {
		value := levels[name]
		entries = append(entries, config.Entry{Key: config.Key{Name: name}, Value: &value})
	}
	return entries
}
