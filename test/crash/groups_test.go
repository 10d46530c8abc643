//go:build crash

package crash

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"milena/test/milena"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	killedGroups   = 10
	killedMembers  = 2 // of each group
	groupKills     = 5
	commitsBetween = 20 // acknowledged commits of each group between two kills
)

// TestKillUnderGroups kills the broker five times under ten groups, of both protocols, that consume and commit: no acknowledged commit is lost, each
// group goes on where it stopped, and has read everything in order at the end.
func TestKillUnderGroups(t *testing.T) {
	overrides := []string{"group.initial.rebalance.delay.ms=0", "offsets.topic.num.partitions=5", "offsets.topic.replication.factor=1"}
	b := newBroker(t)
	start(t, b, overrides...)
	groupsSurvive(t, b, b.Kill, func() { start(t, b, overrides...) })
}

func groupsSurvive(t *testing.T, b *milena.Broker, kill func() error, restart func()) {
	createTopic(t, b, "t", partitions)
	l := startPacedLoad(t, b, "t", 2*time.Millisecond)
	var groups []*group
	for i := range killedGroups {
		groups = append(groups, startGroup(t, b, fmt.Sprint("g", i), i%2 == 1))
	}
	admin := kadm.NewClient(client(t, b))
	for range groupKills {
		awaitCommits(t, groups)
		must(t, kill())
		acked := map[*group][partitions]int64{}
		for _, g := range groups {
			acked[g] = g.ackedCommits()
		}
		restart()
		for _, g := range groups {
			g.storedAtLeast(admin, acked[g])
		}
	}
	awaitCommits(t, groups)
	l.end()
	for _, g := range groups {
		await(t, fmt.Sprintf("end of the reading of %s: it is at %v of %v", g.name, g.state(), l.sent), time.Minute, func() bool {
			return g.state() == l.sent
		})
		g.storedAtLeast(admin, g.ackedCommits())
		t.Logf("%s: %d commits acknowledged, %d refused", g.name, g.commits.Load(), g.refused.Load())
	}
}

// awaitCommits waits until each group has had some more commits acknowledged.
func awaitCommits(t *testing.T, groups []*group) {
	t.Helper()
	for _, g := range groups {
		goal := g.commits.Load() + commitsBetween
		await(t, fmt.Sprintf("commits of %s", g.name), time.Minute, func() bool {
			if text := g.failed.Load(); text != nil {
				t.Fatalf("%s: %s", g.name, *text)
			}
			return g.commits.Load() >= goal
		})
	}
}

// group is what the members of one group know together.
type group struct {
	t       *testing.T
	name    string
	commits atomic.Int64 // acknowledged
	refused atomic.Int64
	failed  atomic.Pointer[string]

	mu        sync.Mutex
	next      [partitions]int64 // everything before it was read
	committed [partitions]int64 // the last acknowledged commit
}

// startGroup starts the members, of the new protocol or of the classic one.
func startGroup(t *testing.T, b *milena.Broker, name string, isNew bool) *group {
	t.Helper()
	g := &group{t: t, name: name}
	opts := []kgo.Opt{kgo.ConsumerGroup(name), kgo.ConsumeTopics("t"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(), kgo.FetchMaxWait(100 * time.Millisecond), kgo.Balancers(kgo.RangeBalancer()),
		kgo.HeartbeatInterval(300 * time.Millisecond)}
	if isNew {
		opts = append(opts, kgo.ServerSideBalancer())
	}
	ctx, stop := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	for range killedMembers {
		c := client(t, b, opts...)
		wait.Go(func() {
			for ctx.Err() == nil && g.failed.Load() == nil {
				g.readAndCommit(ctx, c)
			}
			c.CloseAllowingRebalance()
		})
	}
	t.Cleanup(func() { stop(); wait.Wait() })
	return g
}

func (g *group) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	g.failed.CompareAndSwap(nil, &text)
}

func (g *group) readAndCommit(ctx context.Context, c *kgo.Client) {
	fetches := c.PollRecords(ctx, 200)
	defer c.AllowRebalance()
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if len(p.Records) == 0 {
			return
		}
		g.take(p.Records)
		limited, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if err := c.CommitRecords(limited, p.Records...); err != nil {
			g.refused.Add(1) // the broker is away, or the partition is another's now
			return
		}
		g.mu.Lock()
		g.committed[p.Partition] = max(g.committed[p.Partition], p.Records[len(p.Records)-1].Offset+1)
		g.mu.Unlock()
		g.commits.Add(1)
	})
}

// take demands that nothing is left out, and that nothing committed comes again.
func (g *group) take(records []*kgo.Record) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := records[0].Partition
	if first := records[0].Offset; first < g.committed[p] {
		g.fail("partition %d is read from offset %d again, though the commit of %d was acknowledged", p, first, g.committed[p])
	}
	at := records[0].Offset
	for _, r := range records {
		if r.Offset != at || r.Offset > g.next[p] || number(r.Value) != r.Offset {
			g.fail("partition %d: number %d at offset %d where %d was due; read so far: %d", p, number(r.Value), r.Offset, at, g.next[p])
		}
		at = r.Offset + 1
		g.next[p] = max(g.next[p], at)
	}
}

func (g *group) ackedCommits() [partitions]int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.committed
}

// state is how far all was read.
func (g *group) state() [partitions]int64 {
	g.t.Helper()
	if text := g.failed.Load(); text != nil {
		g.t.Fatalf("%s: %s", g.name, *text)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.next
}

// storedAtLeast demands that the broker holds each acknowledged commit.
func (g *group) storedAtLeast(admin *kadm.Client, acked [partitions]int64) {
	g.t.Helper()
	var stored kadm.OffsetResponses
	await(g.t, "offsets of "+g.name, 30*time.Second, func() bool {
		ctx, cancel := context.WithTimeout(g.t.Context(), 30*time.Second)
		defer cancel()
		var err error
		stored, err = admin.FetchOffsets(ctx, g.name)
		return err == nil && stored.Error() == nil // the first connections to a broker that starts may fail
	})
	for p, offset := range acked {
		if o, ok := stored.Lookup("t", int32(p)); offset > 0 && (!ok || o.At < offset) {
			g.t.Errorf("%s: partition %d: the commit of %d was acknowledged, %d is stored", g.name, p, offset, o.At)
		}
	}
}
