package api

import (
	"testing"

	"milena/internal/commitlog"
	"milena/internal/partition"
	"milena/internal/record"
	"milena/internal/replica"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetchRequest reads events' partitions from offset 3, without a session.
func fetchRequest(version int16, partitions ...int32) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.Version, req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.SessionEpoch = version, 500, 1, 1<<20, -1
	topic := kmsg.NewFetchRequestTopic()
	if version >= 13 {
		topic.TopicID = eventsID
	} else {
		topic.Topic = "events"
	}
	for _, n := range partitions {
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes = n, 3, 1<<20
		topic.Partitions = append(topic.Partitions, p)
	}
	if len(partitions) > 0 {
		req.Topics = append(req.Topics, topic)
	}
	return req
}

// serve answers every fetch at once: partition n has content[n].
func (b *bench) serve(content map[int32][]byte, released *int) {
	b.data.fetch = func(req *replica.FetchRequest, done func([]replica.FetchResult)) func() {
		results := make([]replica.FetchResult, len(req.Partitions))
		for i, p := range req.Partitions {
			results[i] = sliceOf(content[p.Partition], released)
		}
		done(results)
		return nil
	}
}

func TestFetchInEveryVersion(t *testing.T) {
	for version := int16(4); version <= 18; version++ {
		b := newBench(t)
		var released int
		var seen replica.FetchRequest
		b.serve(map[int32][]byte{0: batchOf(t, nil)}, &released)
		inner := b.data.fetch
		b.data.fetch = func(req *replica.FetchRequest, done func([]replica.FetchResult)) func() {
			seen = *req
			seen.Partitions = append([]replica.FetchPartition(nil), req.Partitions...)
			return inner(req, done)
		}
		req := fetchRequest(version, 0, 1)
		resp := do[*kmsg.FetchResponse](b, req)
		if seen.ReplicaID != -1 || seen.MaxWaitMs != 500 || seen.MinBytes != 1 || seen.MaxBytes != 1<<20 || len(seen.Partitions) != 2 ||
			seen.Partitions[1].Topic != "events" || seen.Partitions[1].FetchOffset != 3 || seen.Partitions[1].CurrentLeaderEpoch != -1 {
			t.Fatalf("version %d read %+v", version, seen)
		}
		if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 2 || resp.SessionID != 0 || released != 2 {
			t.Fatalf("version %d: %+v, released %d", version, resp, released)
		}
		p := resp.Topics[0].Partitions[0]
		if string(p.RecordBatches) != string(batchOf(t, nil)) || p.HighWatermark != 10 || p.LastStableOffset != 9 || p.AbortedTransactions != nil {
			t.Fatalf("version %d: %+v", version, p)
		}
	}
}

func TestFetchReadCommitted(t *testing.T) {
	b := newBench(t)
	b.data.fetch = func(req *replica.FetchRequest, done func([]replica.FetchResult)) func() {
		if !req.ReadCommitted {
			t.Error("the isolation level is lost")
		}
		var n int
		r := sliceOf(nil, &n)
		r.Aborted = []commitlog.AbortedTxn{{ProducerID: 7, FirstOffset: 4}}
		done([]replica.FetchResult{r, sliceOf(nil, &n)})
		return nil
	}
	req := fetchRequest(12, 0, 1)
	req.IsolationLevel = 1
	parts := do[*kmsg.FetchResponse](b, req).Topics[0].Partitions
	if a := parts[0].AbortedTransactions; len(a) != 1 || a[0].ProducerID != 7 || a[0].FirstOffset != 4 {
		t.Errorf("aborted: %+v", a)
	}
	if parts[1].AbortedTransactions == nil {
		t.Error("no list of aborted transactions for a read_committed client")
	}
}

func TestFetchRefusals(t *testing.T) {
	b := newBench(t)
	b.data.fetch = func(req *replica.FetchRequest, done func([]replica.FetchResult)) func() {
		var n int
		results := make([]replica.FetchResult, len(req.Partitions))
		for i := range results {
			results[i] = sliceOf(nil, &n)
			results[i].Err = partition.ErrNotLeaderOrFollower
		}
		done(results)
		return nil
	}
	req := fetchRequest(17, 2, 9)
	unknown := kmsg.NewFetchRequestTopic()
	unknown.TopicID = [16]byte{77}
	unknown.Partitions = append(unknown.Partitions, kmsg.NewFetchRequestTopicPartition())
	req.Topics = append(req.Topics, unknown)
	resp := do[*kmsg.FetchResponse](b, req)
	if p := resp.Topics[0].Partitions[0]; p.ErrorCode != kerr.NotLeaderForPartition.Code || p.CurrentLeader.LeaderID != 2 || p.HighWatermark != -1 {
		t.Errorf("not the leader: %+v", p)
	}
	if p := resp.Topics[0].Partitions[1]; p.ErrorCode != kerr.UnknownTopicOrPartition.Code || p.LastStableOffset != -1 || p.LogStartOffset != -1 {
		t.Errorf("unknown partition: %+v", p)
	}
	if p := resp.Topics[1]; p.TopicID != unknown.TopicID || p.Partitions[0].ErrorCode != kerr.UnknownTopicID.Code {
		t.Errorf("unknown topic: %+v", p)
	}
	if len(resp.Brokers) != 1 || resp.Brokers[0].Host != "two" {
		t.Errorf("endpoints: %+v", resp.Brokers)
	}
}

func TestFetchOfZstdNeedsV10(t *testing.T) {
	b := newBench(t)
	var released int
	b.serve(map[int32][]byte{0: batchOf(t, func(b *record.Builder) { b.Codec = record.Zstd })}, &released)
	for version, want := range map[int16]int16{9: kerr.UnsupportedCompressionType.Code, 10: 0} {
		p := do[*kmsg.FetchResponse](b, fetchRequest(version, 0)).Topics[0].Partitions[0]
		if p.ErrorCode != want || (len(p.RecordBatches) == 0) != (want != 0) {
			t.Errorf("version %d: %+v", version, p)
		}
	}
	if released != 2 {
		t.Errorf("released %d", released)
	}
}

func TestFetchOfNothingIsAnsweredAtOnce(t *testing.T) {
	b := newBench(t)
	if resp := do[*kmsg.FetchResponse](b, fetchRequest(12)); len(resp.Topics) != 0 || resp.ErrorCode != 0 {
		t.Fatalf("%+v", resp)
	}
}

// TestFollowerHearsOfAnUnknownPartitionAtOnce: a follower that asks for a partition of which this broker has not heard yet does not wait for records
// of the others; a consumer, which would ask again at once, does.
func TestFollowerHearsOfAnUnknownPartitionAtOnce(t *testing.T) {
	for replicaID, want := range map[int32]int32{-1: 500, 2: 0} {
		b := newBench(t)
		b.data.fetch = func(req *replica.FetchRequest, done func([]replica.FetchResult)) func() {
			if len(req.Partitions) != 1 || req.MaxWaitMs != want {
				t.Errorf("replica %d: %+v", replicaID, req)
			}
			done(make([]replica.FetchResult, len(req.Partitions)))
			return nil
		}
		req := fetchRequest(12, 0, 77)
		req.ReplicaID = replicaID
		resp := do[*kmsg.FetchResponse](b, req)
		if got := resp.Topics[0].Partitions; len(got) != 2 || got[1].ErrorCode != kerr.UnknownTopicOrPartition.Code {
			t.Errorf("replica %d: %+v", replicaID, got)
		}
	}
}

func TestFetchIsCancelledWithItsConnection(t *testing.T) {
	b := newBench(t)
	cancelled := false
	b.data.fetch = func(*replica.FetchRequest, func([]replica.FetchResult)) func() { return func() { cancelled = true } }
	o := b.start(fetchRequest(12, 0))
	if o.answered || !o.call.Waiting() {
		t.Fatal("not parked")
	}
	if o.call.Gone(); !cancelled {
		t.Fatal("the wait goes on")
	}
}

func TestFetchAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools")
	}
	b := newBench(t)
	results := make([]replica.FetchResult, 1)
	var released int
	results[0] = sliceOf(batchOf(t, nil), &released)
	b.data.fetch = func(_ *replica.FetchRequest, done func([]replica.FetchResult)) func() {
		done(results)
		return nil
	}
	call := b.start(fetchRequest(12, 0)).call
	body := fetchRequest(12, 0).AppendTo(nil)
	answer := &outcome{}
	call.Answer = answer.count
	if n := testing.AllocsPerRun(200, func() {
		call.Body = body
		b.dispatch.Serve(call)
	}); n > 6 {
		t.Fatalf("%v allocations", n)
	}
}
