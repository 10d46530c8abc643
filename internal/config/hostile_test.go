package config

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestNoConfigurationPanics gives random keys odd values, as a file, as dynamic values and as a topic's overrides: each is refused or taken,
// and what is taken can be used and shown.
func TestNoConfigurationPanics(t *testing.T) {
	brokerKeys := append([]string{"listener.name.plaintext.max.connections", "listener.name.x.gssapi.sasl.jaas.config", "listener.name.", "", "port",
		"host.name", "advertised.host.name", "advertised.port", "unknown"}, tables().broker.names...)
	value := rapid.OneOf(rapid.SampledFrom([]string{"", " ", "0", "-1", "1", "-2", "2147483647", "9223372036854775807", "-9223372036854775808",
		"99999999999999999999", "NaN", "Infinity", "-Infinity", "1e400", "0x1p3", "1_0", "+5", "true", "TRUE ", "a,b,,c", ",", "PLAINTEXT://:1",
		"PLAINTEXT://[::1]:1,B://[:2", "1@a:1", "://:", "*", "1:2", "a:b:c", "compact", "delete,compact", "gzip", "é\x00", "${x}"}), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.MapOfN(rapid.SampledFrom(brokerKeys), value, 0, 6)
		b, _, err := FromStatic(values.Draw(t, "static"))
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without a word")
			}
			b, _, _ = Load("", nil)
		}
		if next, err := b.WithDynamic(values.Draw(t, "broker"), values.Draw(t, "default")); err == nil {
			b = next
		}
		_ = b.ValidateDynamic(values.Draw(t, "change"), rapid.Bool().Draw(t, "perBroker"))
		if _, err := TopicOf(b, nil); err != nil {
			t.Fatal("a broker whose defaults are no topic configuration: ", err)
		}
		topicValues := rapid.MapOfN(rapid.SampledFrom(append([]string{"unknown"}, tables().topic.names...)), value, 0, 4).Draw(t, "topic")
		if topic, err := TopicOf(b, topicValues); err == nil {
			topic.Rules()
		}
		b.DescribeBrokerDefault()
		for _, e := range append(b.DescribeBroker(), b.DescribeTopic(topicValues)...) {
			if e.Sensitive && e.Value != nil {
				t.Fatal("a secret is shown:", e.Name)
			}
		}
	})
}

func TestKeysOfBeforeKafka3(t *testing.T) {
	b, warnings, err := load(t, "host.name=10.0.0.1\nport=9095\nadvertised.host.name=kafka.example\n")
	if err != nil {
		t.Fatal(err)
	}
	if b.Listeners[0].String() != "PLAINTEXT://10.0.0.1:9095" || b.AdvertisedListeners[0].String() != "PLAINTEXT://kafka.example:9095" {
		t.Error(b.Listeners, b.AdvertisedListeners)
	}
	if len(warnings) != 2 || !strings.Contains(warnings[0], "write listeners=PLAINTEXT://10.0.0.1:9095") {
		t.Error(warnings)
	}
	b, warnings, err = load(t, "port=1\nlisteners=PLAINTEXT://:2\nhost.name=::1")
	if err != nil || b.Listeners[0].Port != 2 || len(warnings) != 1 || !strings.Contains(warnings[0], "are ignored") {
		t.Error(b, warnings, err)
	}
	if _, _, err = load(t, "advertised.port=5"); err == nil {
		t.Error("advertised.port alone was taken")
	}
	if b, _, err = load(t, "host.name=::1"); err != nil || b.Listeners[0].Host != "::1" || b.Listeners[0].String() != "PLAINTEXT://[::1]:9092" {
		t.Error(b, err)
	}
}

func TestControllerListenersAreNotServed(t *testing.T) {
	b, _, err := load(t, "process.roles=broker,controller\nnode.id=5\ncontroller.quorum.voters=5@localhost:9093\ncontroller.listener.names=Controller\n"+
		"listeners=CONTROLLER://:9093,A://:1,B://:2\nlistener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT,CONTROLLER:PLAINTEXT\ninter.broker.listener.name=b")
	if err != nil {
		t.Fatal(err)
	}
	if names(b.Listeners) != "A,B" || names(b.ControllerEndpoints) != "CONTROLLER" || b.InterBrokerListener != "B" || !b.KRaft || b.BrokerID != 5 {
		t.Errorf("%+v", b)
	}
}

func TestLoadRefusesWhatIsNoFile(t *testing.T) {
	for _, name := range []string{t.TempDir(), "/nosuch/server.properties", "/dev/null"} {
		if _, _, err := Load(name, nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Error(name, err)
		}
	}
	if _, _, err := Load("", []string{"novalue"}); err == nil {
		t.Error("an override without = was taken")
	}
}
