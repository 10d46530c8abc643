package config

import (
	"regexp"
	"slices"
	"strconv"
)

var voterPattern = regexp.MustCompile(`^([0-9]+)@(\[?[0-9a-zA-Z\-%._:]+\]?):([0-9]+)$`)

// checkQuorum checks the keys of a KRaft-style file. The voters of a quorum are the members of the coordination store; in this
// release there is one: this process.
func checkQuorum(b *Broker, v *Values) error {
	voters := v.list("controller.quorum.voters")
	servers := v.list("controller.quorum.bootstrap.servers")
	for _, key := range []string{"controller.quorum.voters", "controller.quorum.bootstrap.servers"} {
		if n := len(v.list(key)); n > 1 {
			return &ValueError{key, v.text(key),
				strconv.Itoa(n) + " controllers are named, but in this release a broker is a cluster of one: name one, or leave the key out"}
		}
	}
	if !b.KRaft {
		return nil
	}
	roles := v.list("process.roles")
	if !slices.Contains(roles, "broker") {
		return &ValueError{"process.roles", v.text("process.roles"),
			"this release has no process that is a controller alone; a broker is its own controller: use process.roles=broker,controller"}
	}
	if b.BrokerIDGenerated {
		if v.isSet("node.id") {
			return &ValueError{"node.id", v.text("node.id"), "Value must be at least 0"}
		}
		return conflict("Missing configuration `node.id` which is required when `process.roles` is defined (i.e. when running in KRaft mode).")
	}
	if len(b.ControllerListeners) == 0 {
		return conflict("controller.listener.names must contain at least one value when running KRaft")
	}
	if len(voters) == 0 && len(servers) == 0 {
		return conflict("If using process.roles, either controller.quorum.bootstrap.servers must contain the set of bootstrap controllers or " +
			"controller.quorum.voters must contain a parseable set of controllers.")
	}
	controller := slices.Contains(roles, "controller")
	for _, voter := range voters {
		m := voterPattern.FindStringSubmatch(voter)
		if m == nil {
			return conflict("Failed to parse %s for the configuration controller.quorum.voters. Each entry should be in the form `{id}@{host}:{port}`.", voter)
		}
		switch own := m[1] == strconv.Itoa(int(b.BrokerID)); {
		case controller && !own:
			return conflict("If process.roles contains the 'controller' role, the node id %d must be included in the set of voters "+
				"controller.quorum.voters=Set(%s)", b.BrokerID, m[1])
		case !controller && own:
			return conflict("If process.roles contains just the 'broker' role, the node id %d must not be included in the set of voters "+
				"controller.quorum.voters=Set(%s)", b.BrokerID, m[1])
		}
	}
	if controller && len(b.ControllerEndpoints) == 0 {
		return conflict("controller.listener.names must contain at least one value appearing in the 'listeners' configuration when running the " +
			"KRaft controller role")
	}
	return nil
}
