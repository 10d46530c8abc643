package config

import (
	"strings"
	"testing"
)

// TestThrottledRateIsDynamic: as in Kafka, a file does not set it.
func TestThrottledRateIsDynamic(t *testing.T) {
	const key = "leader.replication.throttled.rate"
	b, warnings, err := FromStatic(map[string]string{"broker.id": "1", key: "5"})
	if err != nil || b.LeaderThrottledRate != 1<<63-1 || len(warnings) != 1 || !strings.Contains(warnings[0], key) {
		t.Fatal(b.LeaderThrottledRate, warnings, err)
	}
	b, err = newBroker(Values{Static: b.Values.Static, DynamicDefault: map[string]string{key: "6"}})
	if err != nil || b.LeaderThrottledRate != 6 {
		t.Fatal(b.LeaderThrottledRate, err)
	}
	b, err = newBroker(Values{Static: b.Values.Static, DynamicBroker: map[string]string{key: "7"}, DynamicDefault: map[string]string{key: "6"}})
	if err != nil || b.LeaderThrottledRate != 7 {
		t.Fatal(b.LeaderThrottledRate, err)
	}
}

func TestThrottledReplicas(t *testing.T) {
	for _, c := range []struct {
		list                string
		has0of1, has12of3   bool
		has1of1, emptyAtAll bool
	}{
		{"", false, false, false, true}, {"*", true, true, true, false}, {"0:1", true, false, false, false},
		{"12:3,0:1, 1:2", true, true, false, false}, {"1:1,0:2,12:1", false, false, true, false},
	} {
		topic, err := TopicOf(nil, map[string]string{"leader.replication.throttled.replicas": c.list})
		if err != nil {
			t.Fatal(err)
		}
		l := &topic.LeaderThrottled
		if l.Has(0, 1) != c.has0of1 || l.Has(12, 3) != c.has12of3 || l.Has(1, 1) != c.has1of1 || l.Empty() != c.emptyAtAll {
			t.Errorf("%q: %v", c.list, l)
		}
	}
}
