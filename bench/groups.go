package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"milena/bench/load"

	"github.com/twmb/franz-go/pkg/kgo"
)

// groups measures what consumer groups cost: commits, the load of stored offsets, and members that come and go.
func groups(t target, r results, s scale, run int) error {
	if err := commits(t, r, s, run); err != nil {
		return fmt.Errorf("commits: %w", err)
	}
	if err := storedOffsets(t, r, s, run); err != nil {
		return fmt.Errorf("stored offsets: %w", err)
	}
	for key, isNew := range map[string]bool{"roll-classic": false, "roll-new": true} {
		stopped, err := rollingRestart(t, s, fmt.Sprintf("%s-%d", key, run), isNew)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		r.add(t.name(), key, stopped.Seconds())
	}
	return nil
}

const committingGroups = 1000

func commits(t target, r results, s scale, run int) error {
	topic := fmt.Sprintf("committed-%d", run)
	if err := load.CreateTopic(t.address(), topic, partitions, nil); err != nil {
		return err
	}
	if err := load.AwaitOffsets(t.address(), committingGroups); err != nil { // the offsets topic is created
		return err
	}
	l := load.Commit{Topic: topic, Partitions: partitions, Groups: committingGroups, Commits: s.commits / 4, Connections: 10, InFlight: 5}
	if _, err := l.Run(t.address()); err != nil { // warm
		return err
	}
	l.Commits = s.commits
	var done load.Committed
	cpu, err := cpuDuring(t.pid(), func() (err error) { done, err = l.Run(t.address()); return err })
	if err != nil {
		return err
	}
	r.add(t.name(), "commits", float64(done.Commits)/done.Took.Seconds())
	r.add(t.name(), "commits-cpu", float64(done.Commits)/cpu.Seconds())
	return nil
}

// storedOffsets measures how long after its start a broker serves all offsets that it has stored.
func storedOffsets(t target, r results, s scale, run int) error {
	const each = 100 // partitions of a group
	topic := fmt.Sprintf("stored-%d", run)
	if err := load.CreateTopic(t.address(), topic, each, nil); err != nil {
		return err
	}
	count := s.storedOffsets / each
	l := load.Commit{Topic: topic, Partitions: each, Groups: count, Commits: count, Connections: 10, InFlight: 5}
	if _, err := l.Run(t.address()); err != nil {
		return err
	}
	if err := t.stop(); err != nil {
		return err
	}
	begin := time.Now()
	ready, err := t.start()
	if err != nil {
		return err
	}
	const askedFor = 500 // enough to lie in each partition of the offsets topic
	if err := load.AwaitOffsets(t.address(), min(count, askedFor)); err != nil {
		return err
	}
	r.add(t.name(), "offsets-load", (time.Since(begin) - ready).Seconds())
	return nil
}

// ownership is who has each partition, and how long partitions had nobody.
type ownership struct {
	mu      sync.Mutex
	owned   int
	since   map[int32]time.Time // when a partition was given up
	stopped time.Duration       // of all partitions together
	changed chan struct{}       // closed, and replaced, when one of owned and has changes
	has     map[*kgo.Client]int
}

func (o *ownership) take(c *kgo.Client, all map[string][]int32) {
	o.change(c, all, 1, func(p int32) {
		if begin, ok := o.since[p]; ok {
			o.stopped += time.Since(begin)
			delete(o.since, p)
		}
	})
}

func (o *ownership) give(c *kgo.Client, all map[string][]int32) {
	o.change(c, all, -1, func(p int32) { o.since[p] = time.Now() })
}

func (o *ownership) change(c *kgo.Client, all map[string][]int32, by int, f func(int32)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, list := range all {
		for _, p := range list {
			f(p)
			o.owned += by
			o.has[c] += by
		}
	}
	close(o.changed)
	o.changed = make(chan struct{})
}

// settle waits until all partitions are owned, and each of the members has some.
func (o *ownership) settle(ctx context.Context, partitions int, members []*kgo.Client) error {
	for {
		o.mu.Lock()
		settled := o.owned == partitions
		for _, c := range members {
			settled = settled && o.has[c] > 0
		}
		owned, changed := o.owned, o.changed
		o.mu.Unlock()
		if settled {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d members: %d of %d partitions have an owner: %w", len(members), owned, partitions, ctx.Err())
		}
	}
}

// rollingRestart has each member of a group leave and another come for it, one after the other, and tells how long a partition was stopped, on
// average.
func rollingRestart(t target, s scale, name string, isNew bool) (time.Duration, error) {
	count := int(s.members) * 5
	if err := load.CreateTopic(t.address(), name, int32(count), nil); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.rollWithin)
	defer cancel()
	o := &ownership{since: map[int32]time.Time{}, changed: make(chan struct{}), has: map[*kgo.Client]int{}}
	var members []*kgo.Client
	defer func() {
		for _, c := range members {
			c.CloseAllowingRebalance()
		}
	}()
	var reading sync.WaitGroup
	join := func() error {
		c, err := kgo.NewClient(memberOptions(t.address(), name, isNew, o)...)
		if err != nil {
			return err
		}
		members = append(members, c)
		reading.Go(func() {
			for !c.PollFetches(ctx).IsClientClosed() && ctx.Err() == nil { // as a consumer does; there is nothing to read
			}
		})
		return nil
	}
	for range s.members {
		if err := join(); err != nil {
			return 0, err
		}
	}
	if err := o.settle(ctx, count, members); err != nil {
		return 0, err
	}
	for range s.members {
		oldest := members[0]
		members = members[1:]
		oldest.CloseAllowingRebalance()
		if err := join(); err != nil {
			return 0, err
		}
		if err := o.settle(ctx, count, members); err != nil {
			return 0, err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.stopped / time.Duration(count), nil
}

func memberOptions(address, name string, isNew bool, o *ownership) []kgo.Opt {
	opts := []kgo.Opt{kgo.SeedBrokers(address), kgo.DisableClientMetrics(), kgo.ConsumerGroup(name), kgo.ConsumeTopics(name),
		kgo.DisableAutoCommit(), kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.HeartbeatInterval(time.Second),
		kgo.OnPartitionsAssigned(func(_ context.Context, c *kgo.Client, all map[string][]int32) { o.take(c, all) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, c *kgo.Client, all map[string][]int32) { o.give(c, all) }),
		kgo.OnPartitionsLost(func(_ context.Context, c *kgo.Client, all map[string][]int32) { o.give(c, all) })}
	if isNew {
		opts = append(opts, kgo.ServerSideBalancer())
	}
	return opts
}
