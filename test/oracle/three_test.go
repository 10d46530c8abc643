//go:build oracle

package oracle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"milena/test/kafka"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// adminCall is one run of a tool of Kafka's against a cluster of Milena. In args and want "%t" stands for the topic, "%f" for a file with the moves
// that put its partition 0 onto brokers 2, 1 and 3.
type adminCall struct {
	tool, args string
	want       []string
	reads      bool                     // it changes nothing: Milena's tool says the same as 4.3.1's
	until      bool                     // what it tells takes a moment
	before     func(*movable, *topicOf) // what the call needs
}

// topicOf is one version's topic.
type topicOf struct {
	t    *testing.T
	name string
}

var adminCalls = []adminCall{
	{tool: "topics", args: "--create --topic %t --replica-assignment 1:2:3,2:3:1,3:1:2 --config retention.ms=600000000", want: []string{"Created topic %t."}},
	{tool: "topics", args: "--describe --topic %t", reads: true, until: true, want: []string{
		"PartitionCount: 3", "ReplicationFactor: 3", "retention.ms=600000000",
		"Topic: %t\tPartition: 0\tLeader: 1\tReplicas: 1,2,3\tIsr: 1,2,3", "Partition: 1\tLeader: 2\tReplicas: 2,3,1\tIsr: 2,3,1",
		"Partition: 2\tLeader: 3\tReplicas: 3,1,2\tIsr: 3,1,2",
	}},
	{tool: "topics", args: "--alter --topic %t --partitions 5"},
	{tool: "configs", args: "--alter --entity-type topics --entity-name %t --add-config max.message.bytes=20000,cleanup.policy=[compact,delete]",
		want: []string{"Completed updating config for topic %t."}},
	{tool: "configs", args: "--describe --entity-type topics --entity-name %t", reads: true, until: true,
		want: []string{"max.message.bytes=20000 sensitive=false", "cleanup.policy=compact,delete", "retention.ms=600000000"}},
	{tool: "get-offsets", args: "--topic %t", before: (*movable).useTopic, reads: true, want: []string{"%t:0:7\n%t:1:7\n%t:2:7\n%t:3:7\n%t:4:7"}},
	{tool: "consumer-groups", args: "--list", want: []string{"%t-group"}},
	{tool: "consumer-groups", args: "--describe --group %t-group", reads: true, want: []string{"CURRENT-OFFSET"}},
	{tool: "consumer-groups", args: "--reset-offsets --group %t-group --topic %t:1,2 --to-offset 3 --execute", want: []string{"%t-group"}},
	{tool: "log-dirs", args: "--describe --topic-list %t --broker-list 1,2,3", until: true, want: []string{
		"Received log directory information from brokers 1,2,3", `{"broker":1,"logDirs":[{`, `"partition":"%t-4"`, `"offsetLag":0,"isFuture":false`,
	}},
	{tool: "reassign-partitions", args: "--execute --reassignment-json-file %f", want: []string{"Successfully started partition reassignment for %t-0"}},
	{tool: "reassign-partitions", args: "--verify --reassignment-json-file %f", until: true, want: []string{"Reassignment of partition %t-0 is completed."}},
	{tool: "leader-election", args: "--election-type preferred --topic %t --partition 0",
		want: []string{"Successfully completed leader election (PREFERRED) for partitions %t-0"}},
	{tool: "topics", args: "--describe --topic %t", reads: true, until: true, want: []string{"PartitionCount: 5", "Partition: 0\tLeader: 2\tReplicas: 2,1,3"}},
	{tool: "topics", args: "--delete --topic %t"},
}

// TestAdminTools has Kafka's tools of both versions administer a cluster of Milena: they end with 0, and say what they should.
func TestAdminTools(t *testing.T) {
	m := startMovable(t)
	for _, version := range []string{kafka.V3, kafka.V4} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			topic := &topicOf{t, "admin-" + strings.ReplaceAll(version, ".", "-")}
			file := filepath.Join(t.TempDir(), "moves.json")
			moves := fmt.Appendf(nil, `{"version":1,"partitions":[{"topic":%q,"partition":0,"replicas":[2,1,3]}]}`, topic.name)
			if err := os.WriteFile(file, moves, 0o644); err != nil {
				t.Fatal(err)
			}
			fill := strings.NewReplacer("%t", topic.name, "%f", file)
			for _, c := range adminCalls {
				m.administer(topic, version, &c, fill)
			}
			m.await("end of "+topic.name, func() bool {
				known, err := m.metadata(topic.name)
				return err == nil && known.Topics[0].ErrorCode != 0
			})
		})
	}
}

// administer makes one call.
func (m *movable) administer(topic *topicOf, version string, c *adminCall, fill *strings.Replacer) {
	t := topic.t
	t.Helper()
	if c.before != nil {
		c.before(m, topic)
	}
	args := append([]string{"--bootstrap-server", m.brokers[1].Address()}, strings.Fields(fill.Replace(c.args))...)
	var out, errs, missing string
	for deadline := time.Now().Add(30 * time.Second); ; {
		var err error
		out, errs, err = kafka.Tool(t.Context(), version, nil, kafka.ToolClass(version, c.tool), args...)
		if err != nil {
			t.Fatalf("%s %v: %v\n%s%s", c.tool, args, err, out, errs)
		}
		missing = ""
		for _, words := range c.want {
			if !strings.Contains(out, fill.Replace(words)) {
				missing = fill.Replace(words)
			}
		}
		if missing == "" || !c.until || time.Now().After(deadline) {
			break
		}
	}
	if missing != "" {
		t.Fatalf("%s %v says\n%s%s\nwithout %q", c.tool, args, out, shortened(errs), missing)
	}
	if !c.reads || version != kafka.V4 {
		return
	}
	ours, errs, err := m.brokers[0].Run(t.Context(), "", append([]string{c.tool}, args...)...)
	if err != nil || linesOf(words(ours)) != linesOf(words(out)) { // Kafka's maps have no order
		t.Errorf("%s %v\nKafka's tool says\n%s\nMilena's says\n%s%s%v", c.tool, args, words(out), words(ours), errs, err)
	}
}

// useTopic has seven records in each partition, and a group that has read three of them.
func (m *movable) useTopic(topic *topicOf) {
	t := topic.t
	t.Helper()
	m.await("five partitions of "+topic.name, func() bool {
		known, err := m.metadata(topic.name)
		return err == nil && len(known.Topics[0].Partitions) == 5
	})
	producer, err := kgo.NewClient(kgo.SeedBrokers(m.brokers[0].Address()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	offsets := kadm.Offsets{}
	for p := range int32(5) {
		offsets.AddOffset(topic.name, p, 3, -1)
		for n := range 7 {
			if err := producer.ProduceSync(t.Context(), &kgo.Record{Topic: topic.name, Partition: p, Key: fmt.Append(nil, n), Value: []byte("v")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := kadm.NewClient(producer).CommitAllOffsets(t.Context(), topic.name+"-group", offsets); err != nil {
		t.Fatal(err)
	}
}
