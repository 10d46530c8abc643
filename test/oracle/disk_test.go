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
	for i := range diskBatches {
		if offset := produceOnce(t, conn, batchKind(i)); offset != int64(i*9) {
			t.Fatalf("batch %d lies at offset %d", i, offset)
		}
	}
}

// batchKind is what the batch at some place is made of; each sixth is the idempotent producer's.
func batchKind(i int) string {
	kinds := []string{"9", "9,gzip", "9,snappy", "9,lz4", "9,zstd", fmt.Sprintf("9,4711,0,%d", i/6*9)}
	return kinds[i%len(kinds)]
}

func produceOnce(t *testing.T, conn *load.Conn, kind string) (offset int64) {
	t.Helper()
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
	p := resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		t.Fatalf("a batch of %s: error code %d", kind, p.ErrorCode)
	}
	return p.BaseOffset
}

// goesOn checks that who took the log over knows its times and its producer, and appends.
func goesOn(t *testing.T, address string) {
	t.Helper()
	conn, err := load.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	req := kmsg.NewPtrListOffsetsRequest()
	req.SetVersion(7)
	req.ReplicaID = -1
	req.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: diskTopic, Partitions: []kmsg.ListOffsetsRequestTopicPartition{
		{Timestamp: fixedTimeMs + 4, CurrentLeaderEpoch: -1}}}}
	resp, err := conn.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if p := resp.(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0]; p.ErrorCode != 0 || p.Offset != 4 || p.Timestamp != fixedTimeMs+4 {
		t.Errorf("by time: offset %d at %d, error code %d; want offset 4 at %d", p.Offset, p.Timestamp, p.ErrorCode, fixedTimeMs+4)
	}
	last := (diskBatches-6)/6*6 + 5 // the producer's last batch
	if offset := produceOnce(t, conn, batchKind(last)); offset != int64(last*9) {
		t.Errorf("the producer's last batch, sent again, is said to lie at offset %d, not %d", offset, last*9)
	}
	if offset := produceOnce(t, conn, batchKind(last+6)); offset != diskBatches*9 {
		t.Errorf("the producer's next batch lies at offset %d, not %d", offset, diskBatches*9)
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
			if segments, _ := filepath.Glob(filepath.Join(b.DataDir(), diskTopic+"-0", "*.log")); len(segments) < 3 {
				t.Errorf("there are only %d segments", len(segments))
			}
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
	goesOn(t, k.Address())
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
				goesOn(t, b.Address())
			})
		}
	}
}
