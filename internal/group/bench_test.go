package group

import (
	"fmt"
	"log/slog"
	"runtime"
	"testing"

	"milena/internal/config"
	"milena/internal/coordinator"
	"milena/internal/groupmsg"
	"milena/internal/metadata"
	"milena/internal/record"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// nullLog takes everything and keeps nothing.
type nullLog struct {
	*fakeLog
	end int64
}

func (l *nullLog) Append(_, _ int32, batch record.Batch) (int64, error) {
	batch.SetBaseOffset(l.end)
	l.end = batch.NextOffset()
	l.committed = l.end
	return l.end, nil
}

// bare is a coordinator without a bubble, whose log keeps nothing.
func bare(b testing.TB) *world {
	cfg, _, err := config.Load("", nil)
	if err != nil {
		b.Fatal(err)
	}
	w := &world{t: b, log: newFakeLog(), cache: metadata.NewCache("cluster"), words: &words{}}
	w.c = New(Options{Config: config.NewLive(cfg), Metadata: w.cache, Log: &nullLog{fakeLog: w.log}, Logger: slog.New(slog.DiscardHandler)})
	w.topic(Topic, 1)
	w.topic("orders", 100)
	w.c.Elect(0, 0)
	for w.c.do("g", func(*machine) coordinator.Result { return coordinator.Result{} }) != 0 {
		runtime.Gosched()
	}
	b.Cleanup(w.c.Stop)
	return w
}

// BenchmarkCommit is one commit of one partition by a consumer without membership, by turns of a thousand groups.
func BenchmarkCommit(b *testing.B) {
	w := bare(b)
	var groups []*kmsg.OffsetCommitRequest
	for i := range 1000 {
		req := kmsg.NewPtrOffsetCommitRequest()
		req.Version, req.Group, req.Generation = 9, fmt.Sprintf("group-%d", i), -1
		t, p := kmsg.NewOffsetCommitRequestTopic(), kmsg.NewOffsetCommitRequestTopicPartition()
		t.Topic, p.Partition = "orders", int32(i%100)
		t.Partitions = append(t.Partitions, p)
		req.Topics = append(req.Topics, t)
		groups = append(groups, req)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.c.OffsetCommit(Caller{}, groups[i%len(groups)], func(r *kmsg.OffsetCommitResponse) {
			if r.Topics[0].Partitions[0].ErrorCode != 0 {
				b.Fatal(r.Topics[0].Partitions[0].ErrorCode)
			}
		})
	}
}

// BenchmarkLoad replays a million offsets, of ten thousand groups with a hundred partitions each.
func BenchmarkLoad(b *testing.B) {
	w := bare(b)
	value := (&groupmsg.OffsetCommitValue{Version: 4, Offset: 7, ExpireTimestampMs: -1, TopicID: [16]byte{1}}).Append(nil)
	var keys [][]byte
	for g := range 10_000 {
		for p := range int32(100) {
			keys = append(keys, groupmsg.OffsetKey(fmt.Sprintf("group-%d", g), "orders", p).Bytes())
		}
	}
	b.ResetTimer()
	for b.Loop() {
		w.c.do("g", func(m *machine) coordinator.Result {
			loading := newMachine(w.c, m.host)
			for i, key := range keys {
				r := &coordinator.Replayed{Record: coordinator.Record{Key: key, Value: value}, Offset: int64(i), ProducerID: -1}
				if err := loading.Replay(r); err != nil {
					b.Fatal(err)
				}
			}
			loading.Loaded()
			if len(loading.groups) != 10_000 {
				b.Fatalf("%d groups", len(loading.groups))
			}
			return coordinator.Result{}
		})
	}
}

// TestStoredOffsetsAreSmall keeps the memory of a million offsets modest.
func TestStoredOffsetsAreSmall(t *testing.T) {
	const count = 100_000
	w := bare(t)
	value := (&groupmsg.OffsetCommitValue{Version: 4, Offset: 7, ExpireTimestampMs: -1, TopicID: [16]byte{1}}).Append(nil)
	var before, after runtime.MemStats
	w.c.do("g", func(m *machine) coordinator.Result {
		loading := newMachine(w.c, m.host)
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range int32(count) {
			key := groupmsg.OffsetKey(fmt.Sprintf("group-%d", i/100), "orders", i%100).Bytes()
			r := &coordinator.Replayed{Record: coordinator.Record{Key: key, Value: value}, ProducerID: -1}
			if err := loading.Replay(r); err != nil {
				t.Error(err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(loading)
		return coordinator.Result{}
	})
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / count; each > 150 {
		t.Errorf("%d bytes for each offset", each)
	} else {
		t.Logf("%d bytes for each offset", each)
	}
}
