//go:build chaos

package chaos

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// longestPause is asserted of every failure but the loss of a majority: far more than a quiet machine needs. longestFreeze allows for what
// the client does besides: it asks a frozen broker several times over, and waits for a time-out each time, while it knows of the new leader.
const (
	longestPause  = 10 * time.Second
	longestFreeze = 40 * time.Second
)

// failure is something that befalls the cluster, under load and while all replicas are in sync.
type failure struct {
	name string
	// strike leaves every broker running. It gives the pause.
	strike func(c *cluster, l *load) time.Duration
	// majority: the cluster stands still until the brokers are back; nothing is asserted of the pause.
	majority bool
	// long: it freezes, which takes many seconds.
	long bool
	// random: it is not on the fixed list, which has one of its kind.
	random bool
}

var failures = []failure{
	{name: "kill a leader", strike: func(c *cluster, l *load) time.Duration { return killed(c, l, c.leader(0)) }},
	{name: "kill a follower", strike: func(c *cluster, l *load) time.Duration { return killed(c, l, (c.leader(0)+1)%copies) }},
	{name: "kill the controller", strike: func(c *cluster, l *load) time.Duration {
		at := c.controller()
		c.leadStore((at + 1) % copies)
		return killed(c, l, at)
	}},
	{name: "kill the store's leader", strike: func(c *cluster, l *load) time.Duration {
		c.leadStore((c.controller() + 1) % copies)
		return killed(c, l, c.storeLeader())
	}},
	{name: "kill controller and store's", strike: func(c *cluster, l *load) time.Duration {
		at := c.controller()
		c.leadStore(at)
		return killed(c, l, at)
	}},
	{name: "kill two", majority: true, strike: func(c *cluster, l *load) time.Duration {
		at := c.leader(1)
		return killed(c, l, at, (at+1)%copies)
	}},
	{name: "kill all", majority: true, strike: func(c *cluster, l *load) time.Duration { return killed(c, l, 0, 1, 2) }},
	{name: "freeze a leader", long: true, strike: func(c *cluster, l *load) time.Duration { return frozen(c, l, c.leader(2)) }},
	{name: "freeze the controller", long: true, random: true, strike: func(c *cluster, l *load) time.Duration {
		return frozen(c, l, c.controller())
	}},
	{name: "stop a leader cleanly", strike: func(c *cluster, l *load) time.Duration { return stopped(c, l, c.leader(3)) }},
	{name: "stop the controller cleanly", strike: func(c *cluster, l *load) time.Duration { return stopped(c, l, c.controller()) }},
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
func killed(c *cluster, l *load, brokers ...int) time.Duration {
	c.t.Helper()
	c.tell("killed", brokers...)
	var all sync.WaitGroup
	var errs [copies]error
	for _, i := range brokers {
		all.Go(func() { errs[i] = c.kill(i) })
	}
	all.Wait()
	l.mark()
	must(c.t, errors.Join(errs[:]...))
	if len(brokers) == 1 {
		pause := l.goesOn()
		c.launch(brokers[0])
		return pause
	}
	for _, i := range brokers {
		c.launch(i)
	}
	return l.goesOn()
}

// frozen stops a broker for longer than its session lasts.
func frozen(c *cluster, l *load, i int) time.Duration {
	c.t.Helper()
	c.tell("frozen", i)
	c.freeze(i)
	l.mark()
	c.knownWithout(i)
	l.look() // a process runs on for a moment after the signal
	pause := l.goesOn()
	c.thaw(i)
	return pause
}

func stopped(c *cluster, l *load, i int) time.Duration {
	c.t.Helper()
	c.tell("stopped", i)
	l.mark()
	must(c.t, c.stop(i))
	pause := l.goesOn()
	c.launch(i)
	return pause
}

// chosen is each failure once, then random ones.
func chosen(t *testing.T) (all []*failure) {
	t.Helper()
	var wanted []*failure
	for i := range failures {
		f := &failures[i]
		if !strings.Contains(f.name, *only) {
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

// TestChaos strikes a cluster again and again. Whatever happens: nothing acknowledged is lost, nothing comes twice or out of order, nobody
// reads what is gone later, all replicas come back into sync, and their files are the same in the end.
func TestChaos(t *testing.T) {
	c := startCluster(t)
	c.createTopic()
	l, along, members := startLoad(t, c), startReader(t, c), startGroup(t, c)
	measured := pauses{}
	strike := func(f *failure) {
		t.Helper()
		l.mark()
		l.goesOn()
		c.whole()
		began := time.Now()
		pause := f.strike(c, l)
		measured[f.name] = append(measured[f.name], pause)
		t.Logf("%s: pause %d ms", f.name, pause.Milliseconds())
		if limit := f.limit(); limit > 0 && pause > limit {
			t.Errorf("%s: producers paused for %v", f.name, pause)
		}
		c.whole()
		t.Logf("all in sync %.1f s after it began; %d records acknowledged", time.Since(began).Seconds(), l.acked.Load())
	}
	for _, f := range chosen(t) {
		strike(f)
	}
	l.mark()
	l.goesOn()
	l.end()
	c.whole()
	ends := endOffsets(t, c)
	final := startReader(t, c).reach(ends)
	read := along.reach(ends)
	members.reach(ends)
	verify(t, l, final, read, members)
	t.Logf("%d records acknowledged; pauses of producers:%v", l.acked.Load(), measured)
	c.stopAll()
	equalLogs(t, c)
}
