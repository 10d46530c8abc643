package sim

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"milena/internal/broker"
	"milena/internal/config"
	"milena/internal/coord/memcoord"
	"milena/internal/vfs/memfs"
)

// node is one machine: its disk outlives its process. Only the scheduler starts and ends processes.
type node struct {
	w      *world
	id     int
	static map[string]string
	log    lines
	fs     *memfs.FS
	link   *memcoord.Client // to the store
	busy   bool             // with a fault that excludes others
	life   *life            // nil while there is no process
}

// life is one process.
type life struct {
	stop    context.CancelFunc
	started chan struct{} // closed when broker or err is known
	broker  *broker.Broker
	err     error
}

// begin starts the broker, in the background.
func (n *node) begin() {
	cfg, _, err := config.FromStatic(n.static)
	must(n.w.t, err)
	n.link = n.w.store.Open()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	l := &life{stop: cancel, started: make(chan struct{})}
	n.life = l
	options := broker.Options{
		Config: cfg, Net: n.w.net.Host(hostOf(n.id)), FS: n.fs, Store: n.link, Logger: slog.New(slog.NewTextHandler(&n.log, nil)),
	}
	_, _ = io.WriteString(&n.log, "--- start\n")
	go func() {
		defer close(l.started)
		defer cancel()
		l.broker, l.err = broker.Start(ctx, options)
		n.w.say("broker %d started: %v", n.id, l.err)
	}()
}

// up tells whether the broker runs and has finished its start.
func (n *node) up() bool {
	if n.life == nil {
		return false
	}
	select {
	case <-n.life.started:
		return n.life.err == nil
	default:
		return false
	}
}

// awaitUp starts the broker until it runs: what keeps it from that must pass.
func (n *node) awaitUp() bool {
	for range 5 {
		if n.life == nil {
			n.begin()
		}
		<-n.life.started
		if n.life.err == nil {
			return true
		}
		n.end()
	}
	n.w.stuck("broker %d does not start:\n%s", n.id, n.log.last(20))
	return false
}

// end takes away what is left of the process.
func (n *node) end() {
	if n.life == nil {
		return
	}
	n.life.stop()
	<-n.life.started
	if b := n.life.broker; b != nil {
		stopped, cancel := context.WithCancel(context.Background())
		cancel()
		_ = b.Stop(stopped)
	}
	n.life = nil
}

// kill ends the process at once; the machine runs on, with all that was written.
func (n *node) kill() {
	n.fs.Stop()
	after := n.fs.Kill()
	n.link.Cut()
	n.w.net.Host(hostOf(n.id)).Kill()
	n.end()
	n.fs = after
}

// powerCut ends the machine: it is silent, and what was not synced may be gone.
func (n *node) powerCut(seed uint64) {
	n.fs.Stop()
	after := n.fs.Crash(seed)
	n.link.Cut()
	host := n.w.net.Host(hostOf(n.id))
	host.SetDown(true)
	host.Kill()
	n.end()
	n.fs = after
}

// power brings a machine back.
func (n *node) power() { n.w.net.Host(hostOf(n.id)).SetDown(false) }

// stop is a clean stop, as SIGTERM asks for.
func (n *node) stop(patience time.Duration) {
	<-n.life.started
	if b := n.life.broker; b != nil {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := b.Stop(ctx); err != nil {
			n.w.say("broker %d stopped: %v", n.id, err)
		}
	}
	n.life = nil
	n.w.net.Host(hostOf(n.id)).Kill()
	n.fs = n.fs.Kill()
}

// lines keeps what a broker logs.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// last gives the last n lines.
func (l *lines) last(n int) string {
	all := strings.Split(l.String(), "\n")
	return strings.Join(all[max(0, len(all)-n):], "\n")
}
