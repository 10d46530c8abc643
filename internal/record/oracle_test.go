package record

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestAskKafka sends the produce cases to the Apache Kafka at RECORD_KAFKA (host:port, one broker, no topics) and writes down what it
// answers and stores, for TestCheckAsKafka.
func TestAskKafka(t *testing.T) {
	addr := os.Getenv("RECORD_KAFKA")
	if addr == "" {
		t.Skip("RECORD_KAFKA is not set")
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ids := createTopics(t, cl)
	nowMs := time.Now().UnixMilli()
	var out strings.Builder
	for _, c := range produceCases(t, nowMs) {
		fmt.Fprintf(&out, "# %s\n%s\n%s\n\n", c.topic, c.name, askKafka(t, cl, ids[c.topic], c, nowMs))
	}
	if err := os.WriteFile("testdata/produce_4.3.1.txt", []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func createTopics(t *testing.T, cl *kgo.Client) map[string][16]byte {
	set := func(k, v string) map[string]*string { return map[string]*string{k: &v} }
	ids := map[string][16]byte{}
	for topic, cfg := range map[string]map[string]*string{
		"plain": nil, "compact": set("cleanup.policy", "compact"), "append-time": set("message.timestamp.type", "LogAppendTime"),
		"gzip": set("compression.type", "gzip"), "none": set("compression.type", "uncompressed"), "small": set("max.message.bytes", "500"),
		"before": set("message.timestamp.before.max.ms", "600000"),
	} {
		created, err := kadm.NewClient(cl).CreateTopic(context.Background(), 1, 1, cfg, topic)
		if err != nil {
			t.Fatal(topic, err)
		}
		ids[topic] = created.ID
	}
	return ids
}

// askKafka produces one case and reads back what was stored.
func askKafka(t *testing.T, cl *kgo.Client, id [16]byte, c produceCase, nowMs int64) string {
	ctx := context.Background()
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 5000
	rp := kmsg.NewProduceRequestTopicPartition()
	rp.Records = c.data
	rt := kmsg.NewProduceRequestTopic()
	rt.Topic, rt.TopicID, rt.Partitions = c.topic, id, []kmsg.ProduceRequestTopicPartition{rp}
	req.Topics = []kmsg.ProduceRequestTopic{rt}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		t.Fatal(c.name, err)
	}
	p := resp.Topics[0].Partitions[0]
	var records []RecordError
	for _, e := range p.ErrorRecords {
		records = append(records, RecordError{e.RelativeOffset, *e.ErrorMessage})
	}
	text := answer(p.ErrorCode, p.ErrorMessage, records)
	if p.ErrorCode != 0 {
		return text
	}
	fp := kmsg.NewFetchRequestTopicPartition()
	fp.FetchOffset, fp.PartitionMaxBytes = p.BaseOffset, 1<<20
	ft := kmsg.NewFetchRequestTopic()
	ft.Topic, ft.TopicID, ft.Partitions = c.topic, id, []kmsg.FetchRequestTopicPartition{fp}
	f := kmsg.NewPtrFetchRequest()
	f.MaxBytes, f.MinBytes, f.MaxWaitMillis, f.Topics = 1<<20, 1, 500, []kmsg.FetchRequestTopic{ft}
	fetched, err := f.RequestWith(ctx, cl.Broker(1))
	if err != nil {
		t.Fatal(c.name, err)
	}
	b, _, err := Next(fetched.Topics[0].Partitions[0].RecordBatches)
	if err != nil {
		t.Fatal(c.name, err)
	}
	return text + stored(t, b, nowMs)
}
