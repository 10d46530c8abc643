package config

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// show prints entries as testdata/describe-*.txt has them, which Kafka 4.3.1 answered to DescribeConfigs.
func show(entries []Entry) string {
	var b strings.Builder
	value := func(p *string) string {
		if p == nil {
			return "<null>"
		}
		return *p
	}
	for _, e := range entries {
		var syn []string
		for _, s := range e.Synonym {
			syn = append(syn, fmt.Sprintf("%d:%s=%s", s.Source, s.Name, value(s.Value)))
		}
		fmt.Fprintf(&b, "%s=%s src=%d ro=%v sens=%v type=%d syn=[%s]\n", e.Name, value(e.Value), e.Source, e.ReadOnly, e.Sensitive, e.Type, strings.Join(syn, " "))
	}
	return b.String()
}

// oracleBroker is the broker whose answers stand in testdata.
func oracleBroker(t *testing.T) *Broker {
	t.Helper()
	b, _, err := load(t, `process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:23011
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:23001,CONTROLLER://127.0.0.1:23011
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=/var/kafka
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
num.partitions=2
log.retention.hours=48
compression.type=lz4
message.max.bytes=1000000
my.own.key=5
`)
	if err != nil {
		t.Fatal(err)
	}
	b, err = b.WithDynamic(map[string]string{"log.retention.ms": "7200000", "max.connections": "50",
		"listener.name.plaintext.max.connections": "40", "log.roll.ms": "100000000"},
		map[string]string{"log.retention.ms": "3600000", "log.cleaner.threads": "2", "max.connections": "100"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// differences lists lines of got that want lacks ("+") and the other way round ("-").
func differences(got, want string) string {
	var out []string
	has := func(text, line string) bool { return strings.Contains("\n"+text, "\n"+line+"\n") }
	for line := range strings.Lines(want) {
		if l := strings.TrimSuffix(line, "\n"); !has(got, l) {
			out = append(out, "- "+l)
		}
	}
	for line := range strings.Lines(got) {
		if l := strings.TrimSuffix(line, "\n"); !has(want, l) {
			out = append(out, "+ "+l)
		}
	}
	return strings.Join(out, "\n")
}

func TestDescribeBrokerAsKafka(t *testing.T) {
	want, err := os.ReadFile("testdata/describe-broker.txt")
	if err != nil {
		t.Fatal(err)
	}
	// The differences: advertised.listeners may change at run time, as in Kafka 3.9; Kafka shows the default of log.retention.hours for
	// its value while log.retention.ms is dynamic; and every feature of the KRaft controller (eligible leader replicas) sets a value.
	const known = `- advertised.listeners=<null> src=5 ro=true sens=false type=7 syn=[]
- log.retention.hours=168 src=4 ro=true sens=false type=3 syn=[4:log.retention.hours=48 5:log.retention.hours=168]
- min.insync.replicas=1 src=3 ro=false sens=false type=3 syn=[3:min.insync.replicas=1 5:min.insync.replicas=1]
+ advertised.listeners=<null> src=5 ro=false sens=false type=7 syn=[]
+ log.retention.hours=48 src=4 ro=true sens=false type=3 syn=[4:log.retention.hours=48 5:log.retention.hours=168]
+ min.insync.replicas=1 src=5 ro=false sens=false type=3 syn=[5:min.insync.replicas=1]`
	if d := differences(show(oracleBroker(t).DescribeBroker()), string(want)); d != known {
		t.Error(d)
	}
}

func TestDescribeBrokerDefaultAsKafka(t *testing.T) {
	const want = `log.cleaner.threads=2 src=3 ro=false sens=false type=3 syn=[3:log.cleaner.threads=2]
log.retention.ms=3600000 src=3 ro=false sens=false type=5 syn=[3:log.retention.ms=3600000]
max.connections=100 src=3 ro=false sens=false type=3 syn=[3:max.connections=100]
`
	if got := show(oracleBroker(t).DescribeBrokerDefault()); got != want {
		t.Error(differences(got, want))
	}
}

func TestDescribeTopicAsKafka(t *testing.T) {
	want, err := os.ReadFile("testdata/describe-topic.txt")
	if err != nil {
		t.Fatal(err)
	}
	const known = `- min.insync.replicas=1 src=3 ro=false sens=false type=3 syn=[3:min.insync.replicas=1 5:min.insync.replicas=1]
+ min.insync.replicas=1 src=5 ro=false sens=false type=3 syn=[5:min.insync.replicas=1]`
	got := show(oracleBroker(t).DescribeTopic(map[string]string{"retention.ms": "5", "flush.messages": "1", "max.message.bytes": "17"}))
	if d := differences(got, string(want)); d != known {
		t.Error(d)
	}
}

func TestDescribeHidesSecrets(t *testing.T) {
	b, _, err := load(t, "ssl.key.password=secret\nlistener.name.a.ssl.key.password=secret\nmy.secret=secret")
	if err != nil {
		t.Fatal(err)
	}
	if got := show(b.DescribeBroker()); strings.Contains(got, "=secret") || strings.Count(got, "sens=true") < 3 {
		t.Error(got)
	}
}
