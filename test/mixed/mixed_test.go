//go:build mixed

package mixed

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"milena/test/history"
)

const loaded = "loaded"

// blows are what befalls one broker, and how the cluster is told that it is over.
var blows = []struct {
	name   string
	strike func(p *pair, broker int)
	heal   func(p *pair, broker int)
}{
	{"stop", (*pair).stop, (*pair).start},
	{"kill", (*pair).kill, (*pair).start},
	{"freeze", func(p *pair, broker int) {
		p.freeze(broker)
		p.awaitGone(broker)
		p.up[broker] = false // as far as the others can see
	}, func(p *pair, broker int) {
		p.up[broker] = true
		p.thaw(broker)
	}},
}

// TestMixed is the story of a mixed cluster.
func TestMixed(t *testing.T) {
	p := startPair(t)
	p.create(loaded, map[string]string{"segment.bytes": "1048576"}, []int32{1, 2}, []int32{2, 1}, []int32{1, 2}, []int32{2, 1})
	to := &history.Topic{Name: loaded, Partitions: 4, Client: p.client}
	l, along, group := to.Load(t), to.Reader(t), to.Group(t)
	for _, controller := range []int{kafkas, milenas} {
		for _, broker := range []int{kafkas, milenas} {
			for _, b := range blows {
				what := fmt.Sprintf("%s %s under %s", b.name, name(broker), name(controller))
				if b.name == "freeze" && broker != controller || !strings.Contains(what, *only) {
					continue
				}
				p.control(controller)
				p.isr([]string{loaded}, kafkas, milenas)
				l.Settle()
				began := time.Now()
				l.Mark()
				b.strike(p, broker)
				p.isr([]string{loaded}, int32(other(broker)))
				l.Look()
				pause := l.GoesOn()
				b.heal(p, broker)
				p.isr([]string{loaded}, kafkas, milenas)
				t.Logf("%s %s: pause %d ms, in sync again after %.1f s; %d records", began.UTC().Format("15:04:05.000"), what,
					pause.Milliseconds(), time.Since(began).Seconds(), l.Acked())
			}
		}
	}
	l.End()
	p.isr(nil, kafkas, milenas)
	ends := to.Ends(t)
	final := to.Reader(t).Reach(ends)
	read := along.Reach(ends)
	group.Reach(ends)
	history.Verify(t, l, final, read, group)
	p.stop(milenas)
	p.stop(kafkas)
	if n := history.EqualLogs(t, []string{loaded}, p.milena.DataDir(), p.kafka.DataDir()); n < 4 {
		t.Error(fmt.Errorf("%d partitions only", n))
	}
}
