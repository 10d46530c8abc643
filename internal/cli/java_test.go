package cli

import (
	"strings"
	"testing"
)

func TestJavaOrder(t *testing.T) {
	for _, c := range []struct {
		order    func([]string) []string
		in, want string
	}{
		// As Kafka 4.3.1 prints them: topics --describe of three topics, configs --describe of the same ones, and a topic's
		// own settings among its 34.
		{javaSizedOrder, "a.b_c bar foo", "a.b_c bar foo"},
		{javaHashOrder, "a.b_c bar foo", "bar a.b_c foo"},
		{javaHashOrder, "cleanup.policy min.insync.replicas retention.ms " + strings.Join(configNames("brokers")[:31], " "),
			"min.insync.replicas cleanup.policy retention.ms"},
	} {
		var got []string
		for _, name := range c.order(strings.Fields(c.in)) {
			if contains(strings.Fields(c.want), name) {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("order of %q: %q, want %q", c.in, got, c.want)
		}
	}
	if h := javaHash("hello"); h != 99162322 {
		t.Errorf("hash of hello: %d", h)
	}
}
