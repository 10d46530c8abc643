package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const crewName = "crew"

// crew is a group whose members join, leave, crash and commit what they were given, while its coordinator moves. It is played only where mutexes
// let time pass: the client's members hold theirs while they ask.
type crew struct {
	*world
	kgo.GroupBalancer // of a classic group; nil: a group of the new protocol

	mu        sync.Mutex
	given     [partitions]map[int64]bool // what any member was given
	committed [partitions]int64          // acknowledged
	owners    map[tenure]string          // the member that has a partition in a generation
}

// tenure is a partition in one generation of the group.
type tenure struct {
	generation, partition int32
}

func newCrew(w *world) *crew {
	g := &crew{world: w, owners: map[tenure]string{}}
	g.GroupBalancer = []kgo.GroupBalancer{kgo.CooperativeStickyBalancer(), kgo.RangeBalancer(), nil}[rand.New(rand.NewPCG(w.seed, 400)).IntN(3)]
	for p := range g.given {
		g.given[p] = map[int64]bool{}
	}
	return g
}

// crewman is one member.
type crewman struct {
	*crew
	name       string
	stop       context.CancelFunc
	ended      chan struct{}
	crash      bool
	mu         sync.Mutex
	having     map[int32]bool
	id         string // as which it was given them, and in which generation
	generation int32
	owed       map[int32]*kgo.Record // the last that was given of a partition, where it is not committed
}

// run keeps up to four members, who come and go until working ends, and then at least one until ctx does.
func (g *crew) run(working, ctx context.Context) {
	rng := rand.New(rand.NewPCG(g.seed, 401))
	var members []*crewman
	var ending sync.WaitGroup
	for n := 0; working.Err() == nil; n++ {
		if len(members) < 4 && (len(members) == 0 || rng.IntN(2) == 0) {
			members = append(members, g.join(ctx, fmt.Sprint("member ", n)))
		} else {
			at := rng.IntN(len(members))
			m := members[at]
			members = append(members[:at], members[at+1:]...)
			m.crash = rng.IntN(2) == 0
			m.stop()
			ending.Go(func() { <-m.ended })
		}
		select {
		case <-time.After(time.Duration(500+rng.IntN(9000)) * time.Millisecond):
		case <-working.Done():
		}
	}
	if len(members) == 0 {
		members = append(members, g.join(ctx, "the last member"))
	}
	<-ctx.Done()
	for _, m := range members {
		<-m.ended
	}
	ending.Wait()
}

// join starts a member, which runs until stop is called or ctx ends.
func (g *crew) join(ctx context.Context, name string) *crewman {
	ctx, stop := context.WithCancel(ctx)
	m := &crewman{crew: g, name: name, stop: stop, ended: make(chan struct{}), having: map[int32]bool{}, owed: map[int32]*kgo.Record{}}
	g.say("%s joins", name)
	go m.run(ctx)
	return m
}

func (m *crewman) run(ctx context.Context) {
	defer close(m.ended)
	opts := []kgo.Opt{
		kgo.ConsumerGroup(crewName), kgo.ConsumeTopics(topicName), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.SessionTimeout(6 * time.Second), kgo.HeartbeatInterval(time.Second), kgo.RebalanceTimeout(10 * time.Second),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(500 * time.Millisecond), kgo.MaxConcurrentFetches(1),
		kgo.OnPartitionsAssigned(func(_ context.Context, c *kgo.Client, now map[string][]int32) { m.assigned(c, now[topicName]) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, gone map[string][]int32) { m.revoked(gone[topicName]) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, gone map[string][]int32) { m.revoked(gone[topicName]) }),
	}
	if m.GroupBalancer != nil {
		opts = append(opts, kgo.Balancers(m.GroupBalancer))
	} else {
		opts = append(opts, kgo.ServerSideBalancer())
	}
	c, host := m.clientOn(opts...)
	for ctx.Err() == nil {
		polling, cancel := context.WithTimeout(ctx, 3*time.Second) // then what is owed is tried again
		fetches := c.PollFetches(polling)
		cancel()
		m.take(ctx, c, fetches)
		c.AllowRebalance()
	}
	if m.crash {
		m.say("%s crashes", m.name)
		host.SetDown(true)
		host.Kill()
	} else {
		m.say("%s leaves", m.name)
	}
	c.CloseAllowingRebalance()
}

// take notes what was given, and commits it.
func (m *crewman) take(ctx context.Context, c *kgo.Client, fetches kgo.Fetches) {
	last := m.note(fetches)
	if len(last) == 0 {
		return
	}
	attempt, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	err := m.commit(attempt, c, last)
	if err == nil {
		m.done(last)
		return
	}
	m.say("%s: commit: %v", m.name, err)
	for _, definite := range []error{kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.RebalanceInProgress, kerr.StaleMemberEpoch, kerr.FencedMemberEpoch} {
		if errors.Is(err, definite) {
			return
		}
	}
	select {
	case <-time.After(20 * time.Second): // it may still come true, and must not after a later one
	case <-ctx.Done():
	}
}

// note gives the last record of each partition that is to be committed.
func (m *crewman) note(fetches kgo.Fetches) (last []*kgo.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.crew.mu.Lock()
	defer m.crew.mu.Unlock()
	fetches.EachRecord(func(r *kgo.Record) {
		m.given[r.Partition][r.Offset] = true
		m.owed[r.Partition] = r
	})
	for p := range int32(partitions) {
		if r := m.owed[p]; r != nil {
			last = append(last, r)
		}
	}
	return last
}

// done notes what is committed.
func (m *crewman) done(last []*kgo.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.crew.mu.Lock()
	defer m.crew.mu.Unlock()
	for _, r := range last {
		m.committed[r.Partition] = max(m.committed[r.Partition], r.Offset+1)
		delete(m.owed, r.Partition)
	}
}

// commit is that of the client's for a member of the new protocol, whom the coordinator knows by one name for life. A classic one commits as the
// member that was given the records: the client does so as whoever it is by then, and one that was thrown out and has joined again would put
// back what another has committed meanwhile.
func (m *crewman) commit(ctx context.Context, c *kgo.Client, last []*kgo.Record) error {
	if m.GroupBalancer == nil {
		return c.CommitRecords(ctx, last...)
	}
	req := kmsg.NewPtrOffsetCommitRequest()
	m.mu.Lock()
	req.Group, req.MemberID, req.Generation = crewName, m.id, m.generation
	m.mu.Unlock()
	data, err := m.look.Topic(ctx, topicName)
	if err != nil {
		return err
	}
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic, topic.TopicID = topicName, data.ID
	for _, r := range last {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.LeaderEpoch = r.Partition, r.Offset+1, r.LeaderEpoch
		topic.Partitions = append(topic.Partitions, p)
	}
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, c)
	if err != nil {
		return err
	}
	for _, p := range resp.Topics[0].Partitions {
		if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
			return err
		}
	}
	return nil
}

// assigned notes whose all partitions are now, in this generation: nobody else's.
func (m *crewman) assigned(c *kgo.Client, added []int32) {
	id, generation := c.GroupMetadata()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.id, m.generation = id, generation
	for _, p := range added {
		m.having[p] = true
	}
	m.say("%s (%.8s): generation %d: %v", m.name, id, generation, m.having)
	m.crew.mu.Lock()
	defer m.crew.mu.Unlock()
	for p := range m.having {
		at := tenure{generation, p}
		if owner, ok := m.owners[at]; ok && owner != id {
			m.violation("partition %d is two members' in generation %d of the group: %s's and %s's", p, generation, owner, id)
		}
		m.owners[at] = id
	}
}

func (m *crewman) revoked(gone []int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range gone {
		delete(m.having, p)
		delete(m.owed, p)
	}
}

// finish waits until the group has been given everything and has committed that, and holds what it committed against what it was told.
func (g *crew) finish() {
	c := g.client()
	defer c.Close()
	admin := kadm.NewClient(c)
	why := ""
	for range 180 {
		if why = g.lacks(admin); why == "" {
			return
		}
		time.Sleep(time.Second)
	}
	g.stuck("three minutes after the faults: the group: %s", why)
}

func (g *crew) lacks(admin *kadm.Client) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	g.mu.Lock()
	committed := g.committed
	g.mu.Unlock()
	ends, err := admin.ListEndOffsets(ctx, topicName)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return err.Error()
	}
	offsets, err := admin.FetchOffsets(ctx, crewName)
	if err == nil {
		err = offsets.Error()
	}
	if err != nil {
		return err.Error()
	}
	for p := range int32(partitions) {
		end, _ := ends.Lookup(topicName, p)
		at, _ := offsets.Lookup(topicName, p)
		if at.At < committed[p] {
			g.violation("the group stands at %d of partition %d, though %d was committed", at.At, p, committed[p])
		}
		if at.At < end.Offset {
			return fmt.Sprintf("partition %d: %d of %d records are committed", p, at.At, end.Offset)
		}
		g.mu.Lock()
		for offset := range end.Offset {
			if !g.given[p][offset] {
				g.mu.Unlock()
				g.violation("no member of the group was given offset %d of partition %d", offset, p)
				return ""
			}

		}
		g.mu.Unlock()
	}
	return ""
}
