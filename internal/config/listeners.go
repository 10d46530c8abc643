package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ConflictError is values that are each allowed but do not go together, or a mode that this release refuses.
type ConflictError struct{ Message string }

func (e *ConflictError) Error() string { return e.Message }

func conflict(format string, args ...any) error { return &ConflictError{fmt.Sprintf(format, args...)} }

// endpointPattern is Kafka's: NAME://host:port, an IPv6 host in brackets.
var endpointPattern = regexp.MustCompile(`^(.*)://\[?([0-9a-zA-Z\-%._:]*)\]?:(-?[0-9]+)$`)

// parseListener reads one endpoint.
func parseListener(text string) (Listener, error) {
	m := endpointPattern.FindStringSubmatch(text)
	if m == nil {
		return Listener{}, conflict("Unable to parse %s to a broker endpoint", text)
	}
	port, err := strconv.Atoi(m[3])
	if err != nil || port < 0 || port > 65535 {
		return Listener{}, conflict("Unable to parse %s to a broker endpoint: port out of range 0 to 65535", text)
	}
	return Listener{Name: strings.ToUpper(m[1]), Host: m[2], Port: port}, nil
}

// String is NAME://host:port.
func (l Listener) String() string {
	host := l.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return l.Name + "://" + host + ":" + strconv.Itoa(l.Port)
}

// parseListeners reads a list of endpoints and gives each its security protocol. key names the list in errors.
func parseListeners(b *Broker, key string, list []string, protocols map[string]string) ([]Listener, error) {
	var out []Listener
	for _, text := range list {
		l, err := parseListener(text)
		if err != nil {
			return nil, conflict("Error creating broker listeners from '%s': %v", strings.Join(list, ","), err)
		}
		if l.Protocol = protocols[l.Name]; l.Protocol == "" {
			return nil, conflict("Error creating broker listeners from '%s': No security protocol defined for listener %s",
				strings.Join(list, ","), l.Name)
		}
		if l.Protocol != "PLAINTEXT" && !(l.Protocol == "SSL" && b.isController(l.Name)) {
			return nil, conflict("%s: listener %s has security protocol %s, which this release does not speak: only PLAINTEXT",
				key, l.Name, l.Protocol)
		}
		if slices.ContainsFunc(out, func(o Listener) bool { return o.Name == l.Name }) {
			return nil, conflict("Each listener must have a different name, %s: %s", key, strings.Join(list, ","))
		}
		out = append(out, l)
	}
	return out, nil
}

// checkPorts refuses two listeners of one port, unless one is IPv4 and the other IPv6.
func checkPorts(listeners []Listener) error {
	for i, a := range listeners {
		for _, b := range listeners[:i] {
			if a.Port == 0 || a.Port != b.Port || ipVersion(a.Host)*ipVersion(b.Host) == 4*6 {
				continue
			}
			return conflict("Each listener must have a different port, listeners: %s and %s", b, a)
		}
	}
	return nil
}

// ipVersion is 4, 6, or 0 where host is a name.
func ipVersion(host string) int {
	a, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return 0
	case a.Is4():
		return 4
	}
	return 6
}

// protocolMap reads listener.security.protocol.map. Controller listeners are PLAINTEXT where the map is not set.
func protocolMap(v *Values) (map[string]string, error) {
	const key = "listener.security.protocol.map"
	m := map[string]string{}
	for _, pair := range splitList(v.text(key)) {
		name, protocol, ok := strings.Cut(pair, ":")
		name = strings.ToUpper(strings.TrimSpace(name))
		protocol = strings.ToUpper(strings.TrimSpace(protocol))
		if !ok || name == "" || strings.Contains(protocol, ":") {
			return nil, &ValueError{key, v.text(key), "expected a list of listener:protocol"}
		}
		switch protocol {
		case "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL":
		default:
			return nil, conflict("Invalid security protocol `%s` defined in %s", protocol, key)
		}
		m[name] = protocol
	}
	if !v.isSet(key) {
		for _, name := range v.list("controller.listener.names") {
			if n := strings.ToUpper(name); m[n] == "" {
				m[n] = "PLAINTEXT"
			}
		}
	}
	return m, nil
}

// setListeners reads where to listen and what to tell clients.
func setListeners(b *Broker, v *Values) error {
	protocols, err := protocolMap(v)
	if err != nil {
		return err
	}
	all, err := parseListeners(b, "listeners", v.list("listeners"), protocols)
	if err != nil {
		return err
	}
	if err := checkPorts(all); err != nil {
		return err
	}
	for _, l := range all {
		if b.isController(l.Name) {
			b.ControllerEndpoints = append(b.ControllerEndpoints, l)
		} else {
			b.Listeners = append(b.Listeners, l)
		}
	}
	if b.ControllerOnly {
		return setControllerOnly(b, v, protocols)
	}
	if len(b.Listeners) == 0 {
		return conflict("There must be at least one broker advertised listener. Perhaps all listeners appear in controller.listener.names?")
	}
	if err := setAdvertised(b, v, protocols); err != nil {
		return err
	}
	if err := setInterBroker(b, v); err != nil {
		return err
	}
	return setQuorum(b, v, protocols)
}

func (b *Broker) isController(name string) bool {
	return slices.ContainsFunc(b.ControllerListeners, func(c string) bool { return strings.EqualFold(c, name) })
}

// setAdvertised reads advertised.listeners; unset or empty it stays nil, and a client is told the address it reached.
func setAdvertised(b *Broker, v *Values, protocols map[string]string) error {
	const key = "advertised.listeners"
	list := v.list(key)
	if len(list) == 0 {
		return nil
	}
	all, err := parseListeners(b, key, list, protocols)
	if err != nil {
		return err
	}
	for _, l := range all {
		if b.isController(l.Name) {
			continue
		}
		if l.Host == "0.0.0.0" {
			return conflict("advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address.")
		}
		if !slices.ContainsFunc(b.Listeners, func(o Listener) bool { return o.Name == l.Name }) {
			return conflict("advertised.listeners listener names must be equal to or a subset of the ones defined in listeners. "+
				"Found %s. The valid options based on the current configuration are %s", l.Name, names(b.Listeners))
		}
		b.AdvertisedListeners = append(b.AdvertisedListeners, l)
	}
	if b.AdvertisedListeners == nil {
		return conflict("There must be at least one broker advertised listener. Perhaps all listeners appear in controller.listener.names?")
	}
	return nil
}

func names(listeners []Listener) string {
	var out []string
	for _, l := range listeners {
		out = append(out, l.Name)
	}
	return strings.Join(out, ",")
}

// setInterBroker finds the listener between brokers: by name, else the one of the security protocol between brokers.
func setInterBroker(b *Broker, v *Values) error {
	name := strings.ToUpper(v.text("inter.broker.listener.name"))
	if name != "" && v.isSet("security.inter.broker.protocol") {
		return conflict("Only one of inter.broker.listener.name and security.inter.broker.protocol should be set.")
	}
	nothingSaid := name == "" && !v.isSet("security.inter.broker.protocol")
	if name == "" {
		name = v.text("security.inter.broker.protocol")
	}
	offered := b.Listeners
	if b.AdvertisedListeners != nil {
		offered = b.AdvertisedListeners
	}
	if slices.ContainsFunc(offered, func(l Listener) bool { return l.Name == name }) {
		b.InterBrokerListener = name
		return nil
	}
	if nothingSaid && len(offered) == 1 {
		// One listener and nothing said about it: there is no other one it could be.
		b.InterBrokerListener = offered[0].Name
		return nil
	}
	return conflict("inter.broker.listener.name must be a listener name defined in advertised.listeners. "+
		"The valid options based on currently configured listeners are %s", names(offered))
}
