package replica

import (
	"maps"

	"milena/internal/config"
	"milena/internal/logdir"
)

// topicConfig is one topic's configuration, shared by its partitions.
type topicConfig struct {
	overrides map[string]string
	effective *config.Topic
}

// TopicConfig is a topic's configuration in force. Overrides that this broker cannot take (an older release wrote them) are logged
// and left out as a whole.
func (r *Replicas) TopicConfig(topic string) *config.Topic {
	r.configMu.Lock()
	defer r.configMu.Unlock()
	if t := r.topics[topic]; t != nil {
		return t.effective
	}
	var overrides map[string]string
	if r.options.TopicOverrides != nil {
		overrides = r.options.TopicOverrides(topic)
	}
	return r.setLocked(topic, overrides, r.options.Config.Broker())
}

func (r *Replicas) setLocked(topic string, overrides map[string]string, broker *config.Broker) *config.Topic {
	effective, err := config.TopicOf(broker, overrides)
	if err != nil {
		r.options.Logger.Warn("topic's configuration is not allowed; the broker's defaults hold", "topic", topic, "error", err)
		effective, err = config.TopicOf(broker, nil)
		if err != nil {
			panic("replica: the broker's defaults are no topic configuration: " + err.Error())
		}
	}
	r.topics[topic] = &topicConfig{overrides: maps.Clone(overrides), effective: effective}
	return effective
}

// SetTopicConfig tells every hosted partition of a topic of its changed overrides. For a topic that has no log here nothing is
// kept: TopicOverrides is asked when it gets one.
func (r *Replicas) SetTopicConfig(topic string, overrides map[string]string) {
	r.configMu.Lock()
	t := r.topics[topic]
	if t == nil {
		r.configMu.Unlock()
		return
	}
	cfg := r.setLocked(topic, overrides, r.options.Config.Broker())
	r.configMu.Unlock()
	for _, l := range r.options.Dirs.All() {
		if l.Topic == topic {
			l.SetConfig(cfg)
		}
	}
	r.throttledChanged(topic, t.effective, cfg)
	r.checkISRs(func(name string) bool { return name == topic }) // min.insync.replicas may be another
}

// brokerConfigChanged works a change of the broker's defaults into every topic.
func (r *Replicas) brokerConfigChanged(now *config.Broker) {
	r.configMu.Lock()
	changed := make(map[string]*config.Topic, len(r.topics))
	for topic, t := range r.topics {
		changed[topic] = r.setLocked(topic, t.overrides, now)
	}
	r.configMu.Unlock()
	for _, l := range r.options.Dirs.All() {
		if cfg := changed[l.Topic]; cfg != nil {
			l.SetConfig(cfg)
		}
	}
	r.checkISRs(func(name string) bool { return changed[name] != nil })
}

// forgetTopic drops the configuration of a topic that has no log here any more: one made anew under its name has its own.
func (r *Replicas) forgetTopic(topic string) {
	for _, l := range r.options.Dirs.All() {
		if l.Topic == topic {
			return
		}
	}
	r.configMu.Lock()
	delete(r.topics, topic)
	r.configMu.Unlock()
	r.options.Metrics.ForgetTopic(topic)
}

// logOf finds or makes a partition's log.
func (r *Replicas) logOf(tp logdir.TopicPartition, id [16]byte, isNew bool) (*logdir.Log, error) {
	dirs := r.options.Dirs
	if l := dirs.Get(tp); l != nil && id != ([16]byte{}) && l.TopicID() != ([16]byte{}) && l.TopicID() != id {
		// A log of the topic's deleted namesake: never this one's.
		if err := dirs.SetAside(tp); err != nil {
			return nil, err
		}
		isNew = true
	}
	l, err := dirs.Create(tp, id, r.TopicConfig(tp.Topic), isNew)
	if err != nil {
		return nil, err
	}
	return l, dirs.AssignTopicID(l, id)
}
