//go:build oracle

package oracle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"milena/bench/load"
	"milena/test/kafka"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	storedTopic      = "stored"
	storedPartitions = 2
	storedRecords    = 20 // of each partition
	offsetsTopic     = "__consumer_offsets"
)

// storedOverrides keep the offsets topic small.
var storedOverrides = []string{"offsets.topic.num.partitions=3"}

// storedGroup is a group that leaves offsets behind.
type storedGroup struct {
	name   string
	isNew  bool // of the new protocol
	static bool // its member does not leave: it is still there after the move
	upTo   int64
}

func storedGroups(alsoNew bool) []storedGroup {
	all := []storedGroup{{name: "left", upTo: 7}, {name: "stays", static: true, upTo: 12}, {name: "other", upTo: storedRecords}}
	if alsoNew {
		all = append(all, storedGroup{name: "new", isNew: true, upTo: 9})
	}
	return all
}

func storedClient(t *testing.T, address string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(address), kgo.DisableClientMetrics(),
		kgo.RecordPartitioner(kgo.ManualPartitioner())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseAllowingRebalance)
	return c
}

// member is a consumer of the group.
func (g storedGroup) member(t *testing.T, address string) *kgo.Client {
	t.Helper()
	opts := []kgo.Opt{kgo.ConsumerGroup(g.name), kgo.ConsumeTopics(storedTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(), kgo.Balancers(kgo.RangeBalancer()), kgo.SessionTimeout(45 * time.Second)}
	if g.isNew {
		opts = append(opts, kgo.ServerSideBalancer())
	}
	if g.static {
		opts = append(opts, kgo.InstanceID("one"))
	}
	return storedClient(t, address, opts...)
}

// leaveOffsets has each group read, and commit up to its offset in each partition.
func leaveOffsets(t *testing.T, address string, groups []storedGroup) {
	t.Helper()
	if err := load.CreateTopic(address, storedTopic, storedPartitions, nil); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	writer := storedClient(t, address)
	for i := range storedRecords * storedPartitions {
		r := &kgo.Record{Topic: storedTopic, Partition: int32(i % storedPartitions), Value: fmt.Append(nil, i/storedPartitions)}
		if err := writer.ProduceSync(ctx, r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range groups {
		c := g.member(t, address)
		readTo(ctx, t, c, storedRecords)
		offsets := map[string]map[int32]kgo.EpochOffset{storedTopic: {}}
		for p := range int32(storedPartitions) {
			offsets[storedTopic][p] = kgo.EpochOffset{Epoch: -1, Offset: g.upTo}
		}
		var failed error
		c.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
			failed = err
			for p := 0; err == nil && p < storedPartitions; p++ {
				failed = errors.Join(failed, kerr.ErrorForCode(resp.Topics[0].Partitions[p].ErrorCode))
			}
		})
		if failed != nil {
			t.Fatalf("commit of %s: %v", g.name, failed)
		}
		c.CloseAllowingRebalance()
	}
}

// readTo polls until each partition was read to an offset, and returns the first offset of each.
func readTo(ctx context.Context, t *testing.T, c *kgo.Client, end int64) (first map[int32]int64) {
	t.Helper()
	first = map[int32]int64{}
	at := map[int32]int64{}
	for done := 0; done < storedPartitions; {
		fetches := c.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("read up to %v, not %d", at, end)
		}
		done = 0
		fetches.EachRecord(func(r *kgo.Record) {
			if _, ok := first[r.Partition]; !ok {
				first[r.Partition] = r.Offset
			}
			at[r.Partition] = r.Offset + 1
		})
		for _, offset := range at {
			if offset == end {
				done++
			}
		}
	}
	return first
}

// findOffsets checks that the broker knows the groups and their offsets, and that each goes on where it stopped.
func findOffsets(t *testing.T, address string, groups []storedGroup) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	admin := kadm.NewClient(storedClient(t, address))
	for _, g := range groups {
		awaitOffsets(ctx, t, admin, g)
		described, err := admin.DescribeGroups(ctx, g.name)
		if err != nil && !g.isNew {
			t.Fatal(err)
		}
		if d := described[g.name]; !g.isNew {
			want := map[bool]string{true: "Stable", false: "Empty"}[g.static]
			if d.State != want {
				t.Errorf("%s is %s, not %s (%v)", g.name, d.State, want, d.Err)
			}
			if g.static && (len(d.Members) != 1 || d.Members[0].InstanceID == nil || *d.Members[0].InstanceID != "one") {
				t.Errorf("%s has the members %+v", g.name, d.Members)
			}
		}
		if g.upTo == storedRecords {
			continue // there is nothing to go on with
		}
		c := g.member(t, address)
		for p, offset := range readTo(ctx, t, c, storedRecords) {
			if offset != g.upTo {
				t.Errorf("%s goes on in partition %d at offset %d, not %d", g.name, p, offset, g.upTo)
			}
		}
		c.CloseAllowingRebalance()
	}
}

func awaitOffsets(ctx context.Context, t *testing.T, admin *kadm.Client, g storedGroup) {
	t.Helper()
	for {
		stored, err := admin.FetchOffsets(ctx, g.name)
		if err == nil {
			err = stored.Error()
		}
		if err != nil {
			select {
			case <-ctx.Done():
				t.Fatalf("offsets of %s: %v", g.name, err)
			case <-time.After(100 * time.Millisecond): // the coordinator loads
			}
			continue
		}
		for p := range int32(storedPartitions) {
			if o, ok := stored.Lookup(storedTopic, p); !ok || o.At != g.upTo {
				t.Errorf("%s: partition %d: offset %d is stored, not %d", g.name, p, o.At, g.upTo)
			}
		}
		return
	}
}

// copyTopics copies the partitions of topics, and returns the id and the number of partitions of each.
func copyTopics(t *testing.T, from, to string, topics ...string) (ids map[string]string, counts map[string]int) {
	t.Helper()
	ids, counts = map[string]string{}, map[string]int{}
	for _, topic := range topics {
		dirs, err := filepath.Glob(filepath.Join(from, topic+"-*"))
		if err != nil || len(dirs) == 0 {
			t.Fatalf("no partition of %s in %s (%v)", topic, from, err)
		}
		for _, dir := range dirs {
			if err := os.CopyFS(filepath.Join(to, filepath.Base(dir)), os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
		}
		text, err := os.ReadFile(filepath.Join(dirs[0], "partition.metadata"))
		if err != nil {
			t.Fatal(err)
		}
		m := topicIDPattern.FindSubmatch(text)
		if m == nil {
			t.Fatalf("no topic_id in %q", text)
		}
		ids[topic], counts[topic] = string(m[1]), len(dirs)
	}
	return ids, counts
}

// TestKafkaServesOurGroups starts Kafka 3.9.2 on the files of a stopped Milena: it finds groups and offsets, and members go on.
func TestKafkaServesOurGroups(t *testing.T) {
	groups := storedGroups(false)
	b := startMilena(t, t.TempDir(), storedOverrides...)
	leaveOffsets(t, b.Address(), groups)
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	k := startKafka(t, kafka.V3, kafka.ZooKeeper, 25820, storedOverrides...)
	if err := k.StopBroker(); err != nil {
		t.Fatal(err)
	}
	ids, counts := copyTopics(t, b.DataDir(), k.DataDir(), storedTopic, offsetsTopic)
	for topic, id := range ids {
		var partitions []string
		for p := range counts[topic] {
			partitions = append(partitions, fmt.Sprintf(`"%d":[1]`, p))
		}
		node := fmt.Sprintf(`{"version":3,"topic_id":"%s","partitions":{%s},"adding_replicas":{},"removing_replicas":{}}`, id,
			strings.Join(partitions, ","))
		if _, errs, err := kafka.Tool(t.Context(), kafka.V3, nil, "org.apache.zookeeper.ZooKeeperMain", "-server", k.ZooKeeperAddress(),
			"create", "/brokers/topics/"+topic, node); err != nil {
			t.Fatalf("write the topic's node: %v\n%s", err, errs)
		}
	}
	if err := k.Launch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := load.AwaitLeaders(k.Address(), storedTopic, storedPartitions); err != nil {
		t.Fatal(err)
	}
	findOffsets(t, k.Address(), groups)
}

// TestWeServeKafkasGroups starts Milena on the files of a stopped Kafka.
func TestWeServeKafkasGroups(t *testing.T) {
	for _, from := range []struct {
		version string
		mode    kafka.Mode
		port    int
	}{{kafka.V3, kafka.ZooKeeper, 25860}, {kafka.V4, kafka.KRaft, 25900}} {
		t.Run(from.version, func(t *testing.T) {
			groups := storedGroups(from.version == kafka.V4)
			k := startKafka(t, from.version, from.mode, from.port, storedOverrides...)
			leaveOffsets(t, k.Address(), groups)
			if err := k.StopBroker(); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := os.CopyFS(filepath.Join(dir, "data"), os.DirFS(k.DataDir())); err != nil {
				t.Fatal(err)
			}
			findOffsets(t, startMilena(t, dir, storedOverrides...).Address(), groups)
		})
	}
}

// TestConsoleConsumersShare has Kafka's console-consumer read Milena in the group that it makes up, and two of them share a group.
func TestConsoleConsumersShare(t *testing.T) {
	b := startMilena(t, t.TempDir(), storedOverrides...)
	at := b.Address()
	mustMilena(t, b, "topics", "--bootstrap-server", at, "--create", "--topic", "queue", "--partitions", "2")
	const written = "a:one\nb:two\nc:three\nd:four\ne:five\nf:six\n"
	mustKafka(t, kafka.V4, written, "console-producer", "--bootstrap-server", at, "--topic", "queue", "--property", "parse.key=true",
		"--property", "key.separator=:")
	read := func(more ...string) string {
		return mustKafka(t, kafka.V4, "", "console-consumer", append([]string{"--bootstrap-server", at, "--topic", "queue", "--from-beginning",
			"--property", "print.key=true", "--property", "key.separator=:"}, more...)...)
	}
	sameLines(t, "console-consumer alone", inOrder(read("--max-messages", "6")), written)
	groups := mustMilena(t, b, "consumer-groups", "--bootstrap-server", at, "--list")
	if !regexp.MustCompile(`(?m)^console-consumer-\d+$`).MatchString(groups) {
		t.Errorf("the groups are %q", groups)
	}
	var outs [2]string
	done := make(chan int)
	for i := range outs {
		go func() {
			defer func() { done <- i }()
			out, _, err := kafka.Tool(t.Context(), kafka.V4, nil, kafka.ToolClass(kafka.V4, "console-consumer"), "--bootstrap-server", at,
				"--topic", "queue", "--from-beginning", "--group", "sharing", "--timeout-ms", "20000", "--property", "print.key=true",
				"--property", "key.separator=:")
			if outs[i] = out; err != nil {
				t.Error(err)
			}
		}()
	}
	<-done
	<-done
	sameLines(t, "two console-consumers together", inOrder(outs[0]+outs[1]), written)
}

// inOrder are the records that a console-consumer printed, sorted.
func inOrder(out string) string {
	const keys = "abcdef"
	lines := slices.DeleteFunc(strings.SplitAfter(out, "\n"), func(line string) bool {
		return len(line) < 2 || line[1] != ':' || !strings.ContainsRune(keys, rune(line[0]))
	})
	slices.SortFunc(lines, func(a, b string) int { return cmp.Compare(a[0], b[0]) })
	return strings.Join(lines, "")
}
