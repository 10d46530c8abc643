package broker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/broker"
	"milena/internal/config"
	"milena/internal/coord/memcoord"
	"milena/internal/netio/simnet"
	"milena/internal/vfs/memfs"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// street is several houses with one network and one store: a cluster.
type street struct {
	t      *testing.T
	houses map[int]*house
	net    *simnet.Network
	store  *memcoord.Server
	links  map[int]*memcoord.Client // to the store
}

// inStreet runs a test with that many brokers, under a virtual clock.
func inStreet(t *testing.T, brokers int, test func(t *testing.T, s *street)) {
	inStreetWith(t, brokers, asBuilt, test)
}

// asBuilt adds nothing to a broker's file.
func asBuilt(int, map[string]string) {}

// inStreetWith is inStreet with more in the brokers' files.
func inStreetWith(t *testing.T, brokers int, configure func(id int, static map[string]string), test func(t *testing.T, s *street)) {
	synctest.Test(t, func(t *testing.T) {
		s := &street{t: t, houses: map[int]*house{}, net: simnet.New(), store: memcoord.NewServer(), links: map[int]*memcoord.Client{}}
		for id := 1; id <= brokers; id++ {
			s.build(id, min(3, brokers), configure)
		}
		defer func() {
			for _, h := range s.houses {
				h.stop()
			}
			if t.Failed() {
				for id, h := range s.houses {
					t.Logf("broker %d:\n%s", id, h.log)
				}
			}
		}()
		s.know(brokers)
		test(t, s)
	})
}

// build starts a broker that was not there before; configure adds to its file.
func (s *street) build(id, replicas int, configure func(id int, static map[string]string)) {
	s.t.Helper()
	h := &house{t: s.t, net: s.net, fs: memfs.New(), store: s.store, log: &lines{}, static: map[string]string{
		"node.id": fmt.Sprint(id), "listeners": fmt.Sprintf("PLAINTEXT://broker%d:9092", id), "log.dirs": "/data",
		"default.replication.factor": fmt.Sprint(replicas), "min.insync.replicas": "2", "offsets.topic.replication.factor": "3",
	}}
	configure(id, h.static)
	must(s.t, h.fs.MkdirAll("/data"))
	must(s.t, h.fs.SyncDir("/"))
	s.houses[id] = h
	s.start(id)
}

// know waits until every broker knows of that many live ones.
func (s *street) know(brokers int) {
	s.t.Helper()
	for id := range s.houses {
		s.knows(id, brokers)
	}
}

// knows waits until a broker knows of that many live ones.
func (s *street) knows(id, brokers int) {
	s.t.Helper()
	c := s.houses[id].client(kgo.SeedBrokers(hostOf(id) + ":9092"))
	defer c.Close()
	for known := 0; known < brokers; {
		m, err := kadm.NewClient(c).BrokerMetadata(context.Background())
		must(s.t, err)
		if known = len(m.Brokers); known < brokers {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func hostOf(id int) string { return fmt.Sprintf("broker%d", id) }

func (s *street) start(id int) {
	s.t.Helper()
	h := s.houses[id]
	cfg, _, err := config.FromStatic(h.static)
	must(s.t, err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s.links[id] = s.store.Open()
	h.broker, err = broker.Start(ctx, broker.Options{
		Config: cfg, Net: s.net.Host(hostOf(id)), FS: h.fs, Store: s.links[id], Logger: slog.New(slog.NewTextHandler(h.log, nil)),
	})
	if err != nil {
		s.t.Fatalf("start of broker %d: %v\n%s", id, err, h.log)
	}
}

// kill ends a broker as a power cut does; its session lives on for its time.
func (s *street) kill(id int, seed uint64) {
	h := s.houses[id]
	h.fs.Stop()
	after := h.fs.Crash(seed)
	s.links[id].Cut()
	s.net.Host(hostOf(id)).Kill()
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	_ = h.broker.Stop(stopped)
	h.broker, h.fs = nil, after
}

func (s *street) client(opts ...kgo.Opt) *kgo.Client {
	return s.houses[1].client(append([]kgo.Opt{kgo.SeedBrokers("broker1:9092", "broker2:9092", "broker3:9092")}, opts...)...)
}

// wait lets virtual time pass.
func (s *street) wait(d time.Duration) { time.Sleep(d) }

// isr waits until a partition's ISR has that many members.
func (s *street) isr(c *kgo.Client, topic string, partition int32, members int) kadm.PartitionDetail {
	s.t.Helper()
	for range 1000 {
		m, err := kadm.NewClient(c).Metadata(context.Background(), topic)
		if err == nil {
			if p := m.Topics[topic].Partitions[partition]; len(p.ISR) == members && p.Leader >= 0 {
				return p
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.t.Fatalf("the ISR of %s-%d does not get %d members", topic, partition, members)
	panic("unreachable")
}

// withTopic makes the topic "t" of one partition, and the client that did it, which the caller closes.
func (s *street) withTopic() *kgo.Client {
	s.t.Helper()
	c := s.client()
	_, err := kadm.NewClient(c).CreateTopic(context.Background(), 1, 3, nil, "t")
	must(s.t, err)
	return c
}

// produce sends numbers to that topic, one after another: what read demands.
func (s *street) produce(c *kgo.Client, from, to int) {
	s.t.Helper()
	for n := from; n < to; n++ {
		must(s.t, c.ProduceSync(context.Background(), &kgo.Record{Topic: "t", Value: fmt.Append(nil, n)}).FirstErr())
	}
}

// TestReplication: what is acknowledged is on the followers; one that dies leaves the ISR, comes back, and leads with all of it.
func TestReplication(t *testing.T) {
	inStreet(t, 3, func(t *testing.T, s *street) {
		c := s.withTopic()
		defer c.Close()
		s.produce(c, 0, 20)
		p := s.isr(c, "t", 0, 3)
		first := int(p.Leader)
		start := time.Now()
		s.kill(first, 1)
		s.produce(c, 20, 40)
		t.Logf("a produce after the leader's death took %v", time.Since(start))
		p = s.isr(c, "t", 0, 2)
		if int(p.Leader) == first {
			t.Fatal("the dead one leads")
		}
		s.start(first)
		s.isr(c, "t", 0, 3)
		s.kill(int(p.Leader), 2)
		s.produce(c, 40, 60)
		read(t, s, 60)
	})
}

// read demands that the topic holds exactly the numbers from 0 on, in order.
func read(t *testing.T, s *street, count int) {
	t.Helper()
	c := s.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"t": {0: kgo.NewOffset().AtStart()}}))
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for n := 0; n < count; {
		fetches := c.PollFetches(ctx)
		must(t, ctx.Err())
		for _, r := range fetches.Records() {
			if string(r.Value) != fmt.Sprint(n) {
				t.Fatalf("record %d is %s", n, r.Value)
			}
			n++
		}
	}
}

// TestGroupFailover: the broker that coordinates a group dies; another one has its commits, and the member goes on.
func TestGroupFailover(t *testing.T) {
	inStreet(t, 3, func(t *testing.T, s *street) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		c := s.withTopic()
		defer c.Close()
		admin := kadm.NewClient(c)
		s.produce(c, 0, 60)
		member := s.client(kgo.ConsumerGroup("g"), kgo.ConsumeTopics("t"), kgo.DisableAutoCommit(), kgo.SessionTimeout(10*time.Second),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		defer member.Close()
		next, committed := int64(0), int64(0)
		for next < 60 {
			fetches := member.PollRecords(ctx, 10)
			must(t, ctx.Err())
			for _, r := range fetches.Records() {
				if r.Offset > next || r.Offset < committed {
					t.Fatalf("offset %d after %d, committed %d", r.Offset, next, committed)
				}
				next = r.Offset + 1
			}
			if err := member.CommitUncommittedOffsets(ctx); err == nil {
				committed = next
			}
			if next == 30 {
				found := admin.FindGroupCoordinators(ctx, "g")
				must(t, found["g"].Err)
				s.kill(int(found["g"].NodeID), 3)
			}
		}
		for committed < 60 {
			if err := member.CommitUncommittedOffsets(ctx); err == nil {
				committed = 60
			}
			must(t, ctx.Err())
		}
		offsets, err := admin.FetchOffsets(ctx, "g")
		for err != nil { // the client may still try the dead broker first
			must(t, ctx.Err())
			offsets, err = admin.FetchOffsets(ctx, "g")
		}
		if o, ok := offsets.Lookup("t", 0); !ok || o.At != 60 {
			t.Errorf("the group's offset is %d", o.At)
		}
	})
}

// TestPreferredLeaders: leaders move back on request, and by themselves after a while.
func TestPreferredLeaders(t *testing.T) {
	inStreet(t, 3, func(t *testing.T, s *street) {
		ctx := context.Background()
		c := s.withTopic()
		defer c.Close()
		admin := kadm.NewClient(c)
		preferred := s.isr(c, "t", 0, 3).Replicas[0]
		away := func() {
			s.kill(int(preferred), 1)
			s.isr(c, "t", 0, 2)
			s.start(int(preferred))
			if p := s.isr(c, "t", 0, 3); p.Leader == preferred {
				t.Fatal("it leads already")
			}
		}
		leads := func() bool {
			m, err := admin.Metadata(ctx, "t")
			return err == nil && m.Topics["t"].Partitions[0].Leader == preferred
		}
		away()
		for !leads() { // the client may not know the controller yet
			results, err := admin.ElectLeaders(ctx, kadm.ElectPreferredReplica, kadm.TopicsSet{"t": {0: {}, 5: {}}})
			if err == nil && results["t"][5].Err == nil {
				t.Fatal("a partition that is not there has an election")
			}
			time.Sleep(100 * time.Millisecond)
		}
		if results, err := admin.ElectLeaders(ctx, kadm.ElectPreferredReplica, kadm.TopicsSet{"t": {0: {}}}); err != nil ||
			!errors.Is(results["t"][0].Err, kerr.ElectionNotNeeded) {
			t.Errorf("an election that is not needed: %v, %v", results, err)
		}
		away()
		for began := time.Now(); !leads(); time.Sleep(time.Second) {
			if time.Since(began) > 11*time.Minute {
				t.Fatal("the leader does not move back")
			}
		}
	})
}
