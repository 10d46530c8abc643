// Package simnet is a network in memory for tests: hosts by name, which listen and dial as over TCP, and links between them
// with delays and faults. It has no real input or output and no sleeping beyond package time, so goroutines that wait in it
// are durably blocked for testing/synctest, and a cluster over it runs under virtual time.
//
// A link is one direction from a host to another. Cut holds what is under way until Heal, as TCP does by sending again; Drop
// loses it, so the connections concerned are broken. Reset breaks connections at once. SetUneven lets connections overtake each other.
//
// The package imports netio. Network.mu guards everything, connections included; it is held briefly and never while waiting.
package simnet

import (
	"context"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"milena/internal/netio"
)

const (
	// DefaultBufferBytes is how much a connection holds in one direction, under way and unread, before a writer waits.
	DefaultBufferBytes = 256 << 10
	// connectTimeout is how long a dial waits for an answer, as Linux does with six attempts.
	connectTimeout = 127 * time.Second
	// backlog is how many connections wait to be accepted.
	backlog            = 4096
	firstEphemeralPort = 32768
	lastPort           = 65535
)

// Network is a set of hosts.
type Network struct {
	mu          sync.Mutex
	hosts       map[string]*Host
	links       map[link]*condition
	conns       map[*conn]struct{}
	changed     chan struct{} // closed and replaced when a link changes
	bufferBytes int
}

// link is a direction between two hosts.
type link struct{ from, to string }

type condition struct {
	delay  time.Duration
	uneven func() time.Duration // nil: all connections are equally fast
	cut    bool
	losing bool
}

// New makes a network without hosts, delays and faults.
func New() *Network {
	return &Network{
		hosts:       make(map[string]*Host),
		links:       make(map[link]*condition),
		conns:       make(map[*conn]struct{}),
		changed:     make(chan struct{}),
		bufferBytes: DefaultBufferBytes,
	}
}

// SetBuffer sets what each direction of connections made from now on holds, in bytes.
func (n *Network) SetBuffer(bytes int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.bufferBytes = bytes
}

// Host finds a host, or adds it. Its name is what others dial.
func (n *Network) Host(name string) *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hosts[name]
	if h == nil {
		h = &Host{network: n, name: name, listeners: make(map[int]*listener), nextPort: firstEphemeralPort}
		n.hosts[name] = h
	}
	return h
}

// Conns counts the connections of which at least one end is open.
func (n *Network) Conns() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	pairs := make(map[*conn]struct{})
	for c := range n.conns {
		if _, counted := pairs[c.peer]; !counted {
			pairs[c] = struct{}{}
		}
	}
	return len(pairs)
}

// Addr is the address of one end. Its Network is "tcp".
type Addr struct {
	Host string
	Port int
}

// Network says "tcp".
func (Addr) Network() string { return "tcp" }

func (a Addr) String() string { return net.JoinHostPort(a.Host, strconv.Itoa(a.Port)) }

// Host is one machine: the netio.Net that the programs on it use.
type Host struct {
	network   *Network
	name      string
	listeners map[int]*listener
	nextPort  int
	down      bool
}

var _ netio.Net = (*Host)(nil)

// Name is the host's name.
func (h *Host) Name() string { return h.name }

func isWildcard(host string) bool { return host == "" || host == "0.0.0.0" || host == "::" }

func isLoopback(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

func splitAddress(address string) (Addr, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return Addr{}, err
	}
	port, err := strconv.Atoi(portText)
	if err != nil || port < 0 || port > lastPort {
		return Addr{}, &net.AddrError{Err: "invalid port", Addr: address}
	}
	return Addr{host, port}, nil
}

// Listen listens on the host's own name, on all addresses ("", "0.0.0.0", "::"), or on a loopback name, on which the host
// alone can reach it. Port 0 takes a free one.
func (h *Host) Listen(_ context.Context, address string) (net.Listener, error) {
	addr, err := splitAddress(address)
	if err == nil && addr.Host != h.name && !isWildcard(addr.Host) && !isLoopback(addr.Host) {
		err = syscall.EADDRNOTAVAIL
	}
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: addr, Err: err}
	}
	h.network.mu.Lock()
	defer h.network.mu.Unlock()
	if addr.Port == 0 {
		addr.Port = h.freePort()
	}
	if h.listeners[addr.Port] != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: addr, Err: syscall.EADDRINUSE}
	}
	l := &listener{
		host:         h,
		loopbackOnly: isLoopback(addr.Host),
		queue:        make(chan *conn, backlog),
		done:         make(chan struct{}),
	}
	if isWildcard(addr.Host) {
		addr.Host = h.name
	}
	l.addr = addr
	h.listeners[addr.Port] = l
	return l, nil
}

// freePort needs the mutex. Ports of connections are not kept apart: only their peers tell them.
func (h *Host) freePort() int {
	for {
		port := h.nextPort
		if h.nextPort++; h.nextPort > lastPort {
			h.nextPort = firstEphemeralPort
		}
		if h.listeners[port] == nil {
			return port
		}
	}
}

type listener struct {
	host         *Host
	addr         Addr
	loopbackOnly bool
	queue        chan *conn
	done         chan struct{}
	closed       bool // guarded by the network's mutex, as sending to queue is
}

func (l *listener) Addr() net.Addr { return l.addr }

func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
	default:
		select {
		case c := <-l.queue:
			return c, nil
		case <-l.done:
		}
	}
	return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.addr, Err: net.ErrClosed}
}

// Close refuses new connections, and resets those not accepted.
func (l *listener) Close() error {
	l.host.network.mu.Lock()
	defer l.host.network.mu.Unlock()
	if l.closed {
		return &net.OpError{Op: "close", Net: "tcp", Addr: l.addr, Err: net.ErrClosed}
	}
	l.closeLocked()
	return nil
}

func (l *listener) closeLocked() {
	l.closed = true
	close(l.done)
	delete(l.host.listeners, l.addr.Port)
	for {
		select {
		case c := <-l.queue:
			c.abort()
		default:
			return
		}
	}
}

// unknownHost is what a resolver says.
func unknownHost(name string) error {
	return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}
