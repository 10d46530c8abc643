package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"milena/internal/vfs"
)

// Load reads a properties file ("" for none), applies overrides ("key=value") and gives the typed configuration with the warnings to log
// (keys not honoured, unknown keys with a suggestion). An error names key, value and what is allowed.
func Load(file string, overrides []string) (*Broker, []string, error) {
	static := map[string]string{}
	if file != "" {
		raw, err := readFile(vfs.OS{}, file)
		if err != nil {
			return nil, nil, fmt.Errorf("cannot read the configuration: %w", err)
		}
		if static, err = ParseProperties(raw); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	for _, o := range overrides {
		key, value, ok := strings.Cut(o, "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			return nil, nil, fmt.Errorf("--override %s: expected KEY=VALUE", o)
		}
		static[key] = strings.TrimSpace(value)
	}
	if file == "" {
		applyNoFileDefaults(static)
	}
	return FromStatic(static)
}

// maxFileBytes bounds a configuration; the largest sensible ones take some hundred kilobytes (certificates in PEM).
const maxFileBytes = 8 << 20

func readFile(fsys vfs.FS, name string) ([]byte, error) {
	info, err := fsys.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", name)
	case info.Size() > maxFileBytes:
		return nil, fmt.Errorf("%s has %d bytes; %d are allowed", name, info.Size(), maxFileBytes)
	}
	return vfs.ReadFile(fsys, name)
}

// applyNoFileDefaults is the broker that one gets without a file: node 1, on localhost:9092, with its data in ./milena-data.
// What the command line says of the same subject holds.
func applyNoFileDefaults(static map[string]string) {
	absent := func(keys ...string) bool {
		return !slices.ContainsFunc(keys, func(k string) bool { _, ok := static[k]; return ok })
	}
	if absent("listeners", "port", "host.name") {
		static["listeners"] = "PLAINTEXT://localhost:9092"
	}
	if absent("log.dirs", "log.dir") {
		static["log.dirs"] = "./milena-data"
	}
	// There is one broker: Kafka's own samples for one say the same.
	for _, key := range []string{
		"offsets.topic.replication.factor", "transaction.state.log.replication.factor", "transaction.state.log.min.isr",
	} {
		if absent(key) {
			static[key] = "1"
		}
	}
}

// FromStatic is Load for values at hand: those of a file, or of a test.
func FromStatic(given map[string]string) (*Broker, []string, error) {
	static := maps.Clone(given)
	if static == nil {
		static = map[string]string{}
	}
	warnings, err := applyOldKeys(static)
	if err != nil {
		return nil, nil, err
	}
	if err := applyIDSynonyms(static); err != nil {
		return nil, nil, err
	}
	b, err := newBroker(Values{Static: static})
	if err != nil {
		return nil, nil, err
	}
	if err := checkStatic(&b.Values); err != nil {
		return nil, nil, err
	}
	return b, append(warnings, b.warnings()...), nil
}

// checkStatic refuses what Kafka refuses at start, but not as a dynamic change.
func checkStatic(v *Values) error {
	if v.firstMs("log.roll.ms", "log.roll.hours") < 1 {
		return conflict("log.roll.ms must be greater than or equal to 1")
	}
	if v.firstMs("log.roll.jitter.ms", "log.roll.jitter.hours") < 0 {
		return conflict("log.roll.jitter.ms must be greater than or equal to 0")
	}
	if v.firstMs("log.retention.ms", "log.retention.minutes", "log.retention.hours") == 0 {
		return conflict("log.retention.ms must be unlimited (-1) or, greater than or equal to 1")
	}
	wait := v.long("replica.fetch.wait.max.ms")
	if wait > v.long("replica.socket.timeout.ms") {
		return conflict("replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to prevent unnecessary socket timeouts")
	}
	if wait > v.long("replica.lag.time.max.ms") {
		return conflict("replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms to prevent frequent changes in ISR")
	}
	return nil
}

// applyIDSynonyms makes broker.id and node.id one, as Kafka does; two different ids are refused.
func applyIDSynonyms(static map[string]string) error {
	broker, hasBroker := static["broker.id"]
	node, hasNode := static["node.id"]
	switch {
	case hasBroker && hasNode && strings.TrimSpace(broker) != strings.TrimSpace(node):
		return conflict("You must set `node.id` to the same value as `broker.id`.")
	case hasBroker:
		static["node.id"] = broker
	case hasNode:
		static["broker.id"] = node
	}
	return nil
}

// applyOldKeys turns the keys by which brokers before Kafka 3.0 said where they listen into listeners and advertised.listeners.
func applyOldKeys(static map[string]string) (warnings []string, err error) {
	for _, old := range []struct{ host, port, now string }{
		{"host.name", "port", "listeners"},
		{"advertised.host.name", "advertised.port", "advertised.listeners"},
	} {
		host, hasHost := static[old.host]
		port, hasPort := static[old.port]
		delete(static, old.host)
		delete(static, old.port)
		if !hasHost && !hasPort {
			continue
		}
		if _, ok := static[old.now]; ok {
			warnings = append(warnings, fmt.Sprintf("%s and %s are ignored: %s is set", old.host, old.port, old.now))
			continue
		}
		if !hasPort {
			if port = "9092"; old.now == "advertised.listeners" {
				port = portOf(static["listeners"])
			}
		}
		if !hasHost && old.now == "advertised.listeners" {
			return nil, &ValueError{old.port, port, "advertised.host.name must be set too; better: advertised.listeners=PLAINTEXT://HOST:" + port}
		}
		if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
			host = "[" + host + "]"
		}
		static[old.now] = "PLAINTEXT://" + host + ":" + strings.TrimSpace(port)
		warnings = append(warnings, fmt.Sprintf("%s and %s are keys of before Kafka 3.0: write %s=%s", old.host, old.port, old.now, static[old.now]))
	}
	return warnings, nil
}

// portOf is the port of the first listener, Kafka's default where it has none.
func portOf(listeners string) string {
	if list := splitList(listeners); len(list) > 0 {
		if i := strings.LastIndexByte(list[0], ':'); i >= 0 {
			return list[0][i+1:]
		}
	}
	return "9092"
}

func sortedNames(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
