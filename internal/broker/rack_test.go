package broker_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetchBytes counts what a client's fetches brought, by broker.
type fetchBytes struct {
	mu   sync.Mutex
	from map[int32]int
}

func (f *fetchBytes) OnBrokerE2E(meta kgo.BrokerMetadata, key int16, e2e kgo.BrokerE2E) {
	if key == int16(kmsg.Fetch) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.from[meta.NodeID] += e2e.BytesRead
	}
}

// take gives what came since the last call.
func (f *fetchBytes) take() map[int32]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	from := f.from
	f.from = map[int32]int{}
	return from
}

func inRacks(t *testing.T, test func(t *testing.T, s *street)) {
	inStreetWith(t, 3, func(id int, static map[string]string) {
		static["broker.rack"] = fmt.Sprintf("rack%d", id)
		static["replica.selector.class"] = "org.apache.kafka.common.replica.RackAwareReplicaSelector"
	}, test)
}

// nearConsumer reads topic t in a rack.
func (s *street) nearConsumer(rack int) (*kgo.Client, *fetchBytes) {
	counted := &fetchBytes{from: map[int32]int{}}
	return s.client(kgo.Rack(fmt.Sprintf("rack%d", rack)), kgo.WithHooks(counted), kgo.FetchMaxWait(500*time.Millisecond),
		kgo.RecheckPreferredReplicaInterval(10*time.Second),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"t": {0: kgo.NewOffset().AtStart()}})), counted
}

func readSome(t *testing.T, c *kgo.Client, count int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for count > 0 {
		count -= len(c.PollFetches(ctx).Records())
		must(t, ctx.Err())
	}
}

// TestReadsFromFollowers: a consumer reads from the replica in its rack, soon after the records are committed; when that replica is gone,
// from the leader; one whose rack has no replica, from the leader too.
func TestReadsFromFollowers(t *testing.T) {
	inRacks(t, func(t *testing.T, s *street) {
		ctx := context.Background()
		c := s.withTopic()
		defer c.Close()
		leader := int(s.isr(c, "t", 0, 3).Leader)
		near := 1 + leader%3
		produce := func(count int) {
			t.Helper()
			for range count {
				must(t, c.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: make([]byte, 1000)}).FirstErr())
			}
		}
		produce(20)
		s.houses[1].wait(time.Second)
		for _, reader := range []struct{ rack, from int }{{near, near}, {leader, leader}, {9, leader}} {
			client, counted := s.nearConsumer(reader.rack)
			readSome(t, client, 20)
			if from := counted.take(); from[int32(reader.from)] < 20_000 {
				t.Errorf("in rack %d: bytes %v, leader %d", reader.rack, from, leader)
			}
			client.Close()
		}

		client, counted := s.nearConsumer(near)
		defer client.Close()
		readSome(t, client, 20)
		counted.take()
		for range 10 {
			produce(1)
			began := time.Now()
			readSome(t, client, 1)
			if took := time.Since(began); took > 50*time.Millisecond {
				t.Errorf("the record was there after %v", took)
			}
		}
		if from := counted.take(); from[int32(near)] < 10_000 || from[int32(leader)] > 2_000 {
			t.Errorf("bytes %v, leader %d", from, leader)
		}
		s.kill(near, 1)
		produce(5)
		readSome(t, client, 5)
		s.start(near)
		s.isr(c, "t", 0, 3)
		for range 30 { // back when the leader is asked again
			produce(1)
			readSome(t, client, 1)
			s.houses[1].wait(time.Second)
		}
		counted.take()
		produce(1)
		readSome(t, client, 1)
		if from := counted.take(); from[int32(near)] < 1000 {
			t.Errorf("it does not come back: bytes %v", from)
		}
	})
}

// TestNoReadsFromWhoIsBehind: a follower outside the ISR is nobody's preferred replica, and without the selector none is.
func TestNoReadsFromWhoIsBehind(t *testing.T) {
	inRacks(t, func(t *testing.T, s *street) {
		ctx := context.Background()
		c := s.withTopic()
		defer c.Close()
		admin := kadm.NewClient(c)
		leader := int(s.isr(c, "t", 0, 3).Leader)
		near := 1 + leader%3
		s.houses[near].stop()
		s.isr(c, "t", 0, 2)
		s.setBrokers(admin, "leader.replication.throttled.rate", "0")
		s.setTopic(admin, "leader.replication.throttled.replicas", "*")
		for range 1500 {
			must(t, c.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: make([]byte, 1000)}).FirstErr())
		}
		s.start(near)
		client, counted := s.nearConsumer(near)
		defer client.Close()
		readSome(t, client, 1500)
		if from := counted.take(); from[int32(leader)] < 1_500_000 {
			t.Errorf("bytes %v, leader %d", from, leader)
		}
	})
}
