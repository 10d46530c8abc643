package admin

import (
	"context"
	"errors"
	"strconv"
)

// AutoCreate starts to make topics with the broker's defaults (internal topics with theirs) and does not wait for them. It answers an
// error for each, at the same index: nil where the topic is being made or has been made by another.
func (a *Admin) AutoCreate(topics []string) []error {
	errs := make([]error, len(topics))
	var wanted []NewTopic
	for i, name := range topics {
		t := a.defaultTopic(name)
		_, answer := a.prepare(&t)
		if errs[i] = answer.Err; answer.Err == nil && a.claim(name) {
			wanted = append(wanted, t)
		}
		var refusal *Refusal
		if errors.As(answer.Err, &refusal) && refusal.Reason == TopicExists {
			errs[i] = nil
		}
	}
	if len(wanted) > 0 {
		a.Go(func(ctx context.Context) { a.autoCreate(ctx, wanted) })
	}
	return errs
}

// autoCreateWaitMs is how long a topic counts as being made: until its leaders are known, or another request may try again.
const autoCreateWaitMs = 5000

func (a *Admin) autoCreate(ctx context.Context, topics []NewTopic) {
	for i, result := range a.CreateTopics(ctx, topics, autoCreateWaitMs, false) {
		var refusal *Refusal
		if result.Err != nil && !(errors.As(result.Err, &refusal) && refusal.Reason == TopicExists) {
			a.Logger.Warn("auto-creation of a topic failed", "topic", topics[i].Name, "error", result.Err)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range topics {
		delete(a.creating, topics[i].Name)
	}
}

// claim marks a topic as being made; false where it is already.
func (a *Admin) claim(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.creating[name] {
		return false
	}
	a.creating[name] = true
	return true
}

// Names of Kafka's internal topics.
const (
	OffsetsTopic     = "__consumer_offsets"
	TransactionTopic = "__transaction_state"
)

// defaultTopic is what a topic that nobody described looks like.
func (a *Admin) defaultTopic(name string) NewTopic {
	t := NewTopic{Name: name, Partitions: -1, ReplicationFactor: -1}
	var prefix string
	own := map[string]string{"cleanup.policy": "compact"}
	switch name {
	case OffsetsTopic:
		prefix = "offsets.topic."
		own["compression.type"] = "producer"
	case TransactionTopic:
		prefix = "transaction.state.log."
		own["compression.type"] = "uncompressed"
		own["unclean.leader.election.enable"] = "false"
		own["min.insync.replicas"] = a.brokerValue(prefix + "min.isr")
	default:
		return t
	}
	own["segment.bytes"] = a.brokerValue(prefix + "segment.bytes")
	if n, err := strconv.ParseInt(a.brokerValue(prefix+"num.partitions"), 10, 32); err == nil {
		t.Partitions = int32(n)
	}
	if n, err := strconv.ParseInt(a.brokerValue(prefix+"replication.factor"), 10, 16); err == nil {
		t.ReplicationFactor = int16(n)
	}
	t.Configs = map[string]*string{}
	for key, value := range own {
		if value != "" {
			t.Configs[key] = &value
		}
	}
	return t
}

// brokerValue is a broker key's effective value, "" where it has none.
func (a *Admin) brokerValue(key string) string {
	for _, e := range a.Config.Broker().DescribeBroker() {
		if e.Name == key && e.Value != nil {
			return *e.Value
		}
	}
	return ""
}
