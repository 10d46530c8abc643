package config

import (
	"fmt"
	"regexp"
	"strings"
)

// listenerPrefix is "listener.name.NAME." before a key that then concerns one listener.
var listenerPrefix = regexp.MustCompile(`^listener\.name\.[^.]*\.(.*)$`)

// warnings names what the file or command line sets and this release does not act on, and what nobody knows.
func (b *Broker) warnings() []string {
	var out, unhonoured []string
	for _, name := range sortedNames(b.Values.Static) {
		r := tables().broker.rows[name]
		switch {
		case b.ControllerTLS != nil && isControllerTLS(name, b):
		case r == nil && listenerPrefix.MatchString(name):
			unhonoured = append(unhonoured, name)
		case r == nil:
			out = append(out, unknownKey(name))
		case r.version == versionDynamic:
			out = append(out, name+" holds as a dynamic value alone and is passed over here: set it with kafka-configs")
		case !r.Honoured && !isDefault(r, b.Values.Static[name]):
			unhonoured = append(unhonoured, name)
		}
	}
	if len(unhonoured) == 1 {
		out = append(out, "this release does not honour the key "+unhonoured[0])
	} else if len(unhonoured) > 1 {
		out = append(out, "this release does not honour the keys "+strings.Join(unhonoured, ", "))
	}
	if b.KRaft && b.Values.text("zookeeper.connect") != "" {
		out = append(out, "zookeeper.connect is passed over, since process.roles is set: without it, this broker belongs to the cluster there")
	}
	if t := b.ControllerTLS; t != nil && b.ControllerRole && t.ClientAuth != "required" {
		out = append(out, "whoever reaches the controller listener may change the cluster's state: ssl.client.auth=required asks for a certificate")
	}
	return out
}

// isControllerTLS tells of the keys by which the controller listener is secured, with or without its prefix.
func isControllerTLS(name string, b *Broker) bool {
	for _, l := range b.ControllerListeners {
		name = strings.TrimPrefix(name, "listener.name."+strings.ToLower(l)+".")
	}
	switch name {
	case "ssl.keystore.type", "ssl.keystore.location", "ssl.keystore.certificate.chain", "ssl.keystore.key", "ssl.truststore.type",
		"ssl.truststore.location", "ssl.truststore.certificates", "ssl.client.auth", "ssl.enabled.protocols", "ssl.cipher.suites",
		"ssl.endpoint.identification.algorithm", "ssl.key.password":
		return true
	}
	return false
}

func isDefault(r *row, text string) bool {
	v, err := r.parse(text)
	return err == nil && canonical(r.Type, v) == r.Default
}

func unknownKey(name string) string {
	if near := nearest(name); near != "" {
		return fmt.Sprintf("unknown key %s: did you mean %s?", name, near)
	}
	return fmt.Sprintf("unknown key %s: neither Kafka nor Milena has it", name)
}

// nearest is the known key that differs least from name, if it is near enough to be what was meant.
func nearest(name string) string {
	best, bestDistance := "", max(2, len(name)/4)+1
	for _, candidate := range tables().broker.names {
		if tables().broker.rows[candidate].version == versionInternal {
			continue
		}
		if d := distance(name, candidate, bestDistance); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete, replace or swap with a neighbour to make b of a; limit if it is not less than limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, last, now := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last, now = last, now, before
	}
	return min(last[len(b)], limit)
}
