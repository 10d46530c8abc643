package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"milena/internal/api"
	"milena/internal/config"
	"milena/internal/metrics"
	"milena/internal/netio"
)

// defaultMaxInFlight is how many requests of one connection may be under way. A client of Kafka rarely has more than five.
const defaultMaxInFlight = 64

// Options is what a server is made of.
type Options struct {
	Net       netio.Net
	Listeners []config.Listener // those served to clients and brokers
	Table     []api.Row
	Config    *config.Live
	Logger    *slog.Logger
	Metrics   *metrics.Metrics // may be nil
	// Fits tells whether the process can have so many connections, and makes what room they need; nil: any number. It is asked before one is taken
	// in, and told when one has gone.
	Fits func(connections int) bool
	// MaxInFlight bounds the requests of one connection that are under way; 0 is 64.
	MaxInFlight int
}

// Server serves Kafka's protocol on its listeners.
type Server struct {
	opts     Options
	dispatch *api.Dispatch
	buffers  buffers
	senders  sync.Pool // *sender
	complain complaints
	quota    *quota
	handling *budget // requests being handled
	queued   *budget // their bytes; nil without a limit
	tick     atomic.Int64

	mu        sync.Mutex
	listeners []*listener
	conns     map[*conn]struct{}
	stopping  bool
	stop      chan struct{}  // closed by Stop
	running   sync.WaitGroup // accept loops, connections, the idle scan
}

// New makes a server; Start has it listen.
func New(opts Options) *Server {
	if opts.MaxInFlight <= 0 {
		opts.MaxInFlight = defaultMaxInFlight
	}
	if opts.Fits == nil {
		opts.Fits = func(int) bool { return true }
	}
	if opts.Metrics == nil {
		opts.Metrics = metrics.New()
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	cfg := opts.Config.Broker()
	s := &Server{opts: opts, dispatch: api.NewDispatch(opts.Table), conns: map[*conn]struct{}{}, stop: make(chan struct{})}
	s.complain.logger = opts.Logger
	s.quota = newQuota(opts.Config, opts.Fits)
	if cfg.QueuedMaxRequests > 0 {
		s.handling = newBudget(int64(cfg.QueuedMaxRequests + cfg.NumIOThreads))
	}
	if cfg.QueuedMaxRequestBytes > 0 {
		s.queued = newBudget(cfg.QueuedMaxRequestBytes)
	}
	return s
}

// Start listens on every listener; it returns when clients can connect. ctx bounds the start alone.
func (s *Server) Start(ctx context.Context) error {
	for _, l := range s.opts.Listeners {
		if err := s.listen(ctx, l); err != nil {
			s.mu.Lock()
			s.closeListeners()
			s.mu.Unlock()
			return err
		}
	}
	s.tick.Store(time.Now().UnixMilli())
	s.running.Go(s.watchIdle)
	for _, l := range s.listeners {
		s.running.Go(l.accept)
	}
	return nil
}

func (s *Server) listen(ctx context.Context, l config.Listener) error {
	if l.Protocol != "PLAINTEXT" && l.Protocol != "" {
		return fmt.Errorf("listener %s: security protocol %s is not supported by this release; PLAINTEXT is", l.Name, l.Protocol)
	}
	address := net.JoinHostPort(l.Host, strconv.Itoa(l.Port))
	socket, err := s.opts.Net.Listen(ctx, address)
	if err != nil {
		return fmt.Errorf("listener %s cannot listen on %s: %w", l.Name, address, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, &listener{server: s, config: l, socket: socket, metrics: s.opts.Metrics.Listener(l.Name)})
	return nil
}

// Addr is the address a listener has, nil where there is none of that name. With port 0 in the configuration it tells the port.
func (s *Server) Addr(listener string) net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		if l.config.Name == listener {
			return l.socket.Addr()
		}
	}
	return nil
}

// Connections is how many connections are open.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Stop closes the listeners, begins no request any more, and lets the answers under way go out until ctx is done; waits that a client can
// repeat (long polls) are cut at once. Then every connection is closed. The error is ctx's if it cut something off.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	if s.stopping {
		s.mu.Unlock()
		return nil
	}
	s.stopping = true
	close(s.stop)
	s.closeListeners()
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	s.quota.close()
	for _, c := range conns {
		c.drain()
	}
	stopped := make(chan struct{})
	go func() {
		s.running.Wait()
		close(stopped)
	}()
	select {
	case <-stopped:
		return nil
	case <-ctx.Done():
	}
	for _, c := range conns {
		c.close(errStopped)
	}
	return ctx.Err()
}

// errStopped closes connections when the broker stops.
var errStopped = errors.New("the broker stops")

// closeListeners runs under mu.
func (s *Server) closeListeners() {
	for _, l := range s.listeners {
		_ = l.socket.Close()
	}
}

// add registers a connection; false where the server stops.
func (s *Server) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.conns[c] = struct{}{}
	s.running.Go(c.run)
	return true
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	c.listener.metrics.Connections.Add(-1)
	c.listener.metrics.Closed.Inc()
	s.quota.leave(c.address)
}
