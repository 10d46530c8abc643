package sim

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

var (
	oneSeed  = flag.Uint64("seed", 0, "run this seed alone")
	longRun  = flag.Duration("for", 0, "run random seeds for this time")
	lasting  = flag.Duration("faults", time.Minute, "how long faults go on in a run, in virtual time")
	trace    = flag.Bool("trace", false, "show the history while it happens")
	historyD = flag.String("history", "", "directory for the histories of runs that failed (default: the system's for temporary files)")
)

// regressions are seeds that once broke a promise.
var regressions = []uint64{
	563149163, 741398170, 3751911480, 1946865873, 2882582710, 3174588964, 3277306529, 4285929625,
	4041, 4043, 2961333001, 1967166892, 1074694410, 2119882816, 1185251253, 538619753,
	4079728002,
}

// TestSim runs clusters under faults. A seed decides the faults and when they come; what the scheduler of goroutines decides is not in it, so
// a seed that failed may have to run some times to fail again.
func TestSim(t *testing.T) {
	switch {
	case *oneSeed != 0:
		simulate(t, planOf(*oneSeed, *lasting))
	case *longRun != 0:
		for end := time.Now().Add(*longRun); time.Now().Before(end) && !t.Failed(); {
			seed := rand.Uint64() >> 32
			fmt.Fprintln(os.Stderr, "seed", seed) // before, for a run that does not end
			t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { simulate(t, planOf(seed, *lasting)) })
		}
	default:
		for _, seed := range append([]uint64{1, 2}, regressions...) {
			t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { simulate(t, planOf(seed, *lasting)) })
		}
	}
}

// simulate is one run: start, faults under load, calm, checks.
func simulate(t *testing.T, p plan) {
	var w *world
	letTimePass(t)
	began := time.Now()
	defer func() {
		if t.Failed() && w != nil {
			w.explain()
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		w = newWorld(t, p)
		defer func() {
			for _, n := range w.nodes {
				n.end()
			}
		}()
		w.live()
	})
	t.Logf("%d brokers, all synced %v: %v of real time", p.brokers, p.durable, time.Since(began).Round(time.Millisecond))
}

func (w *world) live() {
	w.createTopic()
	working, stop := context.WithCancel(context.Background())
	defer stop()
	var writing, reading sync.WaitGroup
	var producers []*producer
	for i := range 3 {
		p := &producer{w: w, name: i, acked: map[int32]map[int]int64{}}
		for n := range int32(partitions) {
			p.acked[n] = map[int]int64{}
		}
		producers = append(producers, p)
		writing.Go(func() { p.run(working) })
	}
	consumers := make([]*seen, 2)
	watching, blink := context.WithCancel(context.Background())
	defer blink()
	for i := range consumers {
		reading.Go(func() { consumers[i] = w.consume(watching, fmt.Sprint("consumer ", i), nil) })
	}
	m := &member{w: w, committed: map[int32]int64{}}
	reading.Go(func() { m.run(watching) })
	var shown map[int32]int64
	reading.Go(func() { shown = w.observe(watching) })
	var exists map[string]*bool
	writing.Go(func() { exists = w.churn(working) })
	moves := &moves{world: w}
	if w.moving {
		writing.Go(func() { moves.run(working) })
	}
	crew := newCrew(w)
	if w.crewed {
		reading.Go(func() { crew.run(working, watching) })
	}

	(&scheduler{world: w, rng: rand.New(rand.NewPCG(w.seed, 3))}).run()
	for _, n := range w.nodes {
		n.awaitUp()
	}
	stop()
	writing.Wait()
	w.say("all is written")
	w.settle()
	w.say("settled")
	if w.crewed {
		crew.finish()
	}
	time.Sleep(5 * time.Second) // readers catch up, files of deleted topics go
	blink()
	reading.Wait()
	w.checkRecords(producers, shown, consumers)
	w.checkGroup(m)
	w.checkReplicas()
	w.checkTopics(exists)
	w.checkMoves(moves)
}

func (w *world) createTopic() {
	c := w.client()
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := kadm.NewClient(c).CreateTopic(ctx, partitions, 3, nil, topicName)
	must(w.t, err)
}

// explain tells how to run the seed again, and writes down what happened.
func (w *world) explain() {
	dir := *historyD
	if dir == "" {
		dir = os.TempDir()
	}
	path := filepath.Join(dir, fmt.Sprintf("sim-%d", w.seed))
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = os.WriteFile(path+".history", []byte(w.history.String()), 0o644)
	if w.stacks != nil {
		_ = os.WriteFile(path+".stacks", w.stacks, 0o644)
	}
	for _, n := range w.nodes {
		_ = os.WriteFile(fmt.Sprintf("%s.broker%d", path, n.id), []byte(n.log.String()), 0o644)
	}
	w.t.Logf("again: go test -tags synctests -ldflags=-checklinkname=0 ./internal/sim -run TestSim -count=1 -seed %d -faults %v\nhistory: %s.history; what the brokers said beside it",
		w.seed, w.duration, path)
}
