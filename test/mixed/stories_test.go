//go:build mixed

package mixed

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"milena/test/history"
	"milena/test/kafka"
	"milena/test/milena"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestStories goes through what a cluster does besides carrying a load, under the control of either broker.
func TestStories(t *testing.T) {
	p := startPair(t, func(b *milena.Broker) {
		unmount, err := b.MountVolume("220m")
		must(t, err)
		t.Cleanup(func() { must(t, unmount()) })
	})
	p.create("__transaction_state", map[string]string{"cleanup.policy": "compact"}, []int32{kafkas, milenas})
	ids := map[int64]int{}
	var kept, moved []string
	for _, controller := range []int{kafkas, milenas} {
		p.control(controller)
		p.producerIDs(ids)
		p.topicsByTools(controller)
		kept = append(kept, p.codecs(controller), p.transactions(controller))
		moved = append(moved, p.reassign(controller))
		kept = append(kept, p.full(controller))
	}
	kept = append(kept, moved...)
	for _, first := range []int{kafkas, milenas} {
		kept = append(kept, p.unclean(first))
	}
	p.isr(nil, kafkas, milenas)
	p.same()
	p.stop(kafkas)
	for _, topic := range kept {
		p.leads(topic, 0, milenas)
		if strings.HasPrefix(topic, "tx-") {
			p.holds(topic, committed, committed) // the transaction that was left open has been aborted
		}
	}
	p.stop(milenas)
	if n := history.EqualLogs(t, kept, p.milena.DataDir(), p.kafka.DataDir()); n < len(kept) {
		t.Errorf("%d partitions only", n)
	}
	p.dumpedSame(moved...)
}

// same waits until both brokers tell the same of everything.
func (p *pair) same() {
	p.t.Helper()
	var a, b *kmsg.MetadataResponse
	defer func() {
		if p.t.Failed() {
			p.t.Logf("Kafka says  %+v\nMilena says %+v", a, b)
		}
	}()
	told := func(broker int) *kmsg.MetadataResponse {
		m := p.ask(broker)
		if m == nil {
			return nil
		}
		m.ThrottleMillis = 0
		slices.SortFunc(m.Brokers, func(a, b kmsg.MetadataResponseBroker) int { return int(a.NodeID - b.NodeID) })
		slices.SortFunc(m.Topics, func(a, b kmsg.MetadataResponseTopic) int { return strings.Compare(*a.Topic, *b.Topic) })
		for i := range m.Topics {
			slices.SortFunc(m.Topics[i].Partitions, func(a, b kmsg.MetadataResponseTopicPartition) int { return int(a.Partition - b.Partition) })
		}
		return m
	}
	await(p.t, "agreement", func() bool {
		a, b = told(kafkas), told(milenas)
		if a == nil || b == nil {
			return false
		}
		a.Version, b.Version = 0, 0 // each serves its own newest
		return reflect.DeepEqual(a, b)
	})
}

// producerIDs asks both brokers for more ids than are in one block.
func (p *pair) producerIDs(seen map[int64]int) {
	p.t.Helper()
	for _, broker := range []int{kafkas, milenas} {
		for range 1100 {
			await(p.t, "producer id", func() bool {
				reply, err := p.each[broker].SeedBrokers()[0].Request(p.t.Context(), kmsg.NewPtrInitProducerIDRequest())
				must(p.t, err)
				got := reply.(*kmsg.InitProducerIDResponse)
				if kerr.IsRetriable(kerr.ErrorForCode(got.ErrorCode)) { // a block is on its way
					return false
				}
				if before, again := seen[got.ProducerID]; got.ErrorCode != 0 || again {
					p.t.Fatalf("%s gives producer id %d, error %d; %d gave it before", name(broker), got.ProducerID, got.ErrorCode, before)
				}
				seen[got.ProducerID] = broker
				return true
			})
		}
	}
}

// tool runs a tool of Kafka's against Milena, or Milena's against Kafka.
func (p *pair) tool(whose int, name string, args ...string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 2*patience)
	defer cancel()
	var out, errs string
	var err error
	if whose == kafkas {
		args = append([]string{"--bootstrap-server", p.milena.Address()}, args...)
		out, errs, err = kafka.Tool(ctx, kafka.V3, nil, kafka.ToolClass(kafka.V3, name), args...)
	} else {
		args = append([]string{name, "--bootstrap-server", p.kafka.Address()}, args...)
		out, errs, err = p.milena.Run(ctx, "", args...)
	}
	if err != nil {
		p.t.Fatalf("%s %v: %v\n%s%s", name, args, err, out, errs)
	}
	return out
}

// topicsByTools makes, grows and deletes topics with the tools of both.
func (p *pair) topicsByTools(controller int) {
	p.t.Helper()
	for _, whose := range []int{kafkas, milenas} {
		topic := fmt.Sprintf("by-%d-%d", controller, whose)
		p.tool(whose, "topics", "--create", "--topic", topic, "--partitions", "2", "--replication-factor", "2")
		p.partitions(topic, 2)
		p.tool(other(whose), "topics", "--alter", "--topic", topic, "--partitions", "4")
		p.partitions(topic, 4)
		p.isr([]string{topic}, kafkas, milenas)
		c := p.client()
		for partition := range int32(4) {
			send(p.t, c, &kgo.Record{Topic: topic, Partition: partition, Value: []byte("value")})
		}
		p.tool(milenas, "configs", "--alter", "--entity-type", "topics", "--entity-name", topic, "--add-config", "retention.ms=7654321")
		for broker := range p.each {
			await(p.t, "configuration at "+name(broker), func() bool {
				described, err := kadm.NewClient(p.each[broker]).DescribeTopicConfigs(p.t.Context(), topic)
				return err == nil && slices.ContainsFunc(described[0].Configs, func(c kadm.Config) bool {
					return c.Key == "retention.ms" && c.MaybeValue() == "7654321"
				})
			})
		}
		p.same()
		p.tool(whose, "topics", "--delete", "--topic", topic)
		for broker, dir := range map[int]string{kafkas: p.kafka.DataDir(), milenas: p.milena.DataDir()} {
			await(p.t, "end of a topic at "+name(broker), func() bool {
				left, err := filepath.Glob(filepath.Join(dir, topic+"-[0-9]"))
				return err == nil && len(left) == 0
			})
		}
		p.same()
	}
}

// partitions waits until both brokers know of so many.
func (p *pair) partitions(topic string, n int) {
	p.t.Helper()
	await(p.t, fmt.Sprintf("%d partitions of %s", n, topic), func() bool {
		for broker := range p.each {
			m := p.ask(broker)
			if m == nil || !slices.ContainsFunc(m.Topics, func(t kmsg.MetadataResponseTopic) bool {
				return *t.Topic == topic && len(t.Partitions) == n
			}) {
				return false
			}
		}
		return true
	})
}

// codecs sends with each codec to partitions led by either, and reads back.
func (p *pair) codecs(controller int) string {
	p.t.Helper()
	topic := fmt.Sprintf("codecs-%d", controller)
	p.create(topic, nil, []int32{kafkas, milenas}, []int32{milenas, kafkas})
	value := strings.Repeat("to be squeezed ", 50)
	want := 0
	for _, codec := range []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	} {
		c := p.client(kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(20*time.Millisecond))
		var records []*kgo.Record
		for i := range 20 {
			records = append(records, &kgo.Record{
				Topic: topic, Partition: int32(i % 2), Key: fmt.Append(nil, i), Value: []byte(value),
				Headers: []kgo.RecordHeader{{Key: "codec", Value: fmt.Append(nil, codec)}},
			})
		}
		send(p.t, c, records...)
		want += len(records)
	}
	got := 0
	for partition := range int32(2) {
		for _, r := range p.read(topic, partition, kgo.ReadUncommitted()) {
			if string(r.Value) != value || len(r.Headers) != 1 {
				p.t.Errorf("%s-%d, offset %d: %q", topic, partition, r.Offset, r.Value)
			}
			got++
		}
	}
	if got != want {
		p.t.Errorf("%s: %d records of %d", topic, got, want)
	}
	return topic
}

// read gives all records of a partition, up to its end by the isolation level.
func (p *pair) read(topic string, partition int32, level kgo.IsolationLevel) (records []*kgo.Record) {
	p.t.Helper()
	consumer := p.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().At(0)}}),
		kgo.FetchIsolationLevel(level), kgo.FetchMaxWait(200*time.Millisecond), kgo.KeepControlRecords())
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	end := p.ends(topic, partition, level)
	for next := int64(0); next < end; {
		fetches := consumer.PollFetches(ctx)
		must(p.t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			if next = r.Offset + 1; !r.Attrs.IsControl() {
				records = append(records, r)
			}
		})
	}
	return records
}

// elect puts partitions back to their first replicas.
func (p *pair) elect(topics ...string) {
	p.t.Helper()
	set := kadm.TopicsSet{}
	for _, t := range topics {
		set.Add(t, 0)
	}
	results, err := kadm.NewClient(p.client()).ElectLeaders(p.t.Context(), kadm.ElectPreferredReplica, set)
	must(p.t, err)
	for _, topic := range results {
		for _, r := range topic {
			if r.Err != nil && !errors.Is(r.Err, kerr.ElectionNotNeeded) {
				p.t.Fatalf("electing a leader of %s-%d: %v", r.Topic, r.Partition, r.Err)
			}
		}
	}
}

// ends is where a partition ends by the isolation level.
func (p *pair) ends(topic string, partition int32, level kgo.IsolationLevel) int64 {
	p.t.Helper()
	admin := kadm.NewClient(p.client())
	defer admin.Close()
	list := admin.ListEndOffsets
	if level == kgo.ReadCommitted() {
		list = admin.ListCommittedOffsets
	}
	var end kadm.ListedOffset
	await(p.t, "end of "+topic, func() bool { // a leader that was just elected does not know it at once
		listed, err := list(p.t.Context(), topic)
		end, _ = listed.Lookup(topic, partition)
		return err == nil && listed.Error() == nil
	})
	return end.Offset
}
