package config

import "strings"

// ConsumerGroups are the keys group.consumer.* of consumer groups (KIP-848).
type ConsumerGroups struct {
	SessionTimeoutMs       int32    // group.consumer.session.timeout.ms
	HeartbeatIntervalMs    int32    // group.consumer.heartbeat.interval.ms
	AssignmentIntervalMs   int32    // group.consumer.assignment.interval.ms; 0: a new assignment whenever one is due
	RegexRefreshIntervalMs int32    // group.consumer.regex.refresh.interval.ms
	MaxSize                int      // group.consumer.max.size
	Assignors              []string // group.consumer.assignors, the default one first
	Upgrade, Downgrade     bool     // group.consumer.migration.policy: which conversions of groups with members are allowed
}

// setConsumerGroups reads the keys of consumer groups. What has a minimum and a maximum must lie between them, as Kafka wants it.
func setConsumerGroups(v *Values) (ConsumerGroups, error) {
	g := ConsumerGroups{
		SessionTimeoutMs:       int32(v.int("group.consumer.session.timeout.ms")),
		HeartbeatIntervalMs:    int32(v.int("group.consumer.heartbeat.interval.ms")),
		AssignmentIntervalMs:   int32(v.int("group.consumer.assignment.interval.ms")),
		RegexRefreshIntervalMs: int32(v.int("group.consumer.regex.refresh.interval.ms")),
		MaxSize:                v.int("group.consumer.max.size"),
		Assignors:              v.list("group.consumer.assignors"),
	}
	switch strings.ToLower(v.text("group.consumer.migration.policy")) {
	case "bidirectional":
		g.Upgrade, g.Downgrade = true, true
	case "upgrade":
		g.Upgrade = true
	case "downgrade":
		g.Downgrade = true
	}
	for _, what := range []string{"session.timeout.ms", "heartbeat.interval.ms", "assignment.interval.ms"} {
		least, most := v.int("group.consumer.min."+what), v.int("group.consumer.max."+what)
		own := v.int("group.consumer." + what)
		if most < least {
			return g, conflict("group.consumer.max.%s must be greater than or equal to group.consumer.min.%s", what, what)
		}
		if own < least {
			return g, conflict("group.consumer.%s must be greater than or equal to group.consumer.min.%s", what, what)
		}
		if own > most {
			return g, conflict("group.consumer.%s must be less than or equal to group.consumer.max.%s", what, what)
		}
	}
	if g.HeartbeatIntervalMs >= g.SessionTimeoutMs {
		return g, conflict("group.consumer.heartbeat.interval.ms must be less than group.consumer.session.timeout.ms")
	}
	if len(g.Assignors) == 0 {
		return g, conflict("group.consumer.assignors must not be empty")
	}
	for _, name := range g.Assignors {
		if name != "uniform" && name != "range" {
			return g, conflict("group.consumer.assignors: %q is not one of this broker's assignors: uniform, range", name)
		}
	}
	return g, nil
}
