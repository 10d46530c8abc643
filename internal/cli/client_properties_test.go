package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Settings reach the client library: it tells its options' values by name.
func TestClientProperties(t *testing.T) {
	for _, c := range []struct {
		who    role
		props  string
		option any
		want   any
	}{
		{producerClient, "linger.ms=17", kgo.ProducerLinger, 17 * time.Millisecond},
		{producerClient, "max.request.size=70000", kgo.ProducerBatchMaxBytes, int32(70000)},
		{producerClient, "batch.size=16384", kgo.ProducerBatchMaxBytes, int32(1 << 20)},
		{producerClient, "delivery.timeout.ms=5000", kgo.RecordDeliveryTimeout, 5 * time.Second},
		{producerClient, "acks=1", kgo.DisableIdempotentWrite, true},
		{producerClient, "acks=1 max.in.flight.requests.per.connection=3", kgo.MaxProduceRequestsInflightPerBroker, 3},
		{producerClient, "enable.idempotence=false", kgo.MaxProduceRequestsInflightPerBroker, 5},
		{producerClient, "acks=all", kgo.DisableIdempotentWrite, false},
		{producerClient, "buffer.memory=9000000", kgo.MaxBufferedBytes, int64(9000000)},
		{consumerClient, "fetch.min.bytes=5", kgo.FetchMinBytes, int32(5)},
		{consumerClient, "max.partition.fetch.bytes=77", kgo.FetchMaxPartitionBytes, int32(77)},
		{consumerClient, "fetch.max.wait.ms=300", kgo.FetchMaxWait, 300 * time.Millisecond},
		{consumerClient, "client.rack=r1", kgo.Rack, "r1"},
		{anyClient, "client.id=me", kgo.ClientID, "me"},
		{anyClient, "connections.max.idle.ms=60000", kgo.ConnIdleTimeout, time.Minute},
	} {
		p := newProperties()
		p.SetPairs(strings.Fields(c.props))
		opts, warnings, err := clientOptions(c.who, p)
		if err != nil || len(warnings) > 0 {
			t.Errorf("%s: %v %v", c.props, err, warnings)
			continue
		}
		client, err := kgo.NewClient(opts...)
		if err != nil {
			t.Errorf("%s: %v", c.props, err)
			continue
		}
		if got := client.OptValue(c.option); !sameOption(got, c.want) {
			t.Errorf("%s: the client has %v, want %v", c.props, got, c.want)
		}
		client.Close()
	}
}

// sameOption compares an option as the library gives it back: texts come as pointers.
func sameOption(got, want any) bool {
	if text, ok := got.(*string); ok && text != nil {
		got = *text
	}
	return got == want
}

func TestClientPropertiesRefused(t *testing.T) {
	for props, want := range map[string]string{
		"acks=2":                                  "Invalid value 2 for configuration acks: String must be one of: all, -1, 0, 1",
		"linger.ms=soon":                          "Invalid value soon for configuration linger.ms: Not a number of type LONG",
		"compression.type=rar":                    "Invalid value rar for configuration compression.type: String must be one of: none, gzip, snappy, lz4, zstd",
		"linger.ms=-1":                            "Invalid value -1 for configuration linger.ms: Value must be at least 0",
		"acks=1 enable.idempotence=true":          "Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee idempotence.",
		"security.protocol=SASL_SSL":              "Invalid value SASL_SSL for configuration security.protocol: only PLAINTEXT is supported by these tools",
		"max.in.flight.requests.per.connection=0": "Invalid value 0 for configuration max.in.flight.requests.per.connection: Value must be at least 1",
	} {
		p := newProperties()
		p.SetPairs(strings.Fields(props))
		if _, _, err := clientOptions(producerClient, p); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", props, err, want)
		}
	}
	p := newProperties()
	p.SetPairs([]string{"nosuch=1", "group.id=g", "linger.ms=1"})
	if _, warnings, err := clientOptions(consumerClient, p); err != nil || len(warnings) != 2 ||
		warnings[0] != "The configuration 'nosuch' was supplied but isn't a known config." {
		t.Errorf("unknown keys: %v %q", err, warnings)
	}
}

func TestProperties(t *testing.T) {
	path := filepath.Join(t.TempDir(), "client.properties")
	text := "# comment\nbootstrap.servers = a:1,\\\n  b:2\nclient.id: \\u0041${x}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := loadProperties(path)
	if err != nil || p.Value("bootstrap.servers", "") != "a:1,b:2" || p.Value("client.id", "") != "A${x}" {
		t.Errorf("%v %+v", err, p)
	}
	p.Default("client.id", "other")
	p.Set("x", "TRUE ")
	if p.Value("client.id", "") == "other" || !p.True("x", false) || !p.True("y", true) {
		t.Errorf("%+v", p)
	}
	p.Remove("x")
	if _, ok := p.Get("x"); ok || len(p.keys) != 2 {
		t.Errorf("after Remove: %+v", p)
	}
	if _, err := loadProperties(path + ".no"); err == nil || !strings.Contains(err.Error(), "client.properties.no") {
		t.Errorf("missing file: %v", err)
	}
}

func TestBootstrapSeeds(t *testing.T) {
	for list, want := range map[string]string{"a:1": "a:1", "a:1, b:2": "a:1 b:2", "PLAINTEXT://a:1": "a:1", "[::1]:9092": "[::1]:9092",
		"a": "Invalid url in bootstrap.servers: a", "a:x": "Invalid url in bootstrap.servers: a:x",
		"a:99999": "Invalid port in bootstrap.servers: a:99999", "": "No resolvable bootstrap urls given in bootstrap.servers"} {
		seeds, err := bootstrapSeeds(list)
		got := strings.Join(seeds, " ")
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", list, got, want)
		}
	}
}

// TestUnresolvable: a name that nobody knows is told at once, not after default.api.timeout.ms.
func TestUnresolvable(t *testing.T) {
	lookup := func(host string) ([]string, error) {
		if host == "known" {
			return []string{"10.0.0.1"}, nil
		}
		return nil, errors.New("no such host")
	}
	for list, want := range map[string]string{"known:1": "known:1", "10.0.0.1:9,[::1]:9": "10.0.0.1:9 [::1]:9", "typo:1,known:2": "known:2",
		"typo:1": "No resolvable bootstrap urls given in bootstrap.servers"} {
		var said strings.Builder
		env := &Env{Stderr: &said}
		seeds, err := env.resolvable(strings.Split(list, ","), lookup)
		got := strings.Join(seeds, " ")
		if err != nil {
			got = err.Error()
		}
		if got != want || strings.Contains(list, "typo") !=
			strings.Contains(said.String(), "Couldn't resolve server typo:1 from bootstrap.servers as DNS resolution failed for typo") {
			t.Errorf("%s: %q %q", list, got, said.String())
		}
	}
}

// TestLastingClientsRetryEOF: a broker may be killed between taking a connection and answering on it. A command that asks once says what that may
// mean; a producer and a consumer try again.
func TestLastingClientsRetryEOF(t *testing.T) {
	for who, want := range map[role]bool{anyClient: false, producerClient: true, consumerClient: true} {
		env, _, _ := captured()
		p := newProperties()
		p.SetPairs([]string{"bootstrap.servers=127.0.0.1:1"})
		client, err := env.newClient(who, p)
		if err != nil {
			t.Fatal(err)
		}
		if got := client.OptValue(kgo.AlwaysRetryEOF); got != want {
			t.Errorf("%d: %v, want %v", who, got, want)
		}
		client.Close()
	}
}
