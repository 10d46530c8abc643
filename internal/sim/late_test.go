package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"milena/internal/vfs/memfs"
)

// ongoing are faults that last.
type ongoing []*fault

// fault is one that lasts.
type fault struct {
	until time.Time
	undo  func()
}

func (o *ongoing) add(d time.Duration, undo func()) {
	*o = append(*o, &fault{until: time.Now().Add(d), undo: undo})
}

// undoDue ends the faults whose time is over.
func (o *ongoing) undoDue(now time.Time) {
	slices.SortStableFunc(*o, func(a, b *fault) int { return a.until.Compare(b.until) })
	for len(*o) > 0 && !(*o)[0].until.After(now) {
		f := (*o)[0]
		*o = (*o)[1:]
		f.undo()
	}
}

// lateness draws faults that only make things late, beside those of the scheduler and from numbers of its own: slow disks, a slow store, late
// watches, and connections that overtake each other. They may come upon any broker, whatever else happens to it.
type lateness struct {
	*world
	rng    *rand.Rand
	active ongoing
	next   time.Time
}

// step ends what is over and draws one fault.
func (l *lateness) step() {
	l.active.undoDue(time.Now())
	if len(l.active) < 3 {
		n := l.nodes[l.rng.IntN(len(l.nodes))]
		kinds := []func(*node){l.uneven, l.lateWatches, l.slowStore, l.slowDisk, l.slowDisk}
		kinds[l.rng.IntN(len(kinds))](n)
	}
	l.next = time.Now().Add(l.between(300, 6000))
}

func (l *lateness) between(fromMs, toMs int) time.Duration {
	return time.Duration(fromMs+l.rng.IntN(toMs-fromMs)) * time.Millisecond
}

// times gives a function that draws times up to one that is drawn itself: a little, or much.
func (l *lateness) times() (most time.Duration, draw func() time.Duration) {
	most = l.between(1, 50)
	if l.rng.IntN(3) == 0 {
		most = l.between(50, 3000)
	}
	rng := rand.New(rand.NewPCG(l.seed, l.rng.Uint64()))
	var mu sync.Mutex
	return most, func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return time.Duration(rng.Int64N(int64(most)))
	}
}

// uneven makes connections between a broker and another machine, of a client perhaps, overtake each other.
func (l *lateness) uneven(n *node) {
	hosts := l.hosts()
	a, b := hostOf(n.id), hosts[l.rng.IntN(len(hosts))]
	l.forAWhile(func(by func() time.Duration) { l.net.SetUneven(a, b, by) }, fmt.Sprintf("uneven %s - %s, up to ", a, b),
		fmt.Sprintf("even %s - %s", a, b))
}

// forAWhile sets something late by drawn times, and back again.
func (l *lateness) forAWhile(set func(by func() time.Duration), begins, ends string) {
	most, draw := l.times()
	l.say("%s%v", begins, most)
	set(draw)
	l.active.add(l.between(500, 15_000), func() {
		l.say("%s", ends)
		set(nil)
	})
}

// lateWatches has a broker hear late of what changes in the store.
func (l *lateness) lateWatches(n *node) {
	l.forAWhile(n.link.SetLateWatches, fmt.Sprintf("broker %d: watches are late, up to ", n.id), fmt.Sprintf("broker %d: watches are in time", n.id))
}

// slowStore has a broker's operations on the store take time: others may come in between.
func (l *lateness) slowStore(n *node) {
	l.forAWhile(n.link.SetSlow, fmt.Sprintf("broker %d: the store is slow, each way up to ", n.id), fmt.Sprintf("broker %d: the store is fast", n.id))
}

// slowDisk makes some kind of operation slow, or has all of them stand still until a moment.
func (l *lateness) slowDisk(n *node) {
	if n.busy {
		return
	}
	fs := n.fs
	most, draw := l.times()
	kind := []memfs.OpKind{memfs.OpSync, memfs.OpWrite, memfs.OpRead}[l.rng.IntN(3)]
	lasts := l.between(500, 10_000)
	until, still := time.Now().Add(lasts), time.Time{}
	if l.rng.IntN(3) == 0 {
		still = until
		l.say("broker %d: the disk stands still", n.id)
	} else {
		l.say("broker %d: slow disk, %v up to %v", n.id, kind, most)
	}
	// Another fault of the disk may come in this one's place, so it ends by itself.
	fs.SetFault(func(op memfs.Op) error {
		if d := time.Until(still); d > 0 {
			time.Sleep(d)
		} else if op.Kind == kind && still.IsZero() && time.Now().Before(until) {
			time.Sleep(draw())
		}
		return nil
	})
	l.active.add(lasts, func() { l.say("broker %d: the disk is fast", n.id) })
}
