package controller

import (
	"fmt"
	"log/slog"
	"testing"

	"milena/internal/clusterstore"
	"milena/internal/coord/memcoord"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// discard is an outbox that encodes what it is given, as a connection would.
type discard struct{ requests, sizeBytes int }

func (*discard) open(*clusterstore.Broker) {}
func (*discard) close(int32)               {}
func (d *discard) send(_ int32, req kmsg.Request, _ func(kmsg.Response)) {
	d.requests++
	d.sizeBytes += len(req.AppendTo(nil))
}

// BenchmarkTakeOver is one broker's new controller reading 5,000 partitions and telling the broker of them, but for the store's round trips.
func BenchmarkTakeOver(b *testing.B) {
	store := clusterstore.New(memcoord.Open())
	if err := store.EnsureParents(ctx); err != nil {
		b.Fatal(err)
	}
	session, err := store.Coord().NewSession(ctx, 60_000)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := store.Register(ctx, session, &clusterstore.Broker{ID: 1}); err != nil {
		b.Fatal(err)
	}
	epoch, err := store.Elect(ctx, session, 1, "", 0)
	if err != nil {
		b.Fatal(err)
	}
	states, fresh := map[PartitionID]*clusterstore.PartitionState{}, map[string]bool{}
	for n := range 500 {
		t := &clusterstore.Topic{Name: fmt.Sprint("topic-", n), ID: NewTopicID()}
		fresh[t.Name] = true
		for p := range int32(10) {
			t.Partitions = append(t.Partitions, clusterstore.Assignment{Replicas: []int32{1}})
			states[PartitionID{Topic: t.Name, Partition: p}] = &clusterstore.PartitionState{Leader: 1, ISR: []int32{1}, ControllerEpoch: 1}
		}
		if err := store.CreateTopic(ctx, t, nil); err != nil {
			b.Fatal(err)
		}
	}
	if err := store.CreatePartitionStates(ctx, epoch, states, fresh); err != nil {
		b.Fatal(err)
	}
	cfg := &Config{BrokerID: 1, DeleteTopics: func() bool { return true }}
	b.ReportAllocs()
	for b.Loop() {
		out := &discard{}
		r := &reign{ctx: ctx, store: store, epoch: epoch, cfg: cfg, log: slog.New(slog.DiscardHandler), state: newClusterState(), out: out}
		if err := r.begin(); err != nil {
			b.Fatal(err)
		}
		if out.requests != 3 { // brokers; all LeaderAndIsr in one; all UpdateMetadata in one
			b.Fatalf("%d requests", out.requests)
		}
	}
}
