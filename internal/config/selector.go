package config

// Kafka's own classes for replica.selector.class (KIP-392).
const (
	leaderSelector    = "org.apache.kafka.common.replica.LeaderSelector"
	rackAwareSelector = "org.apache.kafka.common.replica.RackAwareReplicaSelector"
)

// setSelector reads which replica consumers are sent to. There is no Java to load another class with.
func setSelector(b *Broker, v *Values) error {
	const key = "replica.selector.class"
	switch class := v.text(key); class {
	case "", leaderSelector:
	case rackAwareSelector:
		b.RackAwareSelector = true
	default:
		return &ValueError{key, class, "Class " + class + " could not be found; there are " + rackAwareSelector + " and " + leaderSelector}
	}
	return nil
}
