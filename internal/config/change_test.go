package config

import (
	"os"
	"strings"
	"testing"
)

// TestRefusalsAsKafka runs testdata/refusals.txt: each line is a scope (broker, cluster, topic) and values, and below it what Kafka
// 4.3.1 answered.
func TestRefusalsAsKafka(t *testing.T) {
	script, err := os.ReadFile("testdata/refusals.txt")
	if err != nil {
		t.Fatal(err)
	}
	broker, _, err := load(t, "broker.id=1\nnum.recovery.threads.per.data.dir=2")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(script)), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		fields := strings.Fields(lines[i])
		values := map[string]string{}
		for _, f := range fields[1:] {
			k, v, _ := strings.Cut(f, "=")
			values[k] = v
		}
		switch fields[0] {
		case "broker", "cluster":
			err = broker.ValidateDynamic(values, fields[0] == "broker")
		case "topic":
			_, err = TopicOf(broker, values)
		default:
			t.Fatal(lines[i])
		}
		got := "OK"
		if err != nil {
			got = err.Error()
		}
		if want := strings.TrimSpace(lines[i+1]); got != want {
			t.Errorf("%s\n got %s\nwant %s", lines[i], got, want)
		}
	}
}

func TestWithDynamic(t *testing.T) {
	b, _, err := load(t, "broker.id=7\nlog.retention.hours=1")
	if err != nil {
		t.Fatal(err)
	}
	now, err := b.WithDynamic(map[string]string{"log.retention.ms": "5", "max.connections": "9"}, map[string]string{"max.connections": "3"})
	if err != nil {
		t.Fatal(err)
	}
	topic, err := TopicOf(now, nil)
	if err != nil || topic.RetentionMs != 5 || now.MaxConnections != 9 || now.BrokerID != 7 || b.MaxConnections == 9 {
		t.Errorf("%+v %+v %v", topic, now, err)
	}
	if _, err := b.WithDynamic(nil, map[string]string{"num.partitions": "9"}); err == nil {
		t.Error("a read-only key changed")
	}
	now, err = now.WithDynamic(nil, nil)
	if err != nil || now.MaxConnections != 1<<31-1 {
		t.Error("a dynamic value does not go away", err)
	}
}

func TestGeneratedIDSurvivesAChange(t *testing.T) {
	b, _, err := Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	b = b.WithBrokerID(1003)
	b, err = b.WithDynamic(map[string]string{"max.connections": "9"}, nil)
	if err != nil || b.BrokerID != 1003 || b.BrokerIDGenerated || b.MaxConnections != 9 {
		t.Errorf("%+v %v", b, err)
	}
}
