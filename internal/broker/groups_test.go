package broker_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/vfs/memfs"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// inGroupHouse runs a test in a house whose offsets topic suits one broker.
func inGroupHouse(t *testing.T, test func(t *testing.T, h *house)) {
	inHouse(t, func(t *testing.T, h *house) {
		h.static["offsets.topic.replication.factor"] = "1"
		h.static["offsets.topic.num.partitions"] = "3"
		h.static["log.flush.interval.messages"] = "1"
		h.start()
		test(t, h)
	})
}

// member is a member of a group that reads until it is stopped.
type member struct {
	*kgo.Client
	name string

	mu    sync.Mutex
	owned map[int32]bool
	seen  map[string]int
	done  chan struct{}
}

// join starts a member of a group of topic t; it commits when the test says so. (The client's own commits wait for a rebalance on a mutex,
// and no virtual time passes meanwhile.)
func (h *house) join(group, name string, opts ...kgo.Opt) *member {
	h.t.Helper()
	m := &member{name: name, owned: map[int32]bool{}, seen: map[string]int{}, done: make(chan struct{})}
	change := func(has bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
			m.mu.Lock()
			defer m.mu.Unlock()
			for _, p := range topics["t"] {
				if m.owned[p] = has; !has {
					delete(m.owned, p)
				}
			}
		}
	}
	host := h.net.Host(name)
	m.Client = h.client(append([]kgo.Opt{
		kgo.Dialer(func(ctx context.Context, _, addr string) (net.Conn, error) { return host.Dial(ctx, addr) }),
		kgo.ConsumerGroup(group), kgo.ConsumeTopics("t"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.ClientID(name),
		kgo.OnPartitionsAssigned(change(true)), kgo.OnPartitionsRevoked(change(false)), kgo.OnPartitionsLost(change(false)),
		kgo.DisableAutoCommit(), kgo.SessionTimeout(10 * time.Second),
	}, opts...)...)
	go func() {
		defer close(m.done)
		for {
			fetches := m.PollFetches(context.Background())
			if fetches.IsClientClosed() {
				return
			}
			m.mu.Lock()
			fetches.EachRecord(func(r *kgo.Record) { m.seen[string(r.Value)]++ })
			m.mu.Unlock()
		}
	}()
	return m
}

func (m *member) partitions() []int32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.owned))
}

func (m *member) read() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.seen)
}

func (m *member) commit(t *testing.T) {
	t.Helper()
	must(t, m.CommitUncommittedOffsets(context.Background()))
}

func (m *member) leave() {
	m.Close()
	<-m.done
}

// spread produces values over the partitions of topic t.
func (h *house) spread(from, to int) {
	h.t.Helper()
	c := h.client()
	defer c.Close()
	for i := from; i < to; i++ {
		r := &kgo.Record{Topic: "t", Partition: int32(i % 4), Value: value(i)}
		if err := c.ProduceSync(context.Background(), r).FirstErr(); err != nil {
			h.t.Fatal(err)
		}
	}
}

// committed are the sums of a group's offsets over topics.
func (h *house) committed(group string) map[string]int64 {
	h.t.Helper()
	c := h.client()
	defer c.Close()
	offsets, err := kadm.NewClient(c).FetchOffsets(context.Background(), group)
	must(h.t, err)
	sums := map[string]int64{}
	offsets.Each(func(o kadm.OffsetResponse) {
		if o.Err != nil {
			h.t.Errorf("%s-%d: %v", o.Topic, o.Partition, o.Err)
		}
		sums[o.Topic] += o.At
	})
	return sums
}

func (h *house) state(group string) string {
	h.t.Helper()
	c := h.client()
	defer c.Close()
	groups, err := kadm.NewClient(c).DescribeGroups(context.Background(), group)
	must(h.t, err)
	return groups[group].State
}

// Two share the partitions; one dies without a word, and the other takes over when its session is over.
func TestGroupTakesOver(t *testing.T) {
	inGroupHouse(t, func(t *testing.T, h *house) {
		h.createTopic("t", 4)
		a, b := h.join("g", "a"), h.join("g", "b")
		h.wait(20 * time.Second)
		if all := slices.Concat(a.partitions(), b.partitions()); len(all) != 4 || len(a.partitions()) != 2 {
			t.Fatalf("a has %v, b has %v", a.partitions(), b.partitions())
		}
		h.spread(0, 40)
		h.wait(time.Second)
		if a.read() != 20 || b.read() != 20 {
			t.Fatalf("a read %d, b read %d of 40", a.read(), b.read())
		}
		a.commit(t)
		b.commit(t)
		if got := h.committed("g")["t"]; got != 40 {
			t.Fatalf("%d committed of 40", got)
		}
		h.net.Isolate("b")
		h.wait(30 * time.Second)
		if got := a.partitions(); len(got) != 4 {
			t.Fatalf("a has %v after b's session", got)
		}
		h.spread(40, 60)
		h.wait(time.Second)
		if a.read() != 40 {
			t.Fatalf("a read %d of 40: nothing twice, nothing lost", a.read())
		}
		a.commit(t)
		a.leave()
		h.net.HealAll()
		b.leave()
		if got := h.state("g"); got != "Empty" {
			t.Fatalf("the group is %s", got)
		}
		if got := h.committed("g")["t"]; got != 60 {
			t.Fatalf("%d committed of 60", got)
		}
		if !strings.Contains(h.log.String(), "group rebalanced") {
			t.Error("the log says nothing of rebalances")
		}
	})
}

// What was committed is there after a restart and after a power cut; members come back by themselves.
func TestOffsetsOutliveTheBroker(t *testing.T) {
	inGroupHouse(t, func(t *testing.T, h *house) {
		h.createTopic("t", 4)
		a := h.join("g", "a")
		h.wait(10 * time.Second)
		for i, end := range []func(){h.stop, func() { h.die(1) }, h.stop, func() { h.die(2) }} {
			h.spread(10*i, 10*i+10)
			h.wait(5 * time.Second)
			if a.read() != 10*i+10 {
				t.Fatalf("round %d: read %d", i, a.read())
			}
			a.commit(t)
			before := h.committed("g")["t"]
			end()
			h.wait(3 * time.Second)
			h.start()
			if got := h.committed("g")["t"]; got < before || before != int64(10*i+10) {
				t.Fatalf("round %d: %d committed, and %d after the restart", i, before, got)
			}
			h.wait(30 * time.Second)
		}
		if got := h.state("g"); got != "Stable" {
			t.Fatalf("the group is %s", got)
		}
		a.leave()
		if a.seen[string(value(0))] != 1 || len(a.seen) != 40 {
			t.Fatalf("read %d values, the first %d times", len(a.seen), a.seen[string(value(0))])
		}
	})
}

// A broker that stops tells those who wait for a rebalance to look elsewhere, and does not wait for them.
func TestStopAnswersWhoWaits(t *testing.T) {
	inGroupHouse(t, func(t *testing.T, h *house) {
		c := h.client()
		defer c.Close()
		h.coordinator(c, "g")
		join := kmsg.NewPtrJoinGroupRequest()
		join.Group, join.SessionTimeoutMillis, join.RebalanceTimeoutMillis, join.ProtocolType = "g", 10_000, 60_000, "consumer"
		join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
		join.Version = 3
		answer := make(chan int16, 1)
		go func() {
			resp, err := c.Broker(1).Request(context.Background(), &atVersion{join, 3})
			if err != nil {
				t.Error(err)
				answer <- -1
				return
			}
			answer <- resp.(*kmsg.JoinGroupResponse).ErrorCode
		}()
		h.wait(time.Second)
		began := time.Now()
		h.stop()
		if code := <-answer; code != kerr.NotCoordinator.Code || time.Since(began) > time.Second {
			t.Fatalf("answered %v after %v", kerr.ErrorForCode(code), time.Since(began))
		}
	})
}

// atVersion is a request of one version.
type atVersion struct {
	kmsg.Request
	version int16
}

func (r *atVersion) MaxVersion() int16 { return r.version }

// coordinator waits until a group has one, as clients do.
func (h *house) coordinator(c *kgo.Client, group string) {
	h.t.Helper()
	for range 100 {
		if h.findCoordinator(c, group) == 0 {
			return
		}
		h.wait(100 * time.Millisecond)
	}
	h.t.Fatal("no coordinator")
}

func (h *house) findCoordinator(c *kgo.Client, group string) int16 {
	h.t.Helper()
	req := kmsg.NewPtrFindCoordinatorRequest()
	req.CoordinatorKeys = []string{group}
	resp, err := c.Broker(1).Request(context.Background(), req)
	must(h.t, err)
	return resp.(*kmsg.FindCoordinatorResponse).Coordinators[0].ErrorCode
}

func TestTooFewBrokersForTheOffsetsTopic(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.start()
		c := h.client()
		defer c.Close()
		for range 20 {
			if code := h.findCoordinator(c, "g"); code != kerr.CoordinatorNotAvailable.Code {
				t.Fatal(kerr.ErrorForCode(code))
			}
			h.wait(100 * time.Millisecond)
		}
		if n := strings.Count(h.log.String(), "setting=offsets.topic.replication.factor"); n != 1 {
			t.Fatalf("told %d times", n)
		}
	})
}

// Offsets of a topic go with the topic, those of others stay.
func TestDeletedTopicTakesItsOffsets(t *testing.T) {
	inGroupHouse(t, func(t *testing.T, h *house) {
		h.createTopic("t", 4)
		h.createTopic("u", 4)
		c := h.client()
		defer c.Close()
		adm := kadm.NewClient(c)
		offsets := kadm.Offsets{}
		for _, topic := range []string{"t", "u"} {
			offsets.AddOffset(topic, 0, 5, -1)
			offsets.AddOffset(topic, 3, 2, -1)
		}
		must(t, adm.CommitAllOffsets(context.Background(), "g", offsets))
		if got := h.committed("g"); got["t"] != 7 || got["u"] != 7 {
			t.Fatal(got)
		}
		_, err := adm.DeleteTopic(context.Background(), "t")
		must(t, err)
		h.wait(time.Second)
		if got := h.committed("g"); got["t"] != 0 || got["u"] != 7 {
			t.Fatal(got)
		}
		h.stop()
		h.start()
		if got := h.committed("g"); got["t"] != 0 || got["u"] != 7 {
			t.Fatal(got)
		}
	})
}

// A commit that the disk did not take is not acknowledged, and the groups of the other partitions go on.
func TestFailedDiskUnderAGroup(t *testing.T) {
	inGroupHouse(t, func(t *testing.T, h *house) {
		h.static["log.dirs"] = "/data,/more"
		h.stop()
		must(t, h.fs.MkdirAll("/more"))
		h.start()
		h.createTopic("t", 1)
		c := h.client()
		defer c.Close()
		commit := func(group string) error {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			offsets := kadm.Offsets{}
			offsets.AddOffset("t", 0, 1, -1)
			return kadm.NewClient(c).CommitAllOffsets(ctx, group, offsets)
		}
		for i := range 8 {
			must(t, commit(fmt.Sprint("g", i)))
		}
		h.fs.SetFault(memfs.FailKind(memfs.OpWrite, "/more", syscall.EIO))
		failed, fine := 0, 0
		for i := range 8 {
			switch err := commit(fmt.Sprint("g", i)); {
			case err == nil:
				fine++
			default:
				failed++
			}
		}
		synctest.Wait()
		if failed == 0 || fine == 0 {
			t.Fatalf("%d failed, %d went on", failed, fine)
		}
		h.fs.SetFault(nil)
		if err := h.tryStop(); err != nil && !errors.Is(err, syscall.EIO) {
			t.Log(err)
		}
	})
}
