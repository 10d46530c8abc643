//go:build oracle

package oracle

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"milena/bench/load"
	"milena/internal/record"
	"milena/test/kafka"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// cleaner makes both brokers' cleaners look often.
var cleaner = []string{"log.cleaner.backoff.ms=200", "log.cleaner.dedupe.buffer.size=4194304"}

// startCleaner starts Kafka with such a cleaner.
func startCleaner(t *testing.T, version string, mode kafka.Mode, port int) *kafka.Cluster {
	t.Helper()
	c := &kafka.Cluster{Version: version, Mode: mode, Dir: t.TempDir(), Port: port, HeapOpts: "-Xmx512M"}
	if err := c.Start(t.Context(), append(slices.Clone(overrides), cleaner...)...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	awaitBroker(t, c.Address())
	return c
}

// keyed is what was written to a compacted topic: values of a few keys, over and over.
type keyed struct {
	address string
	next    int64 // offset
	last    map[string]string
	seq     int32
}

// newKeyed makes the topic, whose segments are small (see fill).
func newKeyed(t *testing.T, address string) *keyed {
	t.Helper()
	if err := load.CreateTopic(address, diskTopic, 1, map[string]string{
		"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "3600000",
		"segment.index.bytes": "240", "index.interval.bytes": "256",
	}); err != nil {
		t.Fatal(err)
	}
	return &keyed{address: address, last: map[string]string{}}
}

// write appends batches of every codec, and an idempotent producer's; every tenth value is none. The last batch of all keeps the ones before
// out of the active segment's way.
func (k *keyed) write(t *testing.T, batches int) {
	t.Helper()
	conn, err := load.Dial(k.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for i := range batches {
		b := record.Builder{Codec: record.Codec(i % 5), ProducerID: -1, ProducerEpoch: -1, BaseSequence: -1}
		if i%6 == 5 {
			b.ProducerID, b.ProducerEpoch, b.BaseSequence = 4711, 0, k.seq
			k.seq += 9
		}
		var records []record.Record
		for j := range 9 {
			key := fmt.Sprintf("key-%d", (i*7+j*j)%40)
			r := record.Record{Offset: int64(j), TimestampMs: fixedTimeMs + k.next, Key: []byte(key)}
			if (i+j)%10 != 0 {
				r.Value = []byte(fmt.Sprintf("value %d of %s, and some more", k.next, key))
				k.last[key] = string(r.Value)
			} else {
				delete(k.last, key)
			}
			k.next++
			records = append(records, r)
		}
		batch, err := b.Build(records)
		if err != nil {
			t.Fatal(err)
		}
		k.produce(t, conn, batch)
	}
}

func (k *keyed) produce(t *testing.T, conn *load.Conn, batch record.Batch) {
	t.Helper()
	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(9)
	req.Acks, req.TimeoutMillis = -1, 5000
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = diskTopic
	part := kmsg.NewProduceRequestTopicPartition()
	part.Records = batch
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	resp, err := conn.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if p := resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0]; p.ErrorCode != 0 || p.BaseOffset+9 != k.next {
		t.Fatalf("error code %d at offset %d, want %d", p.ErrorCode, p.BaseOffset, k.next-9)
	}
}

// check reads the topic and compares; how many records there are is returned.
func (k *keyed) check(t *testing.T) (records int) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(k.address), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		diskTopic: {0: kgo.NewOffset().AtStart()},
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got, at := map[string]string{}, int64(-1)
	for at < k.next-1 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d of %d: %v", at, k.next, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset <= at {
				t.Errorf("offset %d after %d", r.Offset, at)
			}
			at = r.Offset
			records++
			if got[string(r.Key)] = string(r.Value); r.Value == nil {
				delete(got, string(r.Key))
			}
			if want := fixedTimeMs + r.Offset; r.Timestamp.UnixMilli() != want {
				t.Errorf("the time of offset %d is %d, not %d", r.Offset, r.Timestamp.UnixMilli(), want)
			}
		})
	}
	if !maps.Equal(got, k.last) {
		t.Errorf("a reader gets %d keys that differ from the %d that were written:\n%v\n%v", len(got), len(k.last), got, k.last)
	}
	return records
}

// awaitCleaned waits until a cleaner has written a checkpoint above an offset, and gives that.
func awaitCleaned(t *testing.T, dataDir string, above int64) int64 {
	t.Helper()
	const patience = 60 * time.Second
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		text, _ := os.ReadFile(filepath.Join(dataDir, "cleaner-offset-checkpoint"))
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) == 3 && fields[0] == diskTopic {
				if n, err := strconv.ParseInt(fields[2], 10, 64); err == nil && n > above {
					return n
				}
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not cleaned beyond %d within %s; the checkpoint is %q", above, patience, text)
		}
	}
}

// verify has Kafka's tool check the log's files.
func verify(t *testing.T, dataDir string) string {
	t.Helper()
	out := dump(t, dataDir, "*.log", "--deep-iteration", "--print-data-log")
	dump(t, dataDir, "*.index", "--index-sanity-check")
	dump(t, dataDir, "*.index")
	dump(t, dataDir, "*.timeindex")
	dump(t, dataDir, "*.snapshot")
	return out
}

func TestKafkaVerifiesAndCleansOn(t *testing.T) {
	b := startMilena(t, t.TempDir(), cleaner...)
	k := newKeyed(t, b.Address())
	k.write(t, 300)
	cleaned := awaitCleaned(t, b.DataDir(), 1000)
	k.write(t, 100)
	cleaned = awaitCleaned(t, b.DataDir(), cleaned)
	records := k.check(t)
	if records > int(k.next)/2 {
		t.Errorf("%d of %d records are left", records, k.next)
	}
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	out := verify(t, b.DataDir())
	if n := strings.Count(out, "| offset: "); n != records {
		t.Errorf("Kafka sees %d records, not %d", n, records)
	}
	if !strings.Contains(out, "deleteHorizonMs: OptionalLong[") {
		t.Errorf("Kafka sees no delete horizon:\n%.2000s", out)
	}

	theirs := startCleaner(t, kafka.V3, kafka.ZooKeeper, 23000)
	if err := theirs.StopBroker(); err != nil {
		t.Fatal(err)
	}
	copyLog(t, b.DataDir(), theirs.DataDir())
	copyCheckpoint(t, b.DataDir(), theirs.DataDir())
	node := fmt.Sprintf(`{"version":3,"topic_id":"%s","partitions":{"0":[1]},"adding_replicas":{},"removing_replicas":{}}`, topicID(t, b.DataDir()))
	config := `{"version":1,"config":{"cleanup.policy":"compact","min.cleanable.dirty.ratio":"0.01","segment.index.bytes":"240",` +
		`"index.interval.bytes":"256","delete.retention.ms":"3600000"}}`
	for path, data := range map[string]string{"/brokers/topics/" + diskTopic: node, "/config/topics/" + diskTopic: config} {
		if _, errs, err := kafka.Tool(t.Context(), kafka.V3, nil, "org.apache.zookeeper.ZooKeeperMain", "-server", theirs.ZooKeeperAddress(),
			"create", path, data); err != nil {
			t.Fatalf("write %s: %v\n%s", path, err, errs)
		}
	}
	if err := theirs.Launch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := load.AwaitLeaders(theirs.Address(), diskTopic, 1); err != nil {
		t.Fatal(err)
	}
	k.address = theirs.Address()
	k.check(t)
	k.write(t, 100)
	awaitCleaned(t, theirs.DataDir(), cleaned)
	k.check(t)
}

func copyCheckpoint(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(from, "cleaner-offset-checkpoint"))
	if err == nil {
		err = os.WriteFile(filepath.Join(to, "cleaner-offset-checkpoint"), text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestWeCleanOnAfterKafka(t *testing.T) {
	for name, end := range map[string]func(*kafka.Cluster) error{"stopped": (*kafka.Cluster).StopBroker, "killed": (*kafka.Cluster).KillBroker} {
		for _, from := range []struct {
			version string
			mode    kafka.Mode
			port    int
		}{{kafka.V3, kafka.ZooKeeper, 23100}, {kafka.V4, kafka.KRaft, 23200}} {
			t.Run(from.version+" "+name, func(t *testing.T) {
				theirs := startCleaner(t, from.version, from.mode, from.port)
				k := newKeyed(t, theirs.Address())
				k.write(t, 300)
				cleaned := awaitCleaned(t, theirs.DataDir(), 1000)
				k.check(t)
				if err := end(theirs); err != nil {
					t.Fatal(err)
				}
				dir := t.TempDir()
				if err := os.CopyFS(filepath.Join(dir, "data"), os.DirFS(theirs.DataDir())); err != nil {
					t.Fatal(err)
				}
				// The topic's configuration is in their store, not in the directory.
				b := startMilena(t, dir, append([]string{"log.cleanup.policy=compact", "log.cleaner.min.cleanable.ratio=0.01",
					"log.index.size.max.bytes=240", "log.index.interval.bytes=256"}, cleaner...)...)
				k.address = b.Address()
				before := k.check(t)
				k.write(t, 100)
				awaitCleaned(t, b.DataDir(), max(cleaned, k.next-500))
				if after := k.check(t); after > before+900/2 {
					t.Errorf("%d records, there were %d before 900 more", after, before)
				}
				if err := b.Stop(); err != nil {
					t.Fatal(err)
				}
				verify(t, b.DataDir())
				if err := b.Start(t.Context(), overrides...); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}
