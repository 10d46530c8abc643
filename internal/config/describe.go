package config

import (
	"cmp"
	"slices"
	"strings"
)

// DescribeBroker gives every broker key with value, source and synonyms, sorted by name, as Kafka 4.3.1's DescribeConfigs shows them.
// A key of Kafka 3.9 alone, one of ours, and one that nobody knows are shown where they are set.
func (b *Broker) DescribeBroker() []Entry {
	names := map[string]bool{}
	for _, name := range tables().broker.names {
		switch tables().broker.rows[name].version {
		case versionBoth, versionNew:
			names[name] = true
		}
	}
	for _, s := range b.Values.sources() {
		for name := range s.values {
			names[name] = true
		}
	}
	entries := make([]Entry, 0, len(names))
	for name := range names {
		entries = append(entries, b.brokerEntry(name, b.Values.synonyms(name, brokerSynonyms(name))))
	}
	sortEntries(entries)
	return entries
}

// DescribeBrokerDefault gives the dynamic values of the whole cluster: what a DescribeConfigs of broker "" shows.
func (b *Broker) DescribeBrokerDefault() []Entry {
	only := &Values{DynamicDefault: b.Values.DynamicDefault}
	entries := make([]Entry, 0, len(only.DynamicDefault))
	for name := range only.DynamicDefault {
		all := only.synonyms(name, brokerSynonyms(name))
		entries = append(entries, b.brokerEntry(name, slices.DeleteFunc(all, func(s Synonym) bool { return s.Source == SourceDefault })))
	}
	sortEntries(entries)
	return entries
}

func sortEntries(entries []Entry) {
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
}

// brokerEntry is one entry; its value is that of the strongest synonym.
func (b *Broker) brokerEntry(name string, synonyms []Synonym) Entry {
	e := Entry{Key: keyOrUnknown(name), Source: SourceDefault, Synonym: synonyms}
	e.ReadOnly = e.Dynamic == ReadOnly
	if len(synonyms) > 0 {
		e.Source, e.Value = synonyms[0].Source, synonyms[0].Value
	}
	return e
}

// keyOrUnknown is a broker key. One with a listener prefix is its base key under the longer name, and read-only and undocumented, as
// Kafka shows it. Of a key nobody knows nothing is shown: its value may be a secret.
func keyOrUnknown(name string) Key {
	if r := tables().broker.rows[name]; r != nil {
		return r.Key
	}
	if r := tables().broker.rows[baseName(name)]; r != nil {
		return Key{Name: name, Type: r.Type, Sensitive: r.Sensitive}
	}
	return Key{Name: name, Sensitive: true}
}

// baseName is the key without its listener prefix; the name itself where it has none, or where its base is no key.
func baseName(name string) string {
	m := listenerPrefix.FindStringSubmatch(name)
	switch {
	case m == nil:
		return name
	case tables().broker.rows[m[1]] != nil:
		return m[1]
	}
	for _, base := range mechanismKeys() {
		if strings.HasSuffix(name, "."+base) {
			return base
		}
	}
	return name
}

// mechanismKeys are the keys that may have a SASL mechanism between the listener prefix and themselves.
func mechanismKeys() []string {
	return []string{"sasl.jaas.config", "sasl.login.callback.handler.class", "sasl.login.class", "sasl.server.callback.handler.class",
		"connections.max.reauth.ms"}
}

// brokerSynonyms are the keys that say the same as name, the strongest first, name among them.
func brokerSynonyms(name string) []string {
	switch name {
	case "log.retention.ms", "log.retention.minutes", "log.retention.hours":
		return []string{"log.retention.ms", "log.retention.minutes", "log.retention.hours"}
	case "log.roll.ms", "log.roll.hours":
		return []string{"log.roll.ms", "log.roll.hours"}
	case "log.roll.jitter.ms", "log.roll.jitter.hours":
		return []string{"log.roll.jitter.ms", "log.roll.jitter.hours"}
	case "log.flush.interval.ms":
		return []string{"log.flush.interval.ms", "log.flush.scheduler.interval.ms"}
	}
	if base := baseName(name); base != name {
		return []string{name, base}
	}
	return []string{name}
}

// synonyms lists the values that keys have, source by source. Those stronger than the first of name itself do not concern it; where
// name has none at all there is nothing to list.
func (v *Values) synonyms(name string, keys []string) []Synonym {
	sources := v.sources()
	var out []Synonym
	for _, s := range sources {
		for _, key := range keys {
			if text, ok := s.values[key]; ok {
				out = append(out, Synonym{key, shownValue(key, text), s.source})
			}
		}
	}
	for _, key := range keys {
		if r := tables().broker.rows[key]; r != nil && r.HasDefault {
			out = append(out, Synonym{key, shownValue(key, r.Default), SourceDefault})
		}
	}
	for i := range out {
		if out[i].Name == name {
			return out[i:]
		}
	}
	return nil
}

// shownValue is a value as it may be shown: in Kafka's own spelling, and nothing where it is or may be a secret.
func shownValue(name, text string) *string {
	r := tables().broker.rows[baseName(name)]
	if r == nil || r.Sensitive {
		return nil
	}
	return shownText(r, text)
}

func shownText(r *row, text string) *string {
	if p, err := r.parse(text); err == nil {
		text = canonical(r.Type, p)
	}
	return &text
}

// DescribeTopic gives every topic key with value, source and synonyms, sorted by name, for a topic with these overrides.
func (b *Broker) DescribeTopic(overrides map[string]string) []Entry {
	t := &topicValues{broker: &b.Values, overrides: overrides}
	var entries []Entry
	for _, name := range tables().topic.names {
		r := tables().topic.rows[name]
		text, own := overrides[name]
		if !own && r.version != versionBoth && r.version != versionNew {
			continue
		}
		e := Entry{Key: r.Key, Source: SourceDefault}
		if own {
			e.Synonym = append(e.Synonym, Synonym{name, shownText(r, text), SourceTopic})
		}
		if len(r.Synonyms) > 0 {
			e.Synonym = append(e.Synonym, b.Values.synonyms(r.Synonyms[0], brokerSynonyms(r.Synonyms[0]))...)
		}
		if len(e.Synonym) > 0 {
			e.Source = e.Synonym[0].Source
		}
		if p, err := t.parsed(name); err == nil && p != nil {
			value := canonical(r.Type, p)
			e.Value = &value
		}
		entries = append(entries, e)
	}
	for name := range overrides {
		if tables().topic.rows[name] == nil { // written into the store by someone else
			entries = append(entries, Entry{Key: Key{Name: name, Sensitive: true}, Source: SourceTopic,
				Synonym: []Synonym{{name, nil, SourceTopic}}})
		}
	}
	sortEntries(entries)
	return entries
}

// isListenerKey tells whether name has a listener prefix before a key.
func isListenerKey(name string) bool {
	return strings.HasPrefix(name, "listener.name.") && baseName(name) != name
}
