package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"milena/internal/api"
	"milena/internal/wire"
)

var errIdle = errors.New("the connection was idle for connections.max.idle.ms")

// conn is one connection.
type conn struct {
	server     *Server
	listener   *listener
	socket     net.Conn
	address    string // the remote host, for the quota
	client     api.Client
	clientID   string // of the last request; written by the reader under mu
	reader     frameReader
	lastUsedMs atomic.Int64

	mu       sync.Mutex
	changed  sync.Cond  // signalled when a call is settled or the connection closed
	pending  []*call    // begun and not yet handed to the output, oldest first
	out      []outgoing // answered and not yet written
	outBytes int
	reading  bool // the reader is between two reads: it will write the output before it waits
	writing  bool // someone writes
	draining bool // the server stops: the connection is closed when it is idle
	dropping bool // a call will close the connection in its turn
	begun    bool // a request has been
	closed   bool
}

// frameReader cuts requests from a connection.
type frameReader interface {
	// next waits for a whole request, without its size. io.EOF where the client has closed between requests.
	next() (frame, error)
	// ready tells whether next will not wait.
	ready() bool
	// close gives buffers back; no next after that.
	close()
}

// frame is one request's bytes, in a buffer that is held for it.
type frame struct {
	body []byte
	buf  *buffer
}

func newConn(l *listener, socket net.Conn, address string) *conn {
	c := &conn{server: l.server, listener: l, socket: socket, address: address}
	c.changed.L = &c.mu
	c.client = api.Client{
		Listener: l.config.Name, ListenerHost: l.config.Host,
		Local: socket.LocalAddr(), Remote: socket.RemoteAddr(), Principal: "User:ANONYMOUS",
	}
	c.reader = newReader(c)
	c.used()
	return c
}

// used notes the time, as coarse as the idle scan's clock.
func (c *conn) used() { c.lastUsedMs.Store(c.server.tick.Load()) }

// run reads and begins requests until the connection ends.
func (c *conn) run() {
	defer c.server.remove(c)
	defer c.reader.close()
	for {
		if !c.reader.ready() && !c.flush() {
			return
		}
		f, err := c.reader.next()
		if err != nil {
			c.flush() // what was answered before something malformed
			c.close(err)
			return
		}
		c.used()
		if !c.request(f) {
			return
		}
	}
}

// request begins one request; false where the connection is over.
func (c *conn) request(f frame) bool {
	s := c.server
	header, body, err := wire.ParseRequestHeader(f.body, c.clientID)
	if err != nil {
		c.server.buffers.release(f.buf)
		c.flush()
		if header.ClientID != "" {
			c.mu.Lock()
			c.clientID = header.ClientID // as far as it got, it said who it is
			c.mu.Unlock()
		}
		c.close(err)
		return false
	}
	s.queued.take(int64(len(f.body)))
	k := &call{conn: c, buf: f.buf, queuedBytes: int64(len(f.body)), row: s.dispatch.Row(header.Key), start: time.Now()}
	k.Header, k.Client, k.Body = header, &c.client, body
	k.Answer, k.Drop, k.NoAnswer, k.BodyDone = k.answer, k.drop, k.noAnswer, k.bodyDone
	if !c.begin(k) {
		return false
	}
	s.handling.take(1)
	s.dispatch.Serve(&k.Call)
	s.handling.give(1)
	s.opts.Metrics.Request(header.Key).Local.Observe(time.Since(k.start))
	return true
}

// close ends the connection for a reason, once. Whoever waits on behalf of it is told, and what is left of its output is dropped.
func (c *conn) close(reason error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed = true
	pending, out := c.pending, c.out
	c.pending, c.out = nil, nil
	clientID, begun := c.clientID, c.begun
	c.changed.Broadcast()
	c.mu.Unlock()
	c.explain(clientID, reason)
	if !begun && errors.Is(reason, errStopped) {
		resetOnClose(c.socket)
	}
	_ = c.socket.Close()
	for _, k := range pending {
		k.abandon()
	}
	for i := range out {
		out[i].release()
	}
}

// resetOnClose has a client see that the broker is going, as it sees at connections that nobody has accepted yet: an orderly end before the first
// answer is taken by some for a server that speaks another protocol, and not tried again.
func resetOnClose(socket net.Conn) {
	if s, is := socket.(interface{ SetLinger(seconds int) error }); is {
		_ = s.SetLinger(0)
	}
}

// explain logs why a connection was closed, where that is worth a line.
func (c *conn) explain(clientID string, reason error) {
	switch {
	case errors.Is(reason, wire.ErrMalformed), errors.Is(reason, errReply):
		c.server.complain.warn("closed a connection", "client", clientID, "address", c.client.Remote, "listener", c.listener.config.Name,
			"reason", reason)
	case errors.Is(reason, io.EOF), errors.Is(reason, errStopped), errors.Is(reason, errIdle):
	default:
		c.server.opts.Logger.Debug("connection ended", "client", clientID, "address", c.client.Remote, "reason", reason)
	}
}

// checkSize refuses the size of a frame that cannot be a request's; head is what has been read from its first byte on.
func (c *conn) checkSize(size int32, head []byte) error {
	most := c.server.opts.Config.Broker().SocketRequestMaxBytes
	if size >= 0 && int(size) <= most {
		return nil
	}
	if h := hint(head); h != "" {
		return fmt.Errorf("%w: %s", wire.ErrMalformed, h)
	}
	if size < 0 {
		return fmt.Errorf("%w: a request of %d bytes", wire.ErrMalformed, size)
	}
	return fmt.Errorf("%w: a request of %d bytes, where socket.request.max.bytes is %d", wire.ErrMalformed, size, most)
}
