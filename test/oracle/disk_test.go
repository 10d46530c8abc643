//go:build oracle

package oracle

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"milena/bench/load"
	"milena/test/kafka"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	diskTopic   = "on-disk"
	diskBatches = 400
)

// fill writes batches of every codec, plain and idempotent, into partition 0 of a topic whose segments are small: Kafka 4 allows no small
// segment.bytes, but a segment ends as well when its index is full.
func fill(t *testing.T, address string) {
	t.Helper()
	if err := load.CreateTopic(address, diskTopic, 1, map[string]string{"segment.index.bytes": "240", "index.interval.bytes": "256"}); err != nil {
		t.Fatal(err)
	}
	conn, err := load.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	kinds := []string{"9", "9,gzip", "9,snappy", "9,lz4", "9,zstd", "9,4711,0,%d"}
	for i := range diskBatches {
		kind := kinds[i%len(kinds)]
		if strings.Contains(kind, "%d") {
			kind = fmt.Sprintf(kind, i/len(kinds)*9)
		}
		req := kmsg.NewPtrProduceRequest()
		req.SetVersion(9)
		req.Acks, req.TimeoutMillis = -1, 5000
		topic := kmsg.NewProduceRequestTopic()
		topic.Topic = diskTopic
		part := kmsg.NewProduceRequestTopicPartition()
		part.Records = batchOf(t, kind)
		topic.Partitions = append(topic.Partitions, part)
		req.Topics = append(req.Topics, topic)
		resp, err := conn.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if code := resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode; code != 0 {
			t.Fatalf("batch %d (%s): error code %d", i, kind, code)
		}
	}
}

// readAll is what a consumer reads of the topic, byte for byte: the batches as they lie in the log.
func readAll(t *testing.T, address string) string {
	t.Helper()
	conn, err := load.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var all strings.Builder
	offset, end := int64(0), int64(diskBatches*9)
	for tries := 0; offset < end && tries < 2000; tries++ {
		got, next := fetchOnce(t, conn, offset)
		all.Write(got)
		offset = next
	}
	if offset != end {
		t.Fatalf("read up to offset %d, not %d", offset, end)
	}
	return all.String()
}

func fetchOnce(t *testing.T, conn *load.Conn, offset int64) ([]byte, int64) {
	t.Helper()
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(12)
	req.ReplicaID, req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.SessionEpoch = -1, 100, 1, 50<<20, -1
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic = diskTopic
	part := kmsg.NewFetchRequestTopicPartition()
	part.FetchOffset, part.PartitionMaxBytes, part.CurrentLeaderEpoch = offset, 1<<20, -1
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	resp, err := conn.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	p := resp.(*kmsg.FetchResponse).Topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		t.Fatalf("fetch at %d: error code %d", offset, p.ErrorCode)
	}
	whole, next := load.WholeBatches(p.RecordBatches, offset)
	return whole, next
}

// copyLog copies the topic's log from one data directory to another.
func copyLog(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(filepath.Join(to, diskTopic+"-0"), os.DirFS(filepath.Join(from, diskTopic+"-0"))); err != nil {
		t.Fatal(err)
	}
}

var topicIDPattern = regexp.MustCompile(`topic_id: (\S+)`)

func topicID(t *testing.T, dataDir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dataDir, diskTopic+"-0", "partition.metadata"))
	if err != nil {
		t.Fatal(err)
	}
	m := topicIDPattern.FindSubmatch(text)
	if m == nil {
		t.Fatalf("no topic_id in %q", text)
	}
	return string(m[1])
}

// dump has Kafka's own tool check files of a log directory.
func dump(t *testing.T, dir string, pattern string, args ...string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, diskTopic+"-0", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no %s in %s (%v)", pattern, dir, err)
	}
	out, errs, err := kafka.Tool(t.Context(), kafka.V4, nil, kafka.ToolClass(kafka.V4, "dump-log"),
		append([]string{"--files", strings.Join(files, ",")}, args...)...)
	if err != nil {
		t.Fatalf("dump-log of %s: %v\n%s%s", pattern, err, out, errs)
	}
	for _, bad := range []string{"Mismatch", "mismatch", "orrupt", "Exception", "isvalid: false", "Could not", "out of order", "Found timestamp"} {
		if strings.Contains(out+errs, bad) {
			t.Fatalf("dump-log of %s says %q:\n%s%s", pattern, bad, out, errs)
		}
	}
	return out
}

func TestKafkaVerifiesOurFiles(t *testing.T) {
	b := startMilena(t, t.TempDir())
	fill(t, b.Address())
	for name, end := range map[string]func() error{"killed": b.Kill, "stopped": b.Stop} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			out := dump(t, b.DataDir(), "*.log", "--deep-iteration", "--print-data-log")
			if n := strings.Count(out, "| offset: "); n != diskBatches*9 {
				t.Errorf("Kafka sees %d records, not %d", n, diskBatches*9)
			}
			dump(t, b.DataDir(), "*.index", "--index-sanity-check")
			dump(t, b.DataDir(), "*.index")
			dump(t, b.DataDir(), "*.timeindex")
			dump(t, b.DataDir(), "*.snapshot")
		})
		if err := b.Start(t.Context(), overrides...); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKafkaServesOurLog(t *testing.T) {
	b := startMilena(t, t.TempDir())
	fill(t, b.Address())
	want := readAll(t, b.Address())
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	k := startKafka(t, kafka.V3, kafka.ZooKeeper, 19580)
	if err := k.StopBroker(); err != nil {
		t.Fatal(err)
	}
	copyLog(t, b.DataDir(), k.DataDir())
	node := fmt.Sprintf(`{"version":3,"topic_id":"%s","partitions":{"0":[1]},"adding_replicas":{},"removing_replicas":{}}`, topicID(t, b.DataDir()))
	if _, errs, err := kafka.Tool(t.Context(), kafka.V3, nil, "org.apache.zookeeper.ZooKeeperMain", "-server", k.ZooKeeperAddress(),
		"create", "/brokers/topics/"+diskTopic, node); err != nil {
		t.Fatalf("write the topic's node: %v\n%s", err, errs)
	}
	if err := k.Launch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := load.AwaitLeaders(k.Address(), diskTopic, 1); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, k.Address()); got != want {
		t.Errorf("Kafka serves %d bytes that differ from the %d that were written", len(got), len(want))
	}
}

func TestWeServeKafkasLog(t *testing.T) {
	for name, end := range map[string]func(*kafka.Cluster) error{"stopped": (*kafka.Cluster).StopBroker, "killed": (*kafka.Cluster).KillBroker} {
		for _, from := range []struct {
			version string
			mode    kafka.Mode
			port    int
		}{{kafka.V3, kafka.ZooKeeper, 19620}, {kafka.V4, kafka.KRaft, 19660}} {
			t.Run(from.version+" "+name, func(t *testing.T) {
				k := startKafka(t, from.version, from.mode, from.port)
				fill(t, k.Address())
				want := readAll(t, k.Address())
				if err := end(k); err != nil {
					t.Fatal(err)
				}
				// The whole directory, as a user does who swaps the binary.
				dir := t.TempDir()
				if err := os.CopyFS(filepath.Join(dir, "data"), os.DirFS(k.DataDir())); err != nil {
					t.Fatal(err)
				}
				b := startMilena(t, dir)
				if got := readAll(t, b.Address()); got != want {
					t.Errorf("we serve %d bytes that differ from the %d that were written", len(got), len(want))
				}
				if topicID(t, b.DataDir()) != topicID(t, k.DataDir()) {
					t.Error("the topic has another id")
				}
			})
		}
	}
}
