//go:build oracle

package zookeeper

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"milena/test/kafka"
	"milena/test/milena"

	"github.com/go-zookeeper/zk"
	"github.com/twmb/franz-go/pkg/kadm"
)

// TestToolsByZooKeeper has the tools of Kafka 2.4.1 and ours do the same on two trees without brokers, and compares what they print and what
// they leave there.
func TestToolsByZooKeeper(t *testing.T) {
	server := startServer(t)
	for _, chroot := range []string{"/kafka", "/milena"} {
		registerBrokers(t, server.Address(), chroot, map[int]string{1: "a", 2: "b", 3: "a"})
	}
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	plan := file("plan.json", `{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[3,2]},{"topic":"t","partition":2,"replicas":[1,2]}]}`)
	elect := file("elect.json", `{"partitions":[{"topic":"t","partition":1},{"topic":"t","partition":9}]}`)
	one := file("one.json", `{"partitions":[{"topic":"t","partition":1,"replicas":[2,3]}]}`)
	for _, line := range []string{
		"topics --create --topic t --replica-assignment 1:2,2:3 --config retention.ms=7654321 --config cleanup.policy=compact",
		"topics --create --topic t --replica-assignment 1:2,2:3",
		"topics --create --topic t --replica-assignment 1:2,2:3 --if-not-exists",
		"topics --create --topic u_v --partitions 2 --replication-factor 4",
		"topics --create --topic u.v --replica-assignment 3:2:1",
		"topics --create --topic u_v --replica-assignment 3:2:1",
		"topics --alter --topic t --partitions 3 --replica-assignment 1:2,2:3,3:2",
		"topics --alter --topic t --partitions 2",
		"topics --alter --topic u.v --config max.message.bytes=1000 --config retention.ms=5",
		"topics --alter --topic u.v --delete-config retention.ms",
		"topics --list",
		"topics --describe",
		"topics --describe --topics-with-overrides",
		"topics --describe --under-replicated-partitions --topic t",
		"topics --describe --topic none",
		"configs --alter --entity-type topics --entity-name t --add-config retention.ms=1234567,max.message.bytes=2000",
		"configs --alter --entity-type topics --entity-name t --delete-config cleanup.policy",
		"configs --describe --entity-type topics --entity-name t",
		"configs --alter --entity-type brokers --entity-name 1 --add-config leader.replication.throttled.rate=1000",
		"configs --alter --entity-type brokers --entity-name 9 --add-config message.max.bytes=100000",
		"configs --describe --entity-type brokers",
		"configs --alter --entity-type users --entity-name a/b --entity-type clients --entity-default --add-config producer_byte_rate=10",
		"configs --describe --entity-type users --entity-type clients",
		"reassign-partitions --verify --reassignment-json-file " + one,
		"reassign-partitions --execute --throttle 100000 --reassignment-json-file " + plan,
		"reassign-partitions --execute --throttle 200000 --reassignment-json-file " + plan,
		"reassign-partitions --verify --reassignment-json-file " + plan,
		"preferred-replica-election --path-to-json-file " + elect,
		"topics --delete --topic u.v",
		"topics --delete --topic u.v",
		"topics --list",
	} {
		name, args := strings.Fields(line)[0], strings.Fields(line)[1:]
		want, errs, _ := kafka.Tool(t.Context(), kafka.V2, nil, kafka.ToolClass(kafka.V2, name), append(args, "--zookeeper", server.Address()+"/kafka")...)
		ours := exec.CommandContext(t.Context(), milenaBinary, append([]string{name, "--zookeeper", server.Address() + "/milena"}, args...)...)
		var out, ourErrs bytes.Buffer
		ours.Stdout, ours.Stderr = &out, &ourErrs
		_ = ours.Run() // what it prints tells
		if got, want := told(out.String()), told(want); got != want {
			t.Errorf("%s\nKafka:\n%s%s\nMilena:\n%s%s", line, want, errs, got, ourErrs.String())
		}
	}
	for range 2 { // neither makes a chroot
		out, err := exec.CommandContext(t.Context(), milenaBinary, "topics", "--list", "--zookeeper", server.Address()+"/none").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "the chroot /none") {
			t.Errorf("topics of no cluster: %s, %v", out, err)
		}
	}
	want, got := tree(t, server.Address(), "/kafka"), tree(t, server.Address(), "/milena")
	if want, got := takeChanges(want), takeChanges(got); !slices.Equal(got, want) {
		t.Errorf("brokers are told of\n%v, by Kafka of\n%v", got, want)
	}
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if plain(got[path]) != plain(want[path]) {
			t.Errorf("%s\n Kafka  %s\n Milena %s", path, want[path], got[path])
		}
		delete(got, path)
	}
	for path, node := range got {
		t.Errorf("%s is Milena's alone: %s", path, node)
	}
}

// takeChanges takes the notifications of changed configurations out of a tree: Kafka's tool goes through brokers in no order.
func takeChanges(tree map[string]string) (changes []string) {
	for path, node := range tree {
		if strings.HasPrefix(path, "/config/changes/") {
			changes = append(changes, node)
			delete(tree, path)
		}
	}
	slices.Sort(changes)
	return changes
}

// told is what a tool prints, without Java's logging and stack traces and the name of the chroot; plans with their fields sorted.
func told(out string) string {
	var lines []string
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "\tat ") || strings.Contains(line, "ERROR") || strings.HasPrefix(line, "kafka.") || strings.HasPrefix(line, "org.apache.kafka.") ||
			strings.HasPrefix(line, "java.lang.") || strings.HasPrefix(line, "SLF4J") || strings.HasPrefix(line, "log4j") || strings.TrimSpace(line) == "" {
			continue
		}
		lines = append(lines, plain(line))
	}
	return strings.Join(lines, "\n")
}

// plain writes the JSON that a text begins with anew: fields, partitions of a plan and throttled replicas sorted, and the version that a topic's
// node has in 2.4 as ours.
func plain(text string) string {
	if !strings.HasPrefix(text, "{") {
		return text
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	var body map[string]any
	if decoder.Decode(&body) != nil {
		return text
	}
	if _, is := body["adding_replicas"]; is {
		body["version"] = 3
	}
	if rows, is := body["partitions"].([]any); is {
		slices.SortFunc(rows, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	if settings, is := body["config"].(map[string]any); is {
		for key, value := range settings {
			if replicas := strings.Split(fmt.Sprint(value), ","); strings.HasSuffix(key, ".throttled.replicas") {
				slices.Sort(replicas)
				settings[key] = strings.Join(replicas, ",")
			}
		}
	}
	written, err := json.Marshal(body)
	if err != nil {
		return text
	}
	return string(written) + text[decoder.InputOffset():]
}

// registerBrokers writes registrations that nobody is behind.
func registerBrokers(t *testing.T, address, chroot string, racks map[int]string) {
	t.Helper()
	conn, events, err := zk.Connect([]string{address}, 10_000_000_000, zk.WithLogInfo(false))
	must(t, err)
	defer conn.Close()
	go func() {
		for range events { //nolint:revive // so that the client does not wait
		}
	}()
	create := func(path, data string) {
		await(t, path+" is written", func(context.Context) bool { // the connection may be lost on a busy machine
			_, err := conn.Create(chroot+path, []byte(data), 0, zk.WorldACL(zk.PermAll))
			return err == nil || errors.Is(err, zk.ErrNodeExists)
		})
	}
	for _, path := range []string{"", "/brokers", "/brokers/ids", "/brokers/topics", "/admin", "/admin/delete_topics", "/config", "/config/changes",
		"/config/topics", "/config/brokers", "/config/users", "/config/clients"} {
		create(path, "")
	}
	for id, rack := range racks {
		create(fmt.Sprintf("/brokers/ids/%d", id), fmt.Sprintf(`{"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},`+
			`"endpoints":["PLAINTEXT://localhost:9092"],"rack":"%s","jmx_port":-1,"host":"localhost","timestamp":"1","port":9092,"version":4}`, rack))
	}
}

// TestKafkaCreatesOnThreeBrokers: a topic that Kafka 2.4.1 writes into ZooKeeper is picked up, spread and served by a cluster of three.
func TestKafkaCreatesOnThreeBrokers(t *testing.T) {
	server := startServer(t)
	connect := server.Address() + "/three"
	var first *milena.Broker
	for id := 1; id <= 3; id++ {
		b := newBroker(t)
		b.Port = brokerPort + id
		start(t, b, connect, fmt.Sprintf("node.id=%d", id))
		if first == nil {
			first = b
		}
	}
	c := client(t, first.Address())
	admin := kadm.NewClient(c)
	await(t, "three brokers", func(ctx context.Context) bool {
		brokers, err := admin.ListBrokers(ctx)
		return err == nil && len(brokers) == 3
	})
	tool(t, kafka.V2, "topics", "--create", "--zookeeper", connect, "--topic", "t", "--replication-factor", "3", "--partitions", "3")
	out, errs, err := first.Run(t.Context(), "", "topics", "--create", "--zookeeper", connect, "--topic", "ours", "--replication-factor", "3", "--partitions", "3")
	if err != nil {
		t.Fatal(err, out, errs)
	}
	for _, topic := range []string{"t", "ours"} {
		await(t, topic+" is led by three, and replicated", func(ctx context.Context) bool {
			topics, err := admin.ListTopics(ctx, topic)
			leaders := map[int32]bool{}
			for _, p := range topics[topic].Partitions {
				if leaders[p.Leader] = true; len(p.Replicas) != 3 || len(p.ISR) != 3 {
					return false
				}
			}
			return err == nil && len(leaders) == 3 && !leaders[-1]
		})
		for p := range int32(3) {
			produce(t, client(t, first.Address()), topic, p, "served")
		}
		if n := count(t, c, topic); n != 3 {
			t.Errorf("%s has %d records", topic, n)
		}
	}
	described := tool(t, kafka.V2, "topics", "--describe", "--zookeeper", connect)
	out, errs, err = first.Run(t.Context(), "", "topics", "--describe", "--zookeeper", connect)
	if err != nil || told(out) != told(described) {
		t.Errorf("described as\n%s%s\nby Kafka as\n%s", out, errs, described)
	}
}
