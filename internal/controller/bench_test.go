package controller

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

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

// estate is what a controller leaves: live brokers 1 to n, and topics whose replicas go round over them and one more broker, which is dead.
type estate struct {
	store *clusterstore.Store
	epoch clusterstore.Epoch
}

func leave(tb testing.TB, brokers, topics, partitions, replicas int) estate {
	tb.Helper()
	e := estate{store: clusterstore.New(memcoord.Open())}
	must := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	must(e.store.EnsureParents(ctx))
	session, err := e.store.Coord().NewSession(ctx, 600_000)
	must(err)
	for id := range int32(brokers) {
		_, err := e.store.Register(ctx, session, &clusterstore.Broker{ID: id + 1})
		must(err)
	}
	e.epoch, err = e.store.Elect(ctx, session, clusterstore.ElectedController{BrokerID: 1}, 0)
	must(err)
	states, fresh := map[PartitionID]*clusterstore.PartitionState{}, map[string]bool{}
	next := 0
	for n := range topics {
		t := &clusterstore.Topic{Name: fmt.Sprint("topic-", n), ID: NewTopicID()}
		fresh[t.Name] = true
		for p := range int32(partitions) {
			var on []int32
			for i := range replicas {
				on = append(on, int32((next+i)%(brokers+min(1, replicas-1)))+1)
			}
			next++
			t.Partitions = append(t.Partitions, clusterstore.Assignment{Replicas: on})
			states[PartitionID{Topic: t.Name, Partition: p}] = &clusterstore.PartitionState{Leader: on[0], ISR: on, ControllerEpoch: 1}
		}
		must(e.store.CreateTopic(ctx, t, nil))
	}
	must(e.store.CreatePartitionStates(ctx, e.epoch, states, fresh))
	return e
}

// takeOver is one reign's beginning.
func (e estate) takeOver(tb testing.TB) (*reign, *discard) {
	out := &discard{}
	r := &reign{
		ctx: ctx, store: e.store, epoch: e.epoch, log: slog.New(slog.DiscardHandler), state: newClusterState(), out: out,
		cfg: &Config{BrokerID: 1, DeleteTopics: func() bool { return true }, UncleanElection: func() bool { return false }},
	}
	if err := r.begin(); err != nil {
		tb.Fatal(err)
	}
	return r, out
}

// BenchmarkTakeOver is one broker's new controller reading 5,000 partitions and telling the broker of them, but for the store's round trips.
func BenchmarkTakeOver(b *testing.B) {
	e := leave(b, 1, 500, 10, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, out := e.takeOver(b); out.requests != 3 { // brokers; all LeaderAndIsr in one; all UpdateMetadata in one
			b.Fatalf("%d requests", out.requests)
		}
	}
}

// A broker of six dies that is the controller too. The new controller has led all partitions and told all brokers within seconds, as far as it is
// its own work; then another broker dies while it reigns.
func failover(tb testing.TB, partitions int) (took, again time.Duration) {
	const brokers, each = 5, 100
	e := leave(tb, brokers, partitions/each, each, 3)
	began := time.Now()
	r, out := e.takeOver(tb)
	took = time.Since(began)
	tb.Logf("%d partitions taken over in %v: %d requests of %d MB", partitions, took, out.requests, out.sizeBytes>>20)
	led := func(dead int32) {
		for _, p := range r.state.allPartitions(nil) {
			live := keep(p.assignment.Replicas, func(b int32) bool { return b <= brokers && b != dead })
			if p.phase != partitionOnline || !slices.Contains(live, p.state.Leader) || !slices.Equal(p.state.ISR, live) {
				tb.Fatalf("%s: %s, %+v of %v", p.id, p.phase, p.state, p.assignment.Replicas)
			}
		}
	}
	led(0)
	began = time.Now()
	if err := r.brokersGone([]int32{2}); err != nil {
		tb.Fatal(err)
	}
	r.flush()
	again = time.Since(began)
	tb.Logf("a broker's death handled in %v", again)
	led(2)
	return took, again
}

func TestFailoverOfManyPartitions(t *testing.T) { failover(t, 10_000) }

// BenchmarkFailover is that with 100,000 partitions.
func BenchmarkFailover(b *testing.B) {
	for b.Loop() {
		took, again := failover(b, 100_000)
		b.ReportMetric(took.Seconds(), "s/controller")
		b.ReportMetric(again.Seconds(), "s/broker")
	}
}
