//go:build oracle

package zkcoord

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"testing"

	"milena/internal/coord"
	"milena/internal/coord/coordtest"
	"milena/test/zookeeper"
)

// Loopback ports: servers from firstPort on (an ensemble's use those 100 and 200 above, too), what stands between a client and them from
// proxyPort on.
const firstPort, proxyPort = 27000, 27400

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// single is the ZooKeeper that most tests share, each below a chroot of its own.
var single = &zookeeper.Server{Port: firstPort}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "milena-zookeeper")
	code := 1
	if err == nil {
		single.Dir, single.Flags = dir, []string{"-Djute.maxbuffer=4194304"}
		if err = single.Start(context.Background()); err == nil {
			code = m.Run()
		}
		_ = single.Kill()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// newChroot keeps tests apart.
func newChroot() string { return fmt.Sprintf("/test/%d", rand.Int64()) }

// open opens a store that the test closes.
func open(t *testing.T, options Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), options)
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// expire has the server end a session: it is asked to by the session's own connection, behind the back of the client, which then learns
// it as it learns any expiry.
func expire(t *testing.T, s coord.Session) {
	t.Helper()
	l := s.(*session).link
	l.mu.Lock()
	w := l.wire
	l.mu.Unlock()
	frame := binary.BigEndian.AppendUint32(nil, 8)
	frame = binary.BigEndian.AppendUint32(frame, 1<<30)
	code := int32(opCloseSession)
	frame = binary.BigEndian.AppendUint32(frame, uint32(code))
	_, err := w.Conn.Write(frame)
	must(t, err)
}

func contract(t *testing.T, servers []string) {
	coordtest.Run(t, func(t *testing.T) coordtest.Fixture {
		chroot := newChroot()
		var mu sync.Mutex
		proxies := make(map[coord.Store][]*proxy)
		return coordtest.Fixture{
			Open: func(t *testing.T) coord.Store {
				var through []string
				var own []*proxy
				for _, server := range servers {
					p := newProxy(t, server)
					own = append(own, p)
					through = append(through, p.address())
				}
				s, err := Open(t.Context(), Options{Servers: through, Chroot: chroot, MaxRequestBytes: 4 << 20})
				must(t, err)
				mu.Lock()
				defer mu.Unlock()
				proxies[s] = own
				return s
			},
			Expire: expire,
			Cut: func(_ *testing.T, s coord.Store) {
				for _, p := range proxies[s] {
					p.cut()
				}
			},
			Restore: func(_ *testing.T, s coord.Store) {
				for _, p := range proxies[s] {
					p.restore()
				}
			},
			ShortestSessionMs: 3000,
		}
	})
}

func TestContractSingle(t *testing.T) { contract(t, []string{single.Address()}) }

// proxy stands between a client and a server, and can break what goes through it.
type proxy struct {
	target   string
	listener net.Listener

	mu     sync.Mutex
	broken bool
	conns  []net.Conn
}

var nextProxy struct {
	sync.Mutex
	port int
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	nextProxy.Lock()
	defer nextProxy.Unlock()
	for range 500 {
		nextProxy.port = (nextProxy.port + 1) % 500
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", proxyPort+nextProxy.port))
		if err != nil {
			continue
		}
		p := &proxy{target: target, listener: l}
		t.Cleanup(func() { _ = l.Close(); p.cut() })
		go p.run()
		return p
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
		s, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = c.Close()
			continue
		}
		p.mu.Lock()
		if p.broken {
			_ = c.Close()
			_ = s.Close()
		} else {
			p.conns = append(p.conns, c, s)
		}
		p.mu.Unlock()
		go pass(c, s)
		go pass(s, c)
	}
}

func pass(to, from net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if _, writeErr := to.Write(buf[:n]); err != nil || writeErr != nil {
			_ = to.Close()
			_ = from.Close()
			return
		}
	}
}

// cut breaks all connections, and each new one, until restore.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = true
	for _, c := range slices.Backward(p.conns) {
		_ = c.Close()
	}
	p.conns = nil
}

func (p *proxy) restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = false
}
