package config

import (
	"cmp"
	"math"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var voterPattern = regexp.MustCompile(`^([0-9]+)@(\[?[0-9a-zA-Z\-%._:]+\]?):([0-9]+)$`)

var errNoControllerListener = conflict("controller.listener.names must contain at least one value when running KRaft")

// Voter is a member of the coordination store that is embedded in the controllers.
type Voter struct {
	ID   int32 // -1 where controller.quorum.bootstrap.servers names it, without an id
	Host string
	Port int
}

// setRoles reads what this process is to be. It comes before the listeners, of which a controller alone has none for clients.
func setRoles(b *Broker, v *Values) error {
	roles := v.list("process.roles")
	b.ControllerRole = slices.Contains(roles, "controller")
	b.ControllerOnly = b.ControllerRole && !slices.Contains(roles, "broker")
	if !b.ControllerOnly {
		return nil
	}
	if len(b.ControllerListeners) == 0 {
		return errNoControllerListener
	}
	const elsewhere = "process.roles=controller is a member of the store that is embedded in the controllers, but %s says that the cluster's " +
		"state is elsewhere: its brokers elect one of them there, without such a process"
	for _, key := range []string{"zookeeper.connect", etcdKeys + "endpoints"} {
		if v.text(key) != "" {
			return conflict(elsewhere, key)
		}
	}
	return nil
}

// Campaigns tells whether this process may be elected controller. Where the store is embedded these are its members, else all brokers.
func (b *Broker) Campaigns() bool {
	return b.ControllerRole || !b.KRaft || len(b.Etcd.Endpoints) > 0
}

// setControllerOnly reads what a controller that is no broker has of the keys of listeners. advertised.listeners is for the clients of KRaft's
// controllers, of which there are none here. Brokers say by which listener they are reached; the key is for one that does not.
func setControllerOnly(b *Broker, v *Values, protocols map[string]string) error {
	b.InterBrokerListener = cmp.Or(strings.ToUpper(v.text("inter.broker.listener.name")), "PLAINTEXT")
	if len(b.Listeners) > 0 {
		return conflict("The listeners config must only contain KRaft controller listeners from controller.listener.names when " +
			"process.roles=controller")
	}
	return setQuorum(b, v, protocols)
}

// setQuorum reads the keys of a KRaft-style file: the voters are the members of the embedded store, on their controller listeners'
// addresses; a broker that is no voter is their client.
func setQuorum(b *Broker, v *Values, protocols map[string]string) error {
	if !b.KRaft {
		return nil
	}
	if b.BrokerIDGenerated {
		if v.isSet("node.id") {
			return &ValueError{"node.id", v.text("node.id"), "Value must be at least 0"}
		}
		return conflict("Missing configuration `node.id` which is required when `process.roles` is defined (i.e. when running in KRaft mode).")
	}
	if len(b.ControllerListeners) == 0 {
		return errNoControllerListener
	}
	if err := setVoters(b, v); err != nil {
		return err
	}
	if b.ControllerRole && len(b.ControllerEndpoints) == 0 {
		return conflict("controller.listener.names must contain at least one value appearing in the 'listeners' configuration when running the " +
			"KRaft controller role")
	}
	return setControllerTLS(b, v, protocols)
}

// setControllerTLS reads how the controller listener is secured: this process's own, or that of the voters whose client it is.
func setControllerTLS(b *Broker, v *Values, protocols map[string]string) (err error) {
	name := strings.ToUpper(b.ControllerListeners[0])
	if b.ControllerRole {
		name = b.ControllerEndpoints[0].Name
	}
	switch protocol := protocols[name]; protocol {
	case "PLAINTEXT":
	case "SSL":
		b.ControllerTLS, err = controllerTLS(v, name, b.ControllerRole)
	case "":
		return conflict("Controller listener with name %s defined in controller.listener.names not found in listener.security.protocol.map  "+
			"(an explicit security mapping for each controller listener is required if listener.security.protocol.map is non-empty, or if there "+
			"are security protocols other than PLAINTEXT in use)", name)
	default:
		return conflict("controller.listener.names: listener %s has security protocol %s, which this release does not speak: PLAINTEXT or SSL",
			name, protocol)
	}
	return err
}

// setVoters reads who the voters are, and whether this process is one of them.
func setVoters(b *Broker, v *Values) error {
	voters, servers := v.list("controller.quorum.voters"), v.list("controller.quorum.bootstrap.servers")
	if len(voters) == 0 && len(servers) == 0 {
		return conflict("If using process.roles, either controller.quorum.bootstrap.servers must contain the set of bootstrap controllers or " +
			"controller.quorum.voters must contain a parseable set of controllers.")
	}
	if len(voters) == 0 {
		return setBootstrapServers(b, v, servers)
	}
	var ids []string
	own := false
	for _, voter := range voters {
		m := voterPattern.FindStringSubmatch(voter)
		port, id := 0, 0
		if m != nil {
			id, _ = strconv.Atoi(m[1])
			port, _ = strconv.Atoi(m[3])
		}
		if m == nil || port > 65535 || id > math.MaxInt32 {
			return conflict("Failed to parse %s for the configuration controller.quorum.voters. Each entry should be in the form `{id}@{host}:{port}`.", voter)
		}
		if slices.Contains(ids, m[1]) {
			return conflict("controller.quorum.voters names voter %s twice", m[1])
		}
		ids = append(ids, m[1])
		own = own || int32(id) == b.BrokerID
		b.Voters = append(b.Voters, Voter{ID: int32(id), Host: strings.Trim(m[2], "[]"), Port: port})
	}
	switch set := strings.Join(ids, ", "); {
	case b.ControllerRole && !own:
		return conflict("If process.roles contains the 'controller' role, the node id %d must be included in the set of voters "+
			"controller.quorum.voters=Set(%s)", b.BrokerID, set)
	case !b.ControllerRole && own:
		return conflict("If process.roles contains just the 'broker' role, the node id %d must not be included in the set of voters "+
			"controller.quorum.voters=Set(%s)", b.BrokerID, set)
	}
	return nil
}

// setBootstrapServers reads voters that are named without their ids: enough for a client of theirs, and for a voter that is the only one.
func setBootstrapServers(b *Broker, v *Values, servers []string) error {
	const key = "controller.quorum.bootstrap.servers"
	if b.ControllerRole && len(servers) > 1 {
		return &ValueError{key, v.text(key), "the members of the embedded store must know each other's ids: name them in controller.quorum.voters"}
	}
	for _, server := range servers {
		host, text, err := net.SplitHostPort(server)
		port, _ := strconv.Atoi(text)
		if err != nil || host == "" || port < 1 || port > 65535 {
			return &ValueError{key, v.text(key), "each entry must be host:port"}
		}
		voter := Voter{ID: -1, Host: host, Port: port}
		if b.ControllerRole {
			voter.ID = b.BrokerID
		}
		b.Voters = append(b.Voters, voter)
	}
	return nil
}
