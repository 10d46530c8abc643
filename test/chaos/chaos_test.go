//go:build chaos

package chaos

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"milena/test/history"
	"milena/test/zookeeper"
)

// longestPause is asserted of every failure but the loss of a majority: far more than a quiet machine needs. longestFreeze allows for what
// the client does besides: it asks a frozen broker several times over, and waits for a time-out each time, while it knows of the new leader.
const (
	longestPause  = 5 * time.Second
	longestFreeze = 40 * time.Second
)

// failure is something that befalls the cluster, under load and while all replicas are in sync.
type failure struct {
	name string
	// strike leaves every broker running. It gives the pause.
	strike func(c *cluster, l *history.Load) time.Duration
	// majority: the cluster stands still until the brokers are back; nothing is asserted of the pause.
	majority bool
	// long: it freezes, which takes many seconds.
	long bool
	// on is the store that it needs; empty: any.
	on string
	// random: it is not on the fixed list, which has one of its kind.
	random bool
}

var failures = []failure{
	{name: "kill a leader", strike: func(c *cluster, l *history.Load) time.Duration { return killed(c, l, c.leader(0)) }},
	{name: "kill a follower", strike: func(c *cluster, l *history.Load) time.Duration { return killed(c, l, (c.leader(0)+1)%copies) }},
	{name: "kill the controller", strike: func(c *cluster, l *history.Load) time.Duration {
		at := c.controller()
		c.leadStore((at + 1) % copies)
		return killed(c, l, at)
	}},
	{name: "kill the store's leader", on: etcd, strike: func(c *cluster, l *history.Load) time.Duration {
		c.leadStore((c.controller() + 1) % copies)
		return killed(c, l, c.storeLeader())
	}},
	{name: "kill controller and store's", on: etcd, strike: func(c *cluster, l *history.Load) time.Duration {
		at := c.controller()
		c.leadStore(at)
		return killed(c, l, at)
	}},
	{name: "kill two", majority: true, strike: func(c *cluster, l *history.Load) time.Duration {
		at := c.leader(1)
		return killed(c, l, at, (at+1)%copies)
	}},
	{name: "kill all", majority: true, strike: func(c *cluster, l *history.Load) time.Duration { return killed(c, l, 0, 1, 2) }},
	{name: "freeze a leader", long: true, strike: func(c *cluster, l *history.Load) time.Duration { return frozen(c, l, c.leader(2)) }},
	{name: "freeze the controller", long: true, random: true, strike: func(c *cluster, l *history.Load) time.Duration {
		return frozen(c, l, c.controller())
	}},
	{name: "stop a leader cleanly", strike: func(c *cluster, l *history.Load) time.Duration { return stopped(c, l, c.leader(3)) }},
	{name: "stop the controller cleanly", strike: func(c *cluster, l *history.Load) time.Duration { return stopped(c, l, c.controller()) }},
	{name: "kill a server of the store", on: zooKeeper, strike: func(c *cluster, l *history.Load) time.Duration {
		return storeKilled(c, l, c.zk.Leader())
	}},
	{name: "kill the store", on: zooKeeper, long: true, strike: func(c *cluster, l *history.Load) time.Duration {
		return storeKilled(c, l, c.zk[:]...)
	}},
	{name: "cut a leader off from all", long: true, strike: func(c *cluster, l *history.Load) time.Duration {
		i := c.leader(4)
		c.net.unplug(i + 1)
		return cutOff(c, l, i, func() { c.net.plug(i + 1) })
	}},
	{name: "cut the controller off from the store", long: true, strike: func(c *cluster, l *history.Load) time.Duration {
		i := c.controller()
		return cutOff(c, l, i, c.net.cut(c.toStore(i)))
	}},
	{name: "cut a leader off one way", long: true, strike: func(c *cluster, l *history.Load) time.Duration {
		i := c.leader(5)
		var ways []way
		for machine := 1; machine <= 2*copies; machine++ {
			if machine != i+1 {
				ways = append(ways, way{from: i + 1, to: machine})
			}
		}
		return cutOff(c, l, i, c.net.cut(ways))
	}},
	{name: "cut a leader off from the brokers", majority: true, strike: func(c *cluster, l *history.Load) time.Duration {
		i := c.leader(0)
		c.tell("cut off from the others", i)
		heal := c.net.cut(c.toBrokers(i))
		l.Mark()
		<-time.After(2 * sessionMs * time.Millisecond) // it is alive for the store, and may not be led around
		heal()
		return l.GoesOn()
	}},
}

// limit is how long producers may pause; 0: not asserted.
func (f *failure) limit() time.Duration {
	switch {
	case f.majority:
		return 0
	case f.long:
		return longestFreeze
	}
	return longestPause
}

// killed kills brokers at the same time, and starts them again: one that was killed alone when the others go on without it.
func killed(c *cluster, l *history.Load, brokers ...int) time.Duration {
	c.t.Helper()
	c.tell("killed", brokers...)
	var all sync.WaitGroup
	var errs [copies]error
	for _, i := range brokers {
		all.Go(func() { errs[i] = c.kill(i) })
	}
	all.Wait()
	l.Mark()
	must(c.t, errors.Join(errs[:]...))
	if len(brokers) == 1 {
		pause := l.GoesOn()
		c.launch(brokers[0])
		return pause
	}
	for _, i := range brokers {
		c.launch(i)
	}
	return l.GoesOn()
}

// frozen stops a broker for longer than its session lasts.
func frozen(c *cluster, l *history.Load, i int) time.Duration {
	c.t.Helper()
	c.tell("frozen", i)
	c.freeze(i)
	l.Mark()
	c.knownWithout(i)
	l.Look() // a process runs on for a moment after the signal
	pause := l.GoesOn()
	c.thaw(i)
	return pause
}

// cutOff follows on a cut that costs a broker its session. The way back is free when the others go on without it.
func cutOff(c *cluster, l *history.Load, i int, heal func()) time.Duration {
	c.t.Helper()
	c.away[i] = true
	l.Mark()
	c.tell("cut off", i)
	c.knownWithout(i)
	l.Look()
	pause := l.GoesOn()
	heal()
	c.away[i] = false
	return pause
}

// storeKilled kills servers of ZooKeeper, all at once, and starts them again: one when the brokers go on without it, all after longer than
// brokers' sessions.
func storeKilled(c *cluster, l *history.Load, servers ...*zookeeper.Server) time.Duration {
	c.t.Helper()
	c.tell("killed a store of " + c.zk.Connect())
	for _, s := range servers {
		must(c.t, s.Kill())
	}
	l.Mark()
	if len(servers) > 1 {
		<-time.After(2 * sessionMs * time.Millisecond)
		l.Look()
	}
	pause := l.GoesOn() // brokers that have no store lead on
	for _, s := range servers {
		must(c.t, s.Launch(c.t.Context()))
	}
	for _, s := range servers {
		must(c.t, s.Await(c.t.Context()))
	}
	return pause
}

// toStore is all between a broker and the store's servers that are not its own.
func (c *cluster) toStore(i int) (ways []way) {
	for j := range copies {
		switch {
		case c.zk != nil:
			ways = append(ways, both(i+1, copies+j+1, storePort)...)
		case j != i:
			ways = append(ways, both(i+1, j+1, controllerPort)...)
		}
	}
	return ways
}

// toBrokers is all between a broker and the others, on the listener of brokers.
func (c *cluster) toBrokers(i int) (ways []way) {
	for j := range copies {
		if j != i {
			ways = append(ways, both(i+1, j+1, brokerPort)...)
		}
	}
	return ways
}

func stopped(c *cluster, l *history.Load, i int) time.Duration {
	c.t.Helper()
	c.tell("stopped", i)
	l.Mark()
	must(c.t, c.stop(i))
	pause := l.GoesOn()
	c.launch(i)
	return pause
}

// chosen is each failure once, then random ones.
func chosen(t *testing.T, store string) (all []*failure) {
	t.Helper()
	var wanted []*failure
	for i := range failures {
		f := &failures[i]
		if !strings.Contains(f.name, *only) || f.on != "" && f.on != store {
			continue
		}
		wanted = append(wanted, f)
		if !f.random || *only != "" {
			all = append(all, f)
		}
	}
	if len(wanted) == 0 {
		t.Fatalf("-only %q: no such failure", *only)
	}
	if *rounds == 0 {
		return all
	}
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("random failures: -seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 0))
	for range *rounds {
		all = append(all, wanted[random.IntN(len(wanted))])
	}
	return all
}

// The stores that brokers keep the cluster's state in.
const etcd, zooKeeper = "etcd", "ZooKeeper"

// TestOnEtcd has the store embedded in the brokers.
func TestOnEtcd(t *testing.T) { chaos(t, etcd) }

// TestOnZooKeeper has it in an ensemble of three servers.
func TestOnZooKeeper(t *testing.T) { chaos(t, zooKeeper) }

// chaos strikes a cluster again and again. Whatever happens: nothing acknowledged is lost, nothing comes twice or out of order, nobody
// reads what is gone later, all replicas come back into sync, and their files are the same in the end.
func chaos(t *testing.T, store string) {
	c := startCluster(t, store == zooKeeper)
	s := startStory(c)
	l := s.load
	measured := pauses{}
	strike := func(f *failure) {
		t.Helper()
		l.Settle()
		c.whole()
		began := time.Now()
		pause := f.strike(c, l)
		measured[f.name] = append(measured[f.name], pause)
		t.Logf("%s: pause %d ms", f.name, pause.Milliseconds())
		if limit := f.limit(); limit > 0 && pause > limit {
			t.Errorf("%s: producers paused for %v", f.name, pause)
		}
		c.whole()
		t.Logf("all in sync %.1f s after it began; %d records acknowledged", time.Since(began).Seconds(), l.Acked())
	}
	for _, f := range chosen(t, store) {
		strike(f)
	}
	l.Settle()
	s.goesOn("at the end")
	s.end(topic)
	t.Logf("%d records acknowledged; pauses of producers:%v", l.Acked(), measured)
}
