//go:build chaos

package chaos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"milena/test/kafka"
)

// event is a line of Kafka's verifiable clients.
type event struct {
	Timestamp int64 // ms
	Name      string
	Value     string
	Partition int32
	Offset    int64
}

// tool is a running verifiable client of Kafka 4.3.1; it tells on its standard output of each record.
type tool struct {
	cmd *exec.Cmd

	mu     sync.Mutex // guards what follows
	line   []byte     // that has not ended yet
	events map[string][]event
	errors bytes.Buffer
}

// startTool runs one in the hub.
func startTool(c *cluster, name string, args ...string) *tool {
	c.t.Helper()
	classPath, err := kafka.Fetch(c.t.Context(), kafka.V4)
	must(c.t, err)
	java := append(c.net.on(0), "java", "-Xmx256M", "-XX:TieredStopAtLevel=1", "-cp", classPath, kafka.ToolClass(kafka.V4, name),
		"--bootstrap-server", strings.Join(c.addresses(), ","), "--topic", topic)
	tl := &tool{cmd: exec.Command(java[0], append(java[1:], args...)...), events: map[string][]event{}}
	tl.cmd.Stdout, tl.cmd.Stderr = tl, &tl.errors
	must(c.t, tl.cmd.Start())
	c.t.Cleanup(func() {
		_ = tl.cmd.Process.Kill()
		_ = tl.cmd.Wait()
		if c.t.Failed() {
			c.t.Logf("%s said last: %s\n%s", name, tl.line, tl.errors.String())
		}
	})
	return tl
}

// Write takes what the client prints.
func (tl *tool) Write(data []byte) (int, error) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	tl.line = append(tl.line, data...)
	for {
		line, rest, ended := bytes.Cut(tl.line, []byte("\n"))
		if !ended {
			return len(data), nil
		}
		tl.line = rest
		var e event
		if json.Unmarshal(line, &e) == nil {
			tl.events[e.Name] = append(tl.events[e.Name], e)
		}
	}
}

// told gives the events of a name from the nth on.
func (tl *tool) told(name string, n int) []event {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	return slices.Clone(tl.events[name][n:])
}

// end has a client finish what it does.
func (tl *tool) end() {
	_ = tl.cmd.Process.Signal(syscall.SIGTERM)
	_ = tl.cmd.Wait() // a JVM ends with a code of its own after a signal
}

// What the clients tell of each record.
const sent, notSent, read = "producer_send_success", "producer_send_error", "record_data"

// clients are a producer with acks=all and a consumer of a group, both Kafka's, on the topic of a cluster.
type clients struct {
	c                  *cluster
	producer, consumer *tool
}

func startClients(c *cluster) *clients {
	c.t.Helper()
	// Without these lines the tool's producer does not repeat a request, and so is not idempotent.
	settings := filepath.Join(c.t.TempDir(), "producer.properties")
	must(c.t, os.WriteFile(settings, []byte("enable.idempotence=true\nretries=2147483647\n"), 0o644))
	return &clients{
		c: c,
		producer: startTool(c, "verifiable-producer", "--acks", "-1", "--throughput", "500", "--repeating-keys", "40",
			"--command-config", settings),
		consumer: startTool(c, "verifiable-consumer", "--group-id", "v", "--verbose"),
	}
}

// goOn waits until each partition has acknowledged a record, and the consumer has read one, since a moment.
func (v *clients) goOn(since time.Time) {
	v.c.t.Helper()
	count := func(tl *tool, name string) int {
		seen, from := map[int32]bool{}, max(0, len(tl.told(name, 0))-1000)
		for _, e := range tl.told(name, from) {
			if e.Timestamp > since.UnixMilli() {
				seen[e.Partition] = true
			}
		}
		return len(seen)
	}
	await(v.c.t, "acknowledgement of Kafka's producer in each partition", patience, func() bool { return count(v.producer, sent) == partitions })
	await(v.c.t, "record at Kafka's consumer", patience, func() bool { return count(v.consumer, read) > 0 })
}

// pause is the longest time since a moment for which a partition acknowledged nothing.
func (v *clients) pause(since time.Time) (longest time.Duration) {
	last := map[int32]int64{}
	for _, e := range v.producer.told(sent, 0) {
		if before, some := last[e.Partition]; some && e.Timestamp > since.UnixMilli() {
			longest = max(longest, time.Duration(e.Timestamp-before)*time.Millisecond)
		}
		last[e.Partition] = e.Timestamp
	}
	return longest
}

// survive has a blow befall the cluster under the clients; heal repairs it when they go on.
func (v *clients) survive(what string, strike, heal func()) {
	t := v.c.t
	t.Helper()
	began := time.Now()
	strike()
	v.goOn(began)
	heal()
	v.c.whole()
	v.goOn(time.Now())
	pause := v.pause(began)
	t.Logf("%s: %s: Kafka's producer was paused for %d ms; all in sync after %.1f s", began.UTC().Format("15:04:05.000"), what, pause.Milliseconds(),
		time.Since(began).Seconds())
	if pause > longestPause {
		t.Errorf("%s: Kafka's producer was paused for %v", what, pause)
	}
}

// end stops the clients. What was acknowledged was read; what was read came once and in order.
func (v *clients) end() {
	t := v.c.t
	t.Helper()
	v.producer.end()
	if failed := v.producer.told(notSent, 0); len(failed) > 0 {
		t.Errorf("%d sends failed, the first %+v", len(failed), failed[0])
	}
	acknowledged := v.producer.told(sent, 0)
	await(t, "consumer with everything", patience, func() bool { return len(v.consumer.told(read, 0)) >= len(acknowledged) })
	v.consumer.end()
	type place struct {
		partition int32
		offset    int64
	}
	found, next, last := map[place]string{}, map[int32]int64{}, map[int32]int{}
	for _, e := range v.consumer.told(read, 0) {
		number, err := strconv.Atoi(e.Value)
		before, some := last[e.Partition]
		if err != nil || e.Offset != next[e.Partition] || some && number <= before {
			t.Fatalf("%+v was read where offset %d comes next, after %d: %v", e, next[e.Partition], before, err)
		}
		found[place{e.Partition, e.Offset}] = e.Value
		next[e.Partition], last[e.Partition] = e.Offset+1, number
	}
	for _, e := range acknowledged {
		if value := found[place{e.Partition, e.Offset}]; value != e.Value {
			t.Fatalf("%+v was acknowledged, and %q was read there", e, value)
		}
	}
	t.Logf("%d records acknowledged, %d read", len(acknowledged), len(found))
}

// TestVerifiableOnZooKeeper kills brokers, the controller and a server of the store, one after the other, under Kafka's verifiable clients.
func TestVerifiableOnZooKeeper(t *testing.T) {
	c := startCluster(t, true)
	c.createTopic()
	v := startClients(c)
	v.goOn(time.Now())
	c.whole() // with the topic of the groups
	broker := func(what string, i int) {
		t.Helper()
		v.survive(fmt.Sprintf("kill broker %d, %s", i+1, what), func() { must(t, c.kill(i)) }, func() { c.launch(i) })
	}
	for round := range int32(2) {
		broker("a leader", c.leader(round))
		broker("the controller", c.controller())
		server := c.zk.Leader()
		v.survive("kill the leader of the store", func() { must(t, server.Kill()) }, func() { must(t, server.Start(t.Context())) })
	}
	v.end()
}
