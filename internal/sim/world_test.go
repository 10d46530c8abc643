package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"milena/internal/clusterstore"
	"milena/internal/coord/memcoord"
	"milena/internal/netio/simnet"
	"milena/internal/vfs/memfs"

	"github.com/twmb/franz-go/pkg/kgo"
)

// plan is what a seed decides before anything runs.
type plan struct {
	seed     uint64
	brokers  int
	durable  bool // flush.messages=1: any power cut is allowed
	moving   bool // partitions are reassigned
	crewed   bool // there is a group whose members come and go
	duration time.Duration
}

func planOf(seed uint64, duration time.Duration) plan {
	rng := rand.New(rand.NewPCG(seed, 1))
	p := plan{seed: seed, brokers: 3 + rng.IntN(5)*rng.IntN(2), durable: rng.IntN(4) == 0, duration: duration}
	more := rand.New(rand.NewPCG(seed, 5))
	p.moving, p.crewed = more.IntN(2) == 0, more.IntN(2) == 0 && mutexesLetTimePass
	return p
}

// world is a cluster with its surroundings.
type world struct {
	plan
	t     *testing.T
	start time.Time
	net   *simnet.Network
	store *memcoord.Server
	look  *clusterstore.Store // the checkers' own way to the store
	nodes []*node

	whole atomic.Bool // every ISR was seen whole since what may have left a single copy of a record

	complain func(format string, args ...any) // t's Errorf

	mu       sync.Mutex
	history  strings.Builder
	failures int
	stacks   []byte // see stuck
	clients  int
}

// newWorld starts a cluster.
func newWorld(t *testing.T, p plan) *world {
	w := &world{plan: p, t: t, start: time.Now(), net: simnet.New(), store: memcoord.NewServer(), complain: t.Errorf}
	w.look = clusterstore.New(w.store.Open())
	rng := rand.New(rand.NewPCG(p.seed, 2))
	for id := 1; id <= p.brokers; id++ {
		n := &node{w: w, id: id, fs: memfs.New(), static: map[string]string{
			"node.id": fmt.Sprint(id), "listeners": fmt.Sprintf("PLAINTEXT://%s:9092", hostOf(id)), "log.dirs": "/data",
			"default.replication.factor": "3", "min.insync.replicas": "2",
			"offsets.topic.replication.factor": "3", "offsets.topic.num.partitions": "2",
			"broker.session.timeout.ms": "6000", "replica.lag.time.max.ms": "4000", "log.segment.bytes": "16384",
			"log.segment.delete.delay.ms": "1000", "auto.create.topics.enable": "false", "replica.socket.timeout.ms": "5000",
			"controller.socket.timeout.ms": "5000", "request.timeout.ms": "10000",
		}}
		if p.durable {
			n.static["log.flush.interval.messages"] = "1"
		}
		must(t, n.fs.MkdirAll("/data"))
		must(t, n.fs.SyncDir("/"))
		for other := 1; other < id; other++ {
			w.net.SetDelay(hostOf(id), hostOf(other), time.Duration(rng.IntN(3000))*time.Microsecond)
		}
		w.nodes = append(w.nodes, n)
		n.begin()
	}
	for _, n := range w.nodes {
		n.awaitUp()
	}
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func hostOf(id int) string { return fmt.Sprintf("broker%d", id) }

// say notes something in the history of the run.
func (w *world) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	line := fmt.Sprintf("%10.4f "+format+"\n", append([]any{time.Since(w.start).Seconds()}, args...)...)
	w.history.WriteString(line)
	if *trace {
		fmt.Fprint(os.Stderr, line)
	}
}

// violation notes that a promise was broken: something is lost, doubled, out of order, or goes back.
func (w *world) violation(format string, args ...any) {
	w.t.Helper()
	w.fail("SAFETY: "+format, args...)
}

// stuck notes that what should have happened long ago has not. What all goroutines do at the first such moment is kept.
func (w *world) stuck(format string, args ...any) {
	w.t.Helper()
	w.mu.Lock()
	if w.stacks == nil {
		w.stacks = make([]byte, 16<<20)
		w.stacks = w.stacks[:runtime.Stack(w.stacks, true)]
	}
	w.mu.Unlock()
	w.fail("LIVENESS: "+format, args...)
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	w.say(format, args...)
	w.mu.Lock()
	w.failures++
	many := w.failures > 20
	w.mu.Unlock()
	if !many {
		w.complain("%.3fs: "+format, append([]any{time.Since(w.start).Seconds()}, args...)...)
	}
}

// client is a franz-go client on a host of its own.
func (w *world) client(opts ...kgo.Opt) *kgo.Client {
	c, _ := w.clientOn(opts...)
	return c
}

func (w *world) clientOn(opts ...kgo.Opt) (*kgo.Client, *simnet.Host) {
	w.mu.Lock()
	w.clients++
	host := w.net.Host(fmt.Sprintf("client%d", w.clients))
	w.mu.Unlock()
	var seeds []string
	for _, n := range w.nodes {
		seeds = append(seeds, hostOf(n.id)+":9092")
		w.net.SetDelay(host.Name(), hostOf(n.id), 500*time.Microsecond) // else a client that tries again at once keeps the clock from going on
	}
	c, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(seeds...),
		kgo.Dialer(func(ctx context.Context, _, addr string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
			defer cancel()
			return host.Dial(ctx, addr)
		}),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.DisableClientMetrics(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.MetadataMaxAge(5 * time.Second),
		kgo.RequestTimeoutOverhead(3 * time.Second),
		kgo.ProduceRequestTimeout(5 * time.Second),
		kgo.RetryTimeout(20 * time.Second),
		kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond }),
		kgo.AlwaysRetryEOF(), // a process that dies right after it has accepted a connection
		kgo.ConsiderMissingTopicDeletedAfter(time.Hour),
		kgo.UnknownTopicRetries(-1), // a broker that cannot be reached by the controller starts without knowing of topics
	}, opts...)...)
	must(w.t, err)
	return c, host
}
