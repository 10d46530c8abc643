package etcdcoord

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"milena/internal/coord"
	"milena/internal/coord/coordtest"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
)

// Loopback ports for the etcd that plays the external one, for what stands between it and a client, and for members.
const firstPort, lastPort = 21000, 21999

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func start(t testing.TB, dir string) *Embedded {
	t.Helper()
	e, err := StartEmbedded(context.Background(), EmbeddedOptions{Dir: dir})
	must(t, err)
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func TestContractEmbedded(t *testing.T) {
	e := start(t, t.TempDir())
	fixtures := 0
	coordtest.Run(t, func(*testing.T) coordtest.Fixture {
		fixtures++
		set := e.set
		set.prefix = fmt.Sprintf("/test%d", fixtures)
		return coordtest.Fixture{
			Open: func(t *testing.T) coord.Store {
				s, err := e.open(t.Context(), set)
				must(t, err)
				return s
			},
			Expire: func(t *testing.T, s coord.Session) {
				_, err := e.client.Revoke(t.Context(), clientv3.LeaseID(s.ID()))
				must(t, err)
			},
			ShortestSessionMs: 3000,
		}
	})
}

func TestContractExternal(t *testing.T) {
	address := external(t)
	fixtures := 0
	coordtest.Run(t, func(*testing.T) coordtest.Fixture {
		fixtures++
		prefix := fmt.Sprintf("/test%d/milena", fixtures)
		proxies := make(map[coord.Store]*proxy)
		return coordtest.Fixture{
			Open: func(t *testing.T) coord.Store {
				p := newProxy(t, address)
				s, err := Open(t.Context(), Options{Endpoints: []string{p.address()}, Prefix: prefix})
				must(t, err)
				proxies[s] = p
				return s
			},
			Expire: func(t *testing.T, s coord.Session) {
				_, err := s.(*session).store.client.Revoke(t.Context(), clientv3.LeaseID(s.ID()))
				must(t, err)
			},
			Cut:               func(_ *testing.T, s coord.Store) { proxies[s].stall() },
			Restore:           func(_ *testing.T, s coord.Store) { proxies[s].restore() },
			ShortestSessionMs: 3000,
		}
	})
}

// external starts an etcd as one finds it: on a port, with etcd's own limit of operations.
func external(t *testing.T) string {
	t.Helper()
	return externalWith(t, "http://", func(*embed.Config) {})
}

// securedExternal is one that speaks TLS and asks for certificates.
func securedExternal(t *testing.T, keystore, truststore string) string {
	t.Helper()
	return externalWith(t, "https://", func(c *embed.Config) {
		c.ClientTLSInfo = transport.TLSInfo{CertFile: keystore, KeyFile: keystore, TrustedCAFile: truststore, ClientCertAuth: true}
	})
}

func externalWith(t *testing.T, scheme string, adjust func(*embed.Config)) string {
	t.Helper()
	for port := firstPort; port <= lastPort; port++ {
		address := fmt.Sprintf("127.0.0.1:%d", port)
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		must(t, l.Close())
		config, err := embeddedConfig(t.TempDir(), nil, nil, zapLogger(slog.New(slog.DiscardHandler), slog.LevelInfo))
		must(t, err)
		clients, err := url.Parse(scheme + address)
		must(t, err)
		config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{*clients}, []url.URL{*clients}
		config.MaxTxnOps, config.MaxRequestBytes = embed.DefaultMaxTxnOps, embed.DefaultMaxRequestBytes
		config.UnsafeNoFsync = true // its durability is not what is tried
		adjust(config)
		etcd, err := embed.StartEtcd(config)
		if err != nil {
			continue
		}
		t.Cleanup(etcd.Close)
		<-etcd.Server.ReadyNotify()
		return address
	}
	t.Fatal("no free port")
	return ""
}

// proxy stands between a client and etcd, and can hold what goes through it, or break it.
type proxy struct {
	target   string
	listener net.Listener

	mu     sync.Mutex
	flows  chan struct{} // closed while bytes go through
	broken atomic.Bool
	conns  map[net.Conn]struct{}

	opened          atomic.Int64 // connections so far
	asked, answered atomic.Int64 // bytes so far
}

func newProxy(t testing.TB, target string) *proxy {
	t.Helper()
	l := listen(t)
	p := &proxy{target: target, listener: l, flows: make(chan struct{}), conns: make(map[net.Conn]struct{})}
	close(p.flows)
	t.Cleanup(func() { _ = l.Close(); p.restore(); p.hangUp() })
	go p.run()
	return p
}

// listen takes a free port of the tests' own range. Processes begin at different ones, so that none takes the port of another's member
// that is down for a moment.
func listen(t testing.TB) net.Listener {
	t.Helper()
	const ports = lastPort - firstPort + 1
	for i := range ports {
		port := lastPort - (os.Getpid()*20+i)%ports
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return l
		}
	}
	t.Fatal("no free port")
	return nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) run() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		if p.broken.Load() {
			_ = c.Close()
			continue
		}
		s, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = c.Close()
			continue
		}
		p.mu.Lock()
		p.conns[c], p.conns[s] = struct{}{}, struct{}{}
		p.mu.Unlock()
		p.opened.Add(1)
		go p.copy(c, s, &p.answered)
		go p.copy(s, c, &p.asked)
	}
}

func (p *proxy) copy(to, from net.Conn, count *atomic.Int64) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		count.Add(int64(n))
		p.mu.Lock()
		flows := p.flows
		p.mu.Unlock()
		<-flows
		if _, writeErr := to.Write(buf[:n]); err != nil || writeErr != nil {
			_ = to.Close()
			_ = from.Close()
			return
		}
	}
}

// stall holds all bytes.
func (p *proxy) stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flows = make(chan struct{})
}

// hangUp closes all connections.
func (p *proxy) hangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

func (p *proxy) restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken.Store(false)
	select {
	case <-p.flows:
	default:
		close(p.flows)
	}
}

// TestCompactedAway cuts a client off for so long that etcd has forgotten what it missed.
func TestCompactedAway(t *testing.T) {
	address := external(t)
	p := newProxy(t, address)
	s, err := Open(t.Context(), Options{Endpoints: []string{p.address()}})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	other, err := Open(t.Context(), Options{Endpoints: []string{"http://" + address}})
	must(t, err)
	defer func() { must(t, other.Close()) }()
	w, err := s.Watch("/n", coord.WatchNode)
	must(t, err)
	p.broken.Store(true)
	p.hangUp()
	for _, data := range []string{"a", "b"} {
		_, err := other.Create(t.Context(), coord.Create{Path: "/n", Data: []byte(data)})
		must(t, err)
		must(t, other.Delete(t.Context(), "/n", 0))
	}
	now, err := other.revision(t.Context())
	must(t, err)
	_, err = other.client.Compact(t.Context(), now)
	must(t, err)
	p.restore()
	<-w.C() // else the test's own time-out
	_, err = other.Create(t.Context(), coord.Create{Path: "/n"})
	must(t, err)
	<-w.C()
	if _, err := s.Get(t.Context(), "/n"); err != nil {
		t.Error(err)
	}
}

func TestExternalLimits(t *testing.T) {
	s, err := Open(t.Context(), Options{Endpoints: []string{external(t)}})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	var ops []coord.Op
	for i := range 300 {
		ops = append(ops, coord.Create{Path: fmt.Sprintf("/n%d", i)})
	}
	if _, err := s.Multi(t.Context(), ops...); !errors.Is(err, coord.ErrTooLarge) {
		t.Errorf("300 operations: %v", err)
	}
	_, err = s.Create(t.Context(), coord.Create{Path: "/big", Data: make([]byte, 2<<20)})
	if !errors.Is(err, coord.ErrTooLarge) {
		t.Errorf("2 MB: %v", err)
	}
	if names, err := s.Children(t.Context(), "/"); len(names) != 0 || err != nil {
		t.Errorf("%v, %v", names, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, options := range []Options{{}, {Endpoints: []string{"127.0.0.1:1"}, Prefix: "/x/"}} {
		if _, err := Open(t.Context(), options); err == nil {
			t.Errorf("%+v", options)
		}
	}
	_, err := Open(t.Context(), Options{Endpoints: []string{"127.0.0.1:1"}, RequestTimeout: 200_000_000})
	if !errors.Is(err, coord.ErrUnavailable) {
		t.Errorf("nobody there: %v", err)
	}
}

// TestRefusedIsNoBusyLoop: while nobody answers, a session's attempts are few.
func TestRefusedIsNoBusyLoop(t *testing.T) {
	p := newProxy(t, external(t))
	s, err := Open(t.Context(), Options{Endpoints: []string{p.address()}})
	must(t, err)
	defer func() { _ = s.Close() }()
	attempts := new(atomic.Int64)
	inner := s.renew
	s.renew = func(ctx context.Context, lease clientv3.LeaseID) (int64, error) {
		attempts.Add(1)
		return inner(ctx, lease)
	}
	session, err := s.NewSession(t.Context(), 2000)
	must(t, err)
	must(t, p.listener.Close())
	p.hangUp()
	<-session.Expired()
	if n := attempts.Load(); n < 3 || n > 40 {
		t.Errorf("%d attempts in 2 s", n)
	}
}
