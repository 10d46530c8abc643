//go:build oracle

package oracle

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"milena/test/kafka"
	"milena/test/milena"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// movable is a cluster of Milena: three voters and a broker beyond them, with ids 1 to 4.
type movable struct {
	t       *testing.T
	brokers []*milena.Broker
	client  *kgo.Client
	admin   *kadm.Client
}

func startMovable(t *testing.T) *movable {
	t.Helper()
	binary, err := milena.Build("../..", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m := &movable{t: t}
	var quorum, voters []string
	for i := range 3 {
		port, err := kafka.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		voters = append(voters, fmt.Sprintf("127.0.0.1:%d", port))
		quorum = append(quorum, fmt.Sprintf("%d@%s", i+1, voters[i]))
	}
	for i := range 4 {
		b := &milena.Broker{Binary: binary, Dir: t.TempDir()}
		b.Port, err = kafka.FreePort()
		properties := []string{
			fmt.Sprintf("node.id=%d", i+1), "controller.listener.names=CONTROLLER", "controller.quorum.voters=" + strings.Join(quorum, ","),
			// One that is stopped for a while stays a broker.
			"broker.session.timeout.ms=600000", "process.roles=broker", "listeners=PLAINTEXT://" + b.Address(),
		}
		if i < len(voters) {
			properties = append(properties, "process.roles=broker,controller",
				fmt.Sprintf("listeners=PLAINTEXT://%s,CONTROLLER://%s", b.Address(), voters[i]))
		}
		if err == nil {
			err = b.Launch(properties...)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = syscall.Kill(b.PID(), syscall.SIGCONT)
			_ = b.Kill()
			if log, _ := os.ReadFile(b.LogFile()); t.Failed() {
				t.Logf("the log of broker %d:\n%s", i+1, log[max(0, len(log)-20_000):])
			}
		})
		m.brokers = append(m.brokers, b)
	}
	if m.client, err = kgo.NewClient(kgo.SeedBrokers(m.brokers[0].Address()), kgo.MetadataMinAge(10*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.client.Close)
	m.admin = kadm.NewClient(m.client)
	m.await("four brokers", func() bool {
		known, err := m.metadata()
		return err == nil && len(known.Brokers) == 4
	})
	return m
}

func (m *movable) await(what string, done func() bool) {
	m.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * time.Minute); !done(); <-tick.C {
		if time.Now().After(deadline) {
			m.t.Fatal("waited in vain for " + what)
		}
	}
}

// assignmentFile is what the tool reads: t's partitions and their replicas.
func (m *movable) assignmentFile(replicas ...[]int32) string {
	m.t.Helper()
	var partitions []string
	for p, on := range replicas {
		list, _ := json.Marshal(on)
		partitions = append(partitions, fmt.Sprintf(`{"topic":"t","partition":%d,"replicas":%s}`, p, list))
	}
	file := filepath.Join(m.t.TempDir(), "moves.json")
	if err := os.WriteFile(file, []byte(`{"version":1,"partitions":[`+strings.Join(partitions, ",")+`]}`), 0o644); err != nil {
		m.t.Fatal(err)
	}
	return file
}

// tool runs Kafka's kafka-reassign-partitions and demands that it says all of the words.
func (m *movable) tool(version, args string, want ...string) string {
	m.t.Helper()
	fields := append([]string{"--bootstrap-server", m.brokers[0].Address()}, strings.Fields(args)...)
	out, errs, err := kafka.Tool(context.Background(), version, nil, "org.apache.kafka.tools.reassign.ReassignPartitionsCommand", fields...)
	for _, words := range want {
		if !strings.Contains(out, words) {
			m.t.Fatalf("Kafka %s's tool %s: %v\n%s\n%s\nwithout %q", version, args, err, out, errs, words)
		}
	}
	return out
}

func (m *movable) replicas() (all [][]int32) {
	m.t.Helper()
	known, err := m.metadata("t")
	if err != nil {
		m.t.Fatal(err)
	}
	partitions := known.Topics[0].Partitions
	slices.SortFunc(partitions, func(a, b kmsg.MetadataResponseTopicPartition) int { return int(a.Partition - b.Partition) })
	for _, p := range partitions {
		all = append(all, p.Replicas)
	}
	return all
}

// metadata asks the first broker: what the client knows may be old.
func (m *movable) metadata(topics ...string) (*kmsg.MetadataResponse, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{}
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &name
		req.Topics = append(req.Topics, t)
	}
	resp, err := m.client.SeedBrokers()[0].Request(m.t.Context(), req)
	if err != nil {
		return nil, err
	}
	return resp.(*kmsg.MetadataResponse), nil
}

// TestReassignPartitions has Kafka's own tool move partitions of a cluster of Milena.
func TestReassignPartitions(t *testing.T) {
	m := startMovable(t)
	origin := [][]int32{{1, 2}, {2, 3}, {3, 1}}
	m.create(origin)
	for n := range 3000 {
		m.client.Produce(t.Context(), &kgo.Record{Topic: "t", Value: fmt.Append(nil, n)}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	if err := m.client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{kafka.V3, kafka.V4} {
		t.Run(version, func(t *testing.T) {
			target := [][]int32{{4, 2}, {2, 4}, {4, 1, 3}}
			file := m.assignmentFile(target...)
			m.tool(version, "--execute --reassignment-json-file "+file, "Current partition replica assignment",
				`{"topic":"t","partition":0,"replicas":[1,2],"log_dirs":[`, "Successfully started partition reassignments for t-0,t-1,t-2")
			verify := func() bool {
				out := m.tool(version, "--verify --reassignment-json-file "+file, "Status of partition reassignment:")
				return strings.Count(out, "is completed.") == 3
			}
			m.await("the reassignment", verify)
			if now := m.replicas(); !slices.EqualFunc(now, target, slices.Equal) {
				t.Errorf("replicas %v", now)
			}
			m.tool(version, "--list", "No partition reassignments found.")

			// While a broker is stopped, a move stands still: it is seen, and given up.
			m.tool(version, "--execute --reassignment-json-file "+m.assignmentFile(origin...), "Successfully started")
			m.await("the way back", func() bool { return slices.EqualFunc(m.replicas(), origin, slices.Equal) })
			if err := syscall.Kill(m.brokers[3].PID(), syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			file = m.assignmentFile([]int32{4, 2}, []int32{2, 4}, []int32{4, 3})
			m.tool(version, "--execute --reassignment-json-file "+file, "Successfully started")
			m.tool(version, "--list", "Current partition reassignments:", "t-0: replicas: 4,2,1. adding: 4. removing: 1.",
				"t-1: replicas: 2,4,3. adding: 4. removing: 3.", "t-2: replicas: 4,3,1. adding: 4. removing: 1.")
			m.tool(version, "--verify --preserve-throttles --reassignment-json-file "+file, "Reassignment of partition t-0 is still in progress.")
			m.tool(version, "--execute --reassignment-json-file "+file, "Cannot execute because there is an existing partition assignment.")
			m.tool(version, "--cancel --preserve-throttles --reassignment-json-file "+file, "Successfully cancelled partition reassignments for: t-0,t-1,t-2")
			if err := syscall.Kill(m.brokers[3].PID(), syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			m.tool(version, "--list", "No partition reassignments found.")
			m.await("the replicas of before", func() bool { // the order is that of the list when it was given up
				return slices.EqualFunc(m.replicas(), [][]int32{{2, 1}, {2, 3}, {3, 1}}, slices.Equal)
			})
			m.tool(version, "--execute --reassignment-json-file "+m.assignmentFile(origin...), "Successfully started")
		})
	}
	read, err := m.admin.ListEndOffsets(t.Context(), "t")
	if err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	read.Each(func(o kadm.ListedOffset) { sum += o.Offset })
	if sum != 3000 {
		t.Errorf("%d records of 3000", sum)
	}
}

// create makes the topic t with its replicas.
func (m *movable) create(replicas [][]int32) {
	m.t.Helper()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "t", -1, -1
	for p, on := range replicas {
		topic.ReplicaAssignment = append(topic.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: int32(p), Replicas: on})
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(m.t.Context(), m.client)
	if err != nil || resp.Topics[0].ErrorCode != 0 {
		m.t.Fatalf("create: %v, %+v", err, resp)
	}
}
