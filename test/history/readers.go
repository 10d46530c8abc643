package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Reader reads all partitions from their start. Nothing is left out, nothing comes again.
type Reader struct {
	t *testing.T

	mu     sync.Mutex // guards what follows
	seen   [][]id     // of each partition, by offset
	failed error
}

// Reader starts one.
func (to *Topic) Reader(t *testing.T) *Reader {
	r := &Reader{t: t, seen: make([][]id, to.Partitions)}
	offsets := map[int32]kgo.Offset{}
	for p := range int32(to.Partitions) {
		offsets[p] = kgo.NewOffset().At(0)
	}
	consumer := to.Client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{to.Name: offsets}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), kgo.FetchMaxWait(500*time.Millisecond))
	ctx, stop := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	t.Cleanup(func() { stop(); wait.Wait() })
	wait.Go(func() {
		for ctx.Err() == nil {
			r.take(consumer.PollFetches(ctx))
		}
	})
	return r
}

func (r *Reader) take(fetches kgo.Fetches) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fetches.EachError(func(_ string, partition int32, err error) {
		if !errors.Is(err, context.Canceled) {
			r.failed = errors.Join(r.failed, fmt.Errorf("reading partition %d: %w", partition, err))
		}
	})
	fetches.EachRecord(func(record *kgo.Record) {
		i, err := decode(record)
		if want := int64(len(r.seen[record.Partition])); err == nil && record.Offset != want {
			err = fmt.Errorf("partition %d: offset %d (%v) was read where %d comes next", record.Partition, record.Offset, i, want)
		}
		if err != nil && r.failed == nil {
			r.failed = err
		}
		r.seen[record.Partition] = append(r.seen[record.Partition], i)
	})
}

// Reach waits until everything was read.
func (r *Reader) Reach(ends []int64) [][]id {
	r.t.Helper()
	await(r.t, fmt.Sprintf("reader at %v", ends), func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		must(r.t, r.failed)
		for p, end := range ends {
			if int64(len(r.seen[p])) < end {
				return false
			}
		}
		return true
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen
}

// Group is two members that share the topic, and commit what they have read.
type Group struct {
	t     *testing.T
	topic *Topic

	mu        sync.Mutex       // guards what follows
	seen      []map[int64]id   // by offset; a record may come again where its commit did not get through
	committed []int64          // of commits that were confirmed
	attempted []map[int64]bool // of all commits
	failed    error
}

// member is one of the group's. Its goroutine alone uses it, and the callbacks, which come while it polls.
type member struct {
	group *Group
	next  map[int32]int64 // the offset that comes next; not below the confirmed commit at the time of the assignment
	fresh map[int32]bool
}

// Group starts one with the id "g".
func (to *Topic) Group(t *testing.T) *Group {
	n := to.Partitions
	g := &Group{t: t, topic: to, seen: make([]map[int64]id, n), committed: make([]int64, n), attempted: make([]map[int64]bool, n)}
	for p := range n {
		g.seen[p], g.attempted[p] = map[int64]id{}, map[int64]bool{0: true}
	}
	ctx, stop := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	t.Cleanup(func() { stop(); wait.Wait() })
	for range 2 {
		m := &member{group: g, next: map[int32]int64{}, fresh: map[int32]bool{}}
		consumer := to.Client(kgo.ConsumerGroup("g"), kgo.ConsumeTopics(to.Name), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
			kgo.SessionTimeout(6*time.Second), kgo.RebalanceTimeout(10*time.Second), kgo.HeartbeatInterval(500*time.Millisecond),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(500*time.Millisecond), kgo.OnPartitionsAssigned(m.assigned))
		wait.Go(func() {
			for ctx.Err() == nil {
				m.take(consumer.PollFetches(ctx))
				m.commit(ctx, consumer)
				consumer.AllowRebalance()
			}
		})
	}
	return g
}

func (m *member) assigned(_ context.Context, _ *kgo.Client, got map[string][]int32) {
	m.group.mu.Lock()
	defer m.group.mu.Unlock()
	for _, p := range got[m.group.topic.Name] {
		m.next[p], m.fresh[p] = m.group.committed[p], true
	}
}

func (m *member) take(fetches kgo.Fetches) {
	g := m.group
	g.mu.Lock()
	defer g.mu.Unlock()
	fetches.EachRecord(func(record *kgo.Record) {
		p := record.Partition
		i, err := decode(record)
		switch {
		case err != nil:
		case m.fresh[p] && record.Offset < m.next[p]:
			err = fmt.Errorf("group, partition %d: %d is confirmed as committed, and a new owner begins at %d", p, m.next[p], record.Offset)
		case m.fresh[p] && !g.attempted[p][record.Offset]:
			err = fmt.Errorf("group, partition %d: a new owner begins at %d, which nobody has committed", p, record.Offset)
		case !m.fresh[p] && record.Offset != m.next[p]:
			err = fmt.Errorf("group, partition %d: offset %d was read where %d comes next", p, record.Offset, m.next[p])
		}
		if err != nil && g.failed == nil {
			g.failed = err
		}
		if before, again := g.seen[p][record.Offset]; again && before != i && g.failed == nil {
			g.failed = fmt.Errorf("group, partition %d, offset %d: %v, which was %v before", p, record.Offset, i, before)
		}
		m.next[p], m.fresh[p] = record.Offset+1, false
		g.seen[p][record.Offset] = i
	})
}

func (m *member) commit(ctx context.Context, consumer *kgo.Client) {
	offsets := consumer.UncommittedOffsets()
	if len(offsets) == 0 {
		return
	}
	g := m.group
	g.mu.Lock()
	for p, at := range offsets[g.topic.Name] {
		g.attempted[p][at.Offset] = true
	}
	g.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	consumer.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, reply *kmsg.OffsetCommitResponse, err error) {
		if err != nil {
			return
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, t := range reply.Topics {
			for _, p := range t.Partitions {
				if kerr.ErrorForCode(p.ErrorCode) == nil {
					g.committed[p.Partition] = max(g.committed[p.Partition], offsets[g.topic.Name][p.Partition].Offset)
				}
			}
		}
	})
}

// Reach waits until the group has read and committed everything.
func (g *Group) Reach(ends []int64) {
	g.t.Helper()
	await(g.t, fmt.Sprintf("commit of the group at %v", ends), func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		must(g.t, g.failed)
		return slices.Equal(g.committed, ends)
	})
}
