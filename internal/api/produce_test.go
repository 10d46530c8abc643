package api

import (
	"errors"
	"testing"

	"milena/internal/partition"
	"milena/internal/record"
	"milena/internal/replica"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// produceRequest asks to append records to events' partitions, in that order.
func produceRequest(version, acks int16, records []byte, partitions ...int32) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks, req.TimeoutMillis = version, acks, 1000
	topic := kmsg.NewProduceRequestTopic()
	if version >= 13 {
		topic.TopicID = eventsID
	} else {
		topic.Topic = "events"
	}
	for _, p := range partitions {
		topic.Partitions = append(topic.Partitions, kmsg.ProduceRequestTopicPartition{Partition: p, Records: records})
	}
	req.Topics = append(req.Topics, topic)
	return req
}

// appends answers every append with base offset 100 + its partition.
func appends(req *replica.AppendRequest, done func([]replica.AppendResult)) {
	results := make([]replica.AppendResult, len(req.Partitions))
	for i, p := range req.Partitions {
		results[i] = replica.AppendResult{BaseOffset: 100 + int64(p.Partition), AppendTimeMs: -1, LogStartOffset: 7}
	}
	done(results)
}

func TestProduceInEveryVersion(t *testing.T) {
	b := newBench(t)
	batch := batchOf(t, nil)
	b.data.append = func(req *replica.AppendRequest, done func([]replica.AppendResult)) {
		if req.Acks != -1 || req.TimeoutMs != 1000 || req.Origin != record.FromClient || len(req.Partitions) != 2 ||
			req.Partitions[1].Topic != "events" || string(req.Partitions[1].Records) != string(batch) {
			t.Errorf("appended %+v", req)
		}
		appends(req, done)
	}
	for version := int16(3); version <= 13; version++ {
		resp := do[*kmsg.ProduceResponse](b, produceRequest(version, -1, batch, 1, 0))
		if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 2 {
			t.Fatalf("version %d: %+v", version, resp)
		}
		for i, want := range []int32{1, 0} {
			p := resp.Topics[0].Partitions[i]
			if p.Partition != want || p.ErrorCode != 0 || p.BaseOffset != 100+int64(want) || p.LogAppendTime != -1 {
				t.Fatalf("version %d: %+v", version, p)
			}
			if version >= 5 && p.LogStartOffset != 7 {
				t.Fatalf("version %d: log start offset %d", version, p.LogStartOffset)
			}
		}
	}
}

func TestProduceRefusals(t *testing.T) {
	batch := batchOf(t, nil)
	old := batchOf(t, nil)
	old[16] = 1
	unknown := produceRequest(9, 1, batch, 0)
	unknown.Topics[0].Topic = "nowhere"
	unknownID := produceRequest(13, 1, batch, 0)
	unknownID.Topics[0].TopicID = [16]byte{99}
	internal := produceRequest(9, 1, batch, 0)
	internal.Topics[0].Topic = "__consumer_offsets"
	transactional := batchOf(t, func(b *record.Builder) {
		b.Transactional, b.ProducerID, b.ProducerEpoch, b.BaseSequence = true, 1, 0, 0
	})
	withID := produceRequest(9, -1, transactional, 0)
	withID.TransactionID = kmsg.StringPtr("id")
	for _, c := range []struct {
		name string
		req  *kmsg.ProduceRequest
		want *kerr.Error
	}{
		{"acks", produceRequest(9, 2, batch, 0), kerr.InvalidRequiredAcks},
		{"topic", unknown, kerr.UnknownTopicOrPartition},
		{"topic id", unknownID, kerr.UnknownTopicID},
		{"partition", produceRequest(9, 1, batch, 3), kerr.UnknownTopicOrPartition},
		{"negative partition", produceRequest(9, 1, batch, -1), kerr.UnknownTopicOrPartition},
		{"internal topic", internal, kerr.InvalidTopicException},
		{"null records", produceRequest(9, 1, nil, 0), kerr.InvalidRecord},
		{"old format", produceRequest(9, 1, old, 0), kerr.InvalidRecord},
		{"zstd too early", produceRequest(6, 1, batchOf(t, func(b *record.Builder) { b.Codec = record.Zstd }), 0), kerr.UnsupportedCompressionType},
		{"transactional without an id", produceRequest(9, 1, transactional, 0), kerr.TransactionalIDAuthorizationFailed},
		{"transactional", withID, kerr.InvalidTxnState},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.data.append = func(*replica.AppendRequest, func([]replica.AppendResult)) { t.Error("it was appended") }
			p := do[*kmsg.ProduceResponse](b, c.req).Topics[0].Partitions[0]
			if p.ErrorCode != c.want.Code || p.BaseOffset != -1 || p.LogAppendTime != -1 {
				t.Fatalf("got %+v, want %s", p, c.want.Message)
			}
		})
	}
}

func TestProduceTellsWhatTheLogRefused(t *testing.T) {
	b := newBench(t)
	b.data.append = func(req *replica.AppendRequest, done func([]replica.AppendResult)) {
		refusal := &record.Refusal{Reason: record.InvalidRecord, Message: "one is bad", Records: []record.RecordError{{Index: 3, Message: "no key"}}}
		done([]replica.AppendResult{
			{Err: refusal, LogStartOffset: 4},
			{Err: partition.ErrNotLeaderOrFollower, LogStartOffset: 4},
			{Err: errors.New("something nobody foresaw"), LogStartOffset: 4},
		})
	}
	resp := do[*kmsg.ProduceResponse](b, produceRequest(10, -1, batchOf(t, nil), 0, 2, 1))
	parts := resp.Topics[0].Partitions
	if p := parts[0]; p.ErrorCode != kerr.InvalidRecord.Code || *p.ErrorMessage != "one is bad" || p.LogStartOffset != 4 ||
		len(p.ErrorRecords) != 1 || p.ErrorRecords[0].RelativeOffset != 3 || *p.ErrorRecords[0].ErrorMessage != "no key" {
		t.Errorf("refused: %+v", p)
	}
	if p := parts[1]; p.ErrorCode != kerr.NotLeaderForPartition.Code || p.LogStartOffset != -1 || p.CurrentLeader.LeaderID != 2 ||
		p.CurrentLeader.LeaderEpoch != 5 {
		t.Errorf("not the leader: %+v", p)
	}
	if len(resp.Brokers) != 1 || resp.Brokers[0].NodeID != 2 || resp.Brokers[0].Host != "two" || *resp.Brokers[0].Rack != "r2" {
		t.Errorf("brokers: %+v", resp.Brokers)
	}
	if parts[2].ErrorCode != kerr.UnknownServerError.Code {
		t.Errorf("unforeseen: %+v", parts[2])
	}
}

func TestProduceWithoutAcks(t *testing.T) {
	b := newBench(t)
	b.data.append = appends
	if o := b.start(produceRequest(9, 0, batchOf(t, nil), 0)); !o.silent || o.answered || o.dropped != nil {
		t.Errorf("appended: %+v", o)
	}
	if o := b.start(produceRequest(9, 0, batchOf(t, nil), 0, 17)); o.silent || o.answered || o.dropped == nil {
		t.Errorf("refused: %+v", o)
	}
}

// TestProduceTakesTheLastOfDuplicates: as Kafka, which keeps one entry for each partition.
func TestProduceTakesTheLastOfDuplicates(t *testing.T) {
	b := newBench(t)
	req := produceRequest(9, 1, nil, 0, 1, 0)
	first, last := batchOf(t, nil), batchOf(t, func(b *record.Builder) { b.BaseOffset = 1 })
	req.Topics[0].Partitions[0].Records, req.Topics[0].Partitions[1].Records, req.Topics[0].Partitions[2].Records = first, first, last
	b.data.append = func(r *replica.AppendRequest, done func([]replica.AppendResult)) {
		if len(r.Partitions) != 2 || r.Partitions[0].Partition != 1 || string(r.Partitions[1].Records) != string(last) {
			t.Errorf("appended %+v", r.Partitions)
		}
		appends(r, done)
	}
	parts := do[*kmsg.ProduceResponse](b, req).Topics[0].Partitions
	if len(parts) != 2 || parts[0].Partition != 1 || parts[1].Partition != 0 || parts[1].BaseOffset != 100 {
		t.Fatalf("%+v", parts)
	}
}

// TestProduceAnsweredLater: a request that waits needs its body no longer; the names in its answer are none of the body's.
func TestProduceAnsweredLater(t *testing.T) {
	b := newBench(t)
	for _, version := range []int16{9, 12, 13} {
		var finish func()
		b.data.append = func(req *replica.AppendRequest, done func([]replica.AppendResult)) {
			finish = func() { appends(req, done) }
		}
		req := produceRequest(version, -1, batchOf(t, nil), 0)
		if version < 13 {
			req.Topics = append(req.Topics, kmsg.ProduceRequestTopic{Topic: "nowhere", Partitions: []kmsg.ProduceRequestTopicPartition{{}}})
		}
		o := b.start(req)
		finish()
		resp := decoded[*kmsg.ProduceResponse](b, req, o)
		for i, topic := range resp.Topics {
			if topic.Topic != req.Topics[i].Topic || topic.TopicID != req.Topics[i].TopicID {
				t.Errorf("version %d: %+v", version, topic)
			}
		}
		if got := resp.Topics[0].Partitions[0]; got.ErrorCode != 0 || got.BaseOffset != 100 {
			t.Errorf("version %d: %+v", version, got)
		}
	}
}

func TestProduceIsMalformed(t *testing.T) {
	b := newBench(t)
	b.data.append = appends
	o := b.start(produceRequest(9, 1, batchOf(t, nil), 0))
	o.call.Body = produceRequest(9, 1, batchOf(t, nil), 0).AppendTo(nil)[:20]
	if b.dispatch.Serve(o.call); o.dropped == nil {
		t.Fatal("a cut request was not dropped")
	}
}

func TestProduceAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools")
	}
	b := newBench(t)
	results := []replica.AppendResult{{}, {}}
	b.data.append = func(_ *replica.AppendRequest, done func([]replica.AppendResult)) { done(results) }
	call := b.start(produceRequest(9, 1, batchOf(t, nil), 0, 1)).call
	body := produceRequest(9, 1, batchOf(t, nil), 0, 1).AppendTo(nil)
	answer := &outcome{}
	call.Answer = answer.count
	if n := testing.AllocsPerRun(200, func() {
		call.Body = body
		b.dispatch.Serve(call)
	}); n > 5 {
		t.Fatalf("%v allocations for a request of two partitions", n)
	}
}
