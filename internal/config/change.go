package config

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// WithDynamic gives the configuration with other dynamic values; an error names what is not allowed (unknown or read-only key, bad value).
func (b *Broker) WithDynamic(perBroker, clusterDefault map[string]string) (*Broker, error) {
	for _, s := range []struct {
		values    map[string]string
		perBroker bool
	}{{perBroker, true}, {clusterDefault, false}} {
		if err := checkDynamicNames(s.values, s.perBroker); err != nil {
			return nil, err
		}
	}
	return b.with(Values{Static: b.Values.Static, DynamicBroker: maps.Clone(perBroker), DynamicDefault: maps.Clone(clusterDefault)})
}

// with types other values and keeps what is no value: whether the id was generated.
func (b *Broker) with(values Values) (*Broker, error) {
	now, err := newBroker(values)
	if err != nil {
		return nil, err
	}
	if b.BrokerIDGenerated {
		now.BrokerIDGenerated, now.BrokerID = true, b.BrokerID
	}
	return now, nil
}

// WithBrokerID gives the configuration of the broker that turned out to have this id: the one in meta.properties, where neither
// broker.id nor node.id was given.
func (b *Broker) WithBrokerID(id int32) *Broker {
	values := b.Values
	values.Static = maps.Clone(values.Static)
	values.Static["broker.id"] = strconv.Itoa(int(id))
	values.Static["node.id"] = values.Static["broker.id"]
	now := *b
	now.BrokerID, now.BrokerIDGenerated, now.Values = id, false, values
	return &now
}

// ValidateDynamic checks the dynamic values that a scope is to have, all of them: those of this broker (perBroker), else the cluster's
// default. The error's text is Kafka's.
func (b *Broker) ValidateDynamic(values map[string]string, perBroker bool) error {
	if err := checkDynamicNames(values, perBroker); err != nil {
		return err
	}
	next := b.Values
	if perBroker {
		next.DynamicBroker = values
	} else {
		next.DynamicDefault = values
	}
	if err := next.checkValues(); err != nil {
		return err
	}
	if err := checkThreadCounts(&b.Values, &next); err != nil {
		return err
	}
	if err := checkCleanerThreads(b.Values.int("log.cleaner.threads"), next.int("log.cleaner.threads")); err != nil {
		return err
	}
	_, err := b.with(next)
	return err
}

// tlsKey are the keys that a listener may change while it runs, and only a listener.
var tlsKey = regexp.MustCompile(`^ssl\.(key|keystore|truststore)\.`)

// checkDynamicNames refuses keys that may not change, or not in this scope. Keys that nobody knows are taken, as Kafka takes them:
// plug-ins have such.
func checkDynamicNames(values map[string]string, perBroker bool) error {
	var fixed, security, brokerOnly []string
	for _, name := range sortedNames(values) {
		r := tables().broker.rows[name]
		listenerKey := isListenerKey(name)
		if listenerKey {
			r = tables().broker.rows[baseName(name)]
		}
		switch {
		case r == nil || r.version == versionOld && r.Dynamic == ReadOnly && !r.Honoured:
		case r.Dynamic == ReadOnly:
			fixed = append(fixed, name)
		case !listenerKey && tlsKey.MatchString(name):
			security = append(security, name)
		case r.Dynamic == PerBroker || listenerKey && !isClusterListenerKey(r.Name):
			brokerOnly = append(brokerOnly, name)
		}
	}
	switch {
	case len(fixed) > 0:
		return conflict("Cannot update these configs dynamically: [%s]", strings.Join(fixed, ", "))
	case len(security) > 0:
		return conflict("These security configs can be dynamically updated only per-listener using the listener prefix: [%s]",
			strings.Join(security, ", "))
	case len(brokerOnly) > 0 && !perBroker:
		return conflict("Cannot update these configs at default cluster level, broker id must be specified: [%s]", strings.Join(brokerOnly, ", "))
	}
	return nil
}

// isClusterListenerKey tells which keys may have a listener prefix in the cluster's default too.
func isClusterListenerKey(base string) bool {
	return slices.Contains([]string{"max.connections", "max.connection.creation.rate", "num.network.threads"}, base)
}

// checkThreadCounts refuses to halve or double a count of threads in more than one step, as Kafka does.
func checkThreadCounts(before, after *Values) error {
	for _, key := range []string{"num.io.threads", "num.network.threads", "num.replica.fetchers", "num.recovery.threads.per.data.dir", "background.threads"} {
		old, now := before.int(key), after.int(key)
		message := ""
		switch {
		case now == old:
		case now < old/2:
			message = "value should be at least half the current value "
		case now > old*2:
			message = "value should not be greater than double the current value "
		}
		if message != "" {
			return conflict("Invalid value org.apache.kafka.common.config.ConfigException: Dynamic thread count update validation failed for %s=%d, "+
				"%s%d for configuration Invalid dynamic configuration", key, now, message, old)
		}
	}
	return nil
}

// checkCleanerThreads is the same rule for the cleaner, in words of its own.
func checkCleanerThreads(old, now int) error {
	message := ""
	switch {
	case now == old:
		return nil
	case now < 1:
		message = "Log cleaner threads should be at least 1"
	case now < old/2:
		message = "Log cleaner threads cannot be reduced to less than half the current value " + strconv.Itoa(old)
	case now > old*2:
		message = "Log cleaner threads cannot be increased to more than double the current value " + strconv.Itoa(old)
	default:
		return nil
	}
	return conflict("Invalid value org.apache.kafka.common.config.ConfigException: %s for configuration Invalid dynamic configuration", message)
}
