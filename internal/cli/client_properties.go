package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// role says whose settings they are: a key means something to some clients only.
type role int

const (
	anyClient role = iota
	producerClient
	consumerClient
	// bothClients are keys that only producers and consumers have.
	bothClients
)

// clientKey is one key of Kafka's Java clients.
type clientKey struct {
	name string
	role role
	// apply gives the options; nil: the key is known, and has nothing to set here (metrics, JMX, classes, timings that this
	// client manages by itself).
	apply func(value string) ([]kgo.Opt, error)
}

// clientOptions turns Java client properties into options. Unknown keys come back in warnings; a value that its key does
// not allow is an error in Kafka's words.
func clientOptions(who role, p *Properties) (opts []kgo.Opt, warnings []string, err error) {
	known := map[string]*clientKey{}
	keys := clientKeys()
	for i := range keys {
		known[keys[i].name] = &keys[i]
	}
	for _, name := range p.keys {
		key := known[name]
		switch {
		case key == nil:
			warnings = append(warnings, fmt.Sprintf("The configuration '%s' was supplied but isn't a known config.", name))
		case key.role == anyClient || key.role == who || key.role == bothClients && who != anyClient:
			if key.apply == nil {
				continue
			}
			more, err := key.apply(strings.TrimSpace(p.values[name]))
			if err != nil {
				return nil, nil, err
			}
			opts = append(opts, more...)
		default:
			warnings = append(warnings, fmt.Sprintf("The configuration '%s' was supplied but isn't used by this client.", name))
		}
	}
	if who == producerClient {
		inFlight, plain := notIdempotent(p)
		if plain && (p.True("enable.idempotence", false) || p.Value("transactional.id", "") != "") {
			return nil, nil, &configError{"Must set acks to all in order to use the idempotent producer. Otherwise we cannot " +
				"guarantee idempotence."}
		}
		if plain {
			opts = append(opts, kgo.MaxProduceRequestsInflightPerBroker(inFlight))
		}
	}
	return opts, warnings, nil
}

// invalidValue is Kafka's error for a value that a key does not take.
func invalidValue(key, value, why string) error {
	return &configError{fmt.Sprintf("Invalid value %s for configuration %s: %s", value, key, why)}
}

// configError is a client setting that Kafka's clients would not take.
type configError struct{ message string }

func (e *configError) Error() string { return e.message }

func milliseconds(key string, opt func(time.Duration) kgo.Opt) func(string) ([]kgo.Opt, error) {
	return func(value string) ([]kgo.Opt, error) {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return nil, invalidValue(key, value, "Not a number of type LONG")
		}
		if n < 0 {
			return nil, invalidValue(key, value, "Value must be at least 0")
		}
		return []kgo.Opt{opt(time.Duration(n) * time.Millisecond)}, nil
	}
}

func integer(key string, least int32, opt func(int32) kgo.Opt) func(string) ([]kgo.Opt, error) {
	return func(value string) ([]kgo.Opt, error) {
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil {
			return nil, invalidValue(key, value, "Not a number of type INT")
		}
		if int32(n) < least {
			return nil, invalidValue(key, value, fmt.Sprintf("Value must be at least %d", least))
		}
		return []kgo.Opt{opt(int32(n))}, nil
	}
}

func oneOf(key string, choices map[string][]kgo.Opt) func(string) ([]kgo.Opt, error) {
	return func(value string) ([]kgo.Opt, error) {
		opts, ok := choices[strings.ToLower(value)]
		if !ok {
			return nil, invalidValue(key, value, "String must be one of: "+strings.Join(slices.Sorted(maps.Keys(choices)), ", "))
		}
		return opts, nil
	}
}

// clientKeys is the whole table.
func clientKeys() []clientKey {
	keys := []clientKey{
		{"bootstrap.servers", anyClient, nil}, // the tool itself sets the seeds, --bootstrap-server comes first
		{"client.id", anyClient, func(v string) ([]kgo.Opt, error) { return []kgo.Opt{kgo.ClientID(v)}, nil }},
		{"metadata.max.age.ms", anyClient, milliseconds("metadata.max.age.ms", func(d time.Duration) kgo.Opt {
			return kgo.MetadataMaxAge(max(d, 100*time.Millisecond))
		})},
		{"connections.max.idle.ms", anyClient, milliseconds("connections.max.idle.ms", func(d time.Duration) kgo.Opt {
			return kgo.ConnIdleTimeout(max(d, time.Second))
		})},
		{"socket.connection.setup.timeout.ms", anyClient, milliseconds("socket.connection.setup.timeout.ms",
			func(d time.Duration) kgo.Opt { return kgo.DialTimeout(max(d, time.Millisecond)) })},
		{"request.timeout.ms", anyClient, milliseconds("request.timeout.ms", func(d time.Duration) kgo.Opt {
			return kgo.RequestTimeoutOverhead(min(max(d, 100*time.Millisecond), 15*time.Minute))
		})},
		{"default.api.timeout.ms", anyClient, nil}, // read by connect
		{"client.rack", consumerClient, func(v string) ([]kgo.Opt, error) { return []kgo.Opt{kgo.Rack(v)}, nil }},
		{"security.protocol", anyClient, func(v string) ([]kgo.Opt, error) {
			if !strings.EqualFold(v, "PLAINTEXT") {
				return nil, invalidValue("security.protocol", v, "only PLAINTEXT is supported by these tools")
			}
			return nil, nil
		}},
	}
	keys = append(keys, producerKeys()...)
	keys = append(keys, consumerKeys()...)
	for _, name := range strings.Fields(inertClientKeys) {
		keys = append(keys, clientKey{name: name})
	}
	return keys
}

// inertClientKeys are keys that Java clients have and that change nothing here: class names, metrics, buffers that this
// client sizes by itself, and timings of retries.
const inertClientKeys = `client.dns.lookup retries retry.backoff.ms retry.backoff.max.ms reconnect.backoff.ms
reconnect.backoff.max.ms send.buffer.bytes receive.buffer.bytes metric.reporters metrics.num.samples
metrics.recording.level metrics.sample.window.ms auto.include.jmx.reporter enable.metrics.push interceptor.classes
key.serializer value.serializer key.deserializer value.deserializer socket.connection.setup.timeout.max.ms
metadata.max.idle.ms metadata.recovery.strategy metadata.recovery.rebootstrap.trigger.ms config.providers
partitioner.class partitioner.ignore.keys partitioner.adaptive.partitioning.enable partitioner.availability.timeout.ms
check.crcs exclude.internal.topics max.poll.records max.poll.interval.ms allow.auto.create.topics group.id
enable.auto.commit auto.commit.interval.ms session.timeout.ms heartbeat.interval.ms partition.assignment.strategy
group.instance.id group.protocol group.remote.assignor auto.offset.reset throw.on.fetch.stable.offset.unsupported
security.providers bootstrap.controllers`
