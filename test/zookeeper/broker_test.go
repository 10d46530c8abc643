//go:build oracle

package zookeeper

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"milena/test/kafka"
	"milena/test/milena"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Loopback ports: ZooKeeper's, Milena's, and those of Apache Kafka beside it.
const serverPort, brokerPort, kafkaPort = 27900, 27910, 27920

// patience is how long something that must happen may take.
const patience = 40 * time.Second

// milenaBinary is what all tests run.
var milenaBinary string

func TestMain(m *testing.M) {
	os.Exit(milena.Main(m, "zookeeper", &milenaBinary))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func startServer(t *testing.T) *Server {
	t.Helper()
	s := &Server{Dir: t.TempDir(), Port: serverPort}
	must(t, s.Start(t.Context()))
	t.Cleanup(func() { _ = s.Kill() })
	return s
}

// newBroker is a broker on a ZooKeeper that is not started yet.
func newBroker(t *testing.T) *milena.Broker {
	t.Helper()
	b := &milena.Broker{Binary: milenaBinary, Dir: t.TempDir(), Port: brokerPort}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			log, _ := os.ReadFile(b.LogFile())
			t.Logf("the broker's log:\n%s", log[max(0, len(log)-20000):])
		}
	})
	return b
}

func start(t *testing.T, b *milena.Broker, connect string, overrides ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, b.Start(ctx, append([]string{"zookeeper.connect=" + connect, "zookeeper.session.timeout.ms=4000"}, overrides...)...))
}

func client(t *testing.T, address string) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.DisableClientMetrics(), kgo.MetadataMinAge(50*time.Millisecond),
		kgo.AlwaysRetryEOF(), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }))
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// zooKeeperShell is what Kafka's zookeeper-shell answers.
func zooKeeperShell(t *testing.T, connect string, command ...string) string {
	t.Helper()
	out, errs, err := kafka.Tool(t.Context(), kafka.V3, nil, "org.apache.zookeeper.ZooKeeperMain", append([]string{"-server", connect}, command...)...)
	if err != nil {
		t.Fatalf("%v: %v\n%s", command, err, errs)
	}
	return out
}

func tool(t *testing.T, version, name string, args ...string) string {
	t.Helper()
	out, errs, err := kafka.Tool(t.Context(), version, nil, kafka.ToolClass(version, name), args...)
	if err != nil {
		t.Fatalf("%s %v: %v\n%s%s", name, args, err, out, errs)
	}
	return out
}

// await asks again and again.
func await(t *testing.T, what string, holds func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds(ctx) {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %v", what, patience)
		case <-tick.C:
		}
	}
}

// produce sends one record, and waits for it.
func produce(t *testing.T, c *kgo.Client, topic string, partition int32, value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, c.ProduceSync(ctx, &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value)}).FirstErr())
}

// count is how many records a topic has.
func count(t *testing.T, c *kgo.Client, topic string) (n int64) {
	t.Helper()
	await(t, "the ends of "+topic, func(ctx context.Context) bool {
		ends, err := kadm.NewClient(c).ListEndOffsets(ctx, topic)
		n = 0
		ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
		return err == nil && ends.Error() == nil
	})
	return n
}

// TestKafkasTools: Kafka's tools of 2.4, which write into ZooKeeper, and those of 3.9.
func TestKafkasTools(t *testing.T) {
	server := startServer(t)
	connect := server.Address() + "/kafka"
	b := newBroker(t)
	start(t, b, connect)
	c := client(t, b.Address())
	admin := kadm.NewClient(c)

	tool(t, kafka.V2, "topics", "--zookeeper", connect, "--create", "--topic", "t", "--partitions", "2", "--replication-factor", "1",
		"--config", "retention.ms=7654321")
	await(t, "the topic is served", func(ctx context.Context) bool {
		topics, err := admin.ListTopics(ctx, "t")
		return err == nil && topics.Error() == nil && len(topics["t"].Partitions) == 2 && topics["t"].Partitions[1].Leader == 1
	})
	produce(t, c, "t", 1, "by Kafka's own hand")
	described, err := admin.DescribeTopicConfigs(t.Context(), "t")
	must(t, err)
	if got := valueOf(described, "retention.ms"); got != "7654321" {
		t.Errorf("retention.ms is %s", got)
	}
	tool(t, kafka.V2, "configs", "--zookeeper", connect, "--alter", "--entity-type", "topics", "--entity-name", "t", "--add-config",
		"retention.ms=1234567")
	await(t, "the configuration is in force", func(ctx context.Context) bool {
		described, err := admin.DescribeTopicConfigs(ctx, "t")
		return err == nil && valueOf(described, "retention.ms") == "1234567"
	})
	tool(t, kafka.V2, "topics", "--zookeeper", connect, "--alter", "--topic", "t", "--partitions", "3")
	await(t, "the third partition is served", func(ctx context.Context) bool {
		topics, err := admin.ListTopics(ctx, "t")
		return err == nil && len(topics["t"].Partitions) == 3 && topics["t"].Partitions[2].Leader == 1
	})
	produce(t, client(t, b.Address()), "t", 2, "more") // the other client does not know of it yet
	if out := tool(t, kafka.V2, "topics", "--zookeeper", connect, "--describe"); !strings.Contains(out, "PartitionCount: 3") ||
		strings.Count(out, "Leader: 1\tReplicas: 1\tIsr: 1") != 3 {
		t.Errorf("described as\n%s", out)
	}
	tool(t, kafka.V3, "configs", "--zookeeper", connect, "--alter", "--entity-type", "users", "--entity-name", "alice", "--add-config",
		"SCRAM-SHA-256=[password=secret]")
	tool(t, kafka.V2, "topics", "--zookeeper", connect, "--delete", "--topic", "t")
	await(t, "the topic is gone", func(ctx context.Context) bool {
		topics, err := admin.ListTopics(ctx)
		return err == nil && len(topics.Names()) == 0
	})
	out := zooKeeperShell(t, connect, "get", "/cluster/id")
	if id, err := admin.Metadata(t.Context()); err != nil || !strings.Contains(out, `{"version":"1","id":"`+id.Cluster+`"}`) {
		t.Errorf("%s, %+v, %v", out, id, err)
	}
	if out := zooKeeperShell(t, connect, "getAcl", "/brokers/ids/1"); !strings.Contains(out, "'world,'anyone\n: cdrwa") {
		t.Errorf("access %s", out)
	}
}

func valueOf(described kadm.ResourceConfigs, key string) string {
	for _, r := range described {
		for _, c := range r.Configs {
			if c.Key == key {
				return c.MaybeValue()
			}
		}
	}
	return ""
}

// TestFailures: the broker and ZooKeeper end in turn.
func TestFailures(t *testing.T) {
	server := startServer(t)
	connect := server.Address()
	b := newBroker(t)
	start(t, b, connect)
	c := client(t, b.Address())
	admin := kadm.NewClient(c)
	sent := int64(0)
	send := func(topic string) {
		t.Helper()
		produce(t, c, topic, 0, fmt.Sprint(sent))
		sent++
	}
	create := func(topic string) {
		t.Helper()
		await(t, "creating "+topic, func(ctx context.Context) bool {
			response, err := admin.CreateTopic(ctx, 1, 1, nil, topic)
			return err == nil && response.Err == nil
		})
	}
	create("before")
	send("before")
	for _, end := range []func() error{server.Stop, server.Kill} {
		must(t, end())
		send("before") // needs no ZooKeeper
		must(t, server.Start(t.Context()))
	}
	create("meanwhile")
	send("meanwhile")

	must(t, b.Stop())
	start(t, b, connect)
	send("before")
	must(t, b.Kill()) // leaves its registration behind, for a session
	begin := time.Now()
	start(t, b, connect)
	t.Logf("started again %v after it was killed", time.Since(begin))
	send("before")

	// Paused for longer than its session, the broker comes back under a new registration.
	process, err := os.FindProcess(b.PID())
	must(t, err)
	must(t, process.Signal(syscall.SIGSTOP))
	await(t, "its registration is gone", func(context.Context) bool {
		return !strings.Contains(zooKeeperShell(t, connect, "ls", "/brokers/ids"), "[1]")
	})
	must(t, process.Signal(syscall.SIGCONT))
	send("before")
	create("afterwards")
	send("afterwards")
	if n := count(t, c, "before") + count(t, c, "meanwhile") + count(t, c, "afterwards"); n != sent {
		t.Errorf("%d records of %d", n, sent)
	}

	// ZooKeeper is gone for longer than the session.
	must(t, server.Kill())
	log := filepath.Join(b.Dir, "server.log")
	await(t, "the broker knows that its session is over", func(context.Context) bool {
		text, err := os.ReadFile(log)
		return err == nil && strings.Contains(string(text), "ZooKeeper was not reached for its time-out")
	})
	must(t, server.Start(t.Context()))
	create("after-all")
	send("after-all")
}

// TestNoZooKeeper: a broker that finds none says where it looked.
func TestNoZooKeeper(t *testing.T) {
	b := &milena.Broker{Binary: milenaBinary, Dir: t.TempDir(), Port: brokerPort}
	must(t, b.Launch("zookeeper.connect="+fmt.Sprintf("127.0.0.1:%d/kafka", serverPort), "zookeeper.connection.timeout.ms=500"))
	await(t, "the broker gives up", func(context.Context) bool {
		text, err := os.ReadFile(b.LogFile())
		return err == nil && strings.Contains(string(text), fmt.Sprintf("127.0.0.1:%d: connect: connection refused", serverPort))
	})
	if err := b.Stop(); err == nil {
		t.Error("the broker has started")
	}
}
