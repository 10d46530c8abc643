package simnet

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// conn is one end of a connection. The network's mutex guards it.
type conn struct {
	network       *Network
	host          *Host
	local, remote Addr
	peer          *conn
	in, out       *pipe
	closed        bool
	failed        bool // reset
	readDeadline  time.Time
	writeDeadline time.Time
}

var _ net.Conn = (*conn)(nil)

// connect makes both ends; the mutex is held.
func (n *Network) connect(from, to *Host, local, remote Addr) (client, server *conn) {
	there, back := newPipe(n, from.name, to.name), newPipe(n, to.name, from.name)
	client = &conn{network: n, host: from, local: local, remote: remote, in: back, out: there}
	server = &conn{network: n, host: to, local: remote, remote: local, in: there, out: back}
	client.peer, server.peer = server, client
	back.reader, there.reader = client, server
	n.conns[client], n.conns[server] = struct{}{}, struct{}{}
	return client, server
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// state is why nothing goes any more, or nil; the mutex is held.
func (c *conn) state(deadline time.Time) error {
	switch {
	case c.closed:
		return net.ErrClosed
	case !deadline.IsZero() && !time.Now().Before(deadline):
		return os.ErrDeadlineExceeded
	case c.failed || c.in.reset:
		return os.NewSyscallError("read", syscall.ECONNRESET)
	}
	return nil
}

// wait lets go of the mutex until a pipe changes or a deadline passes.
func (c *conn) wait(p *pipe, deadline time.Time) {
	changed := p.wait()
	c.network.mu.Unlock()
	defer c.network.mu.Lock()
	if deadline.IsZero() {
		<-changed
		return
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	}
}

// Read reads what has arrived; it waits for something.
func (c *conn) Read(b []byte) (int, error) {
	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	for {
		if err := c.state(c.readDeadline); err != nil {
			return 0, c.opError("read", err)
		}
		if n := c.in.read(b); n > 0 || len(b) == 0 {
			return n, nil
		}
		if c.in.finished {
			return 0, io.EOF
		}
		c.wait(c.in, c.readDeadline)
	}
}

// Write sends; it waits while the buffer is full.
func (c *conn) Write(b []byte) (int, error) {
	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	written := 0
	for {
		if err := c.state(c.writeDeadline); err != nil {
			return written, c.opError("write", err)
		}
		if c.out.sentEnd || c.peerIsKnownGone() {
			return written, c.opError("write", os.NewSyscallError("write", syscall.EPIPE))
		}
		if written == len(b) {
			return written, nil
		}
		if room := c.out.limit - c.out.bytes; room > 0 {
			n := min(room, len(b)-written)
			c.out.send(append([]byte(nil), b[written:written+n]...), goesOn)
			written += n
			continue
		}
		c.wait(c.out, c.writeDeadline)
	}
}

// peerIsKnownGone tells whether the other end has closed both directions, and that could be heard here.
func (c *conn) peerIsKnownGone() bool { return c.peer.closed && c.in.finished }

// CloseWrite ends the sending direction, as net.TCPConn's.
func (c *conn) CloseWrite() error {
	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	if c.closed {
		return c.opError("close", net.ErrClosed)
	}
	if !c.out.sentEnd {
		c.out.send(nil, finishes)
		c.out.signal()
	}
	return nil
}

// Close ends both directions. What was written still arrives.
func (c *conn) Close() error {
	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	if c.closed {
		return c.opError("close", net.ErrClosed)
	}
	if !c.out.sentEnd && !c.failed {
		c.out.send(nil, finishes)
	}
	c.gone()
	return nil
}

// gone takes an end out of use; the mutex is held.
func (c *conn) gone() {
	c.closed = true
	delete(c.network.conns, c)
	c.in.close()
	c.out.signal()
}

// abort closes an end with a reset; the mutex is held.
func (c *conn) abort() {
	if c.closed {
		return
	}
	if !c.out.sentEnd && !c.failed {
		c.out.send(nil, resets)
	}
	c.gone()
}

// fail makes an end find the connection reset; the mutex is held.
func (c *conn) fail() {
	c.failed = true
	c.in.signal()
	c.out.signal()
}

func (c *conn) SetDeadline(t time.Time) error      { return c.setDeadlines(t, true, true) }
func (c *conn) SetReadDeadline(t time.Time) error  { return c.setDeadlines(t, true, false) }
func (c *conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, false, true) }

func (c *conn) setDeadlines(t time.Time, read, write bool) error {
	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	if c.closed {
		return c.opError("set", net.ErrClosed)
	}
	if read {
		c.readDeadline = t
		c.in.signal()
	}
	if write {
		c.writeDeadline = t
		c.out.signal()
	}
	return nil
}
