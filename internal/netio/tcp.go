package netio

import (
	"context"
	"net"
	"time"
)

// Keepalive of TCP: a peer that is gone without a word is noticed after idle + count × interval = 60 s.
const (
	keepAliveIdle     = 30 * time.Second
	keepAliveInterval = 10 * time.Second
	keepAliveCount    = 3
)

// TCP is the machine's own network. Its zero value is ready. Connections send at once (TCP_NODELAY, Go's default) and are
// kept alive. Socket buffers stay with the system unless given, and so does congestion control, except within this machine: see unpace.
type TCP struct {
	// SendBufferBytes and ReceiveBufferBytes size the buffers of each connection; 0 or less leaves them to the system.
	// Kafka: socket.send.buffer.bytes, socket.receive.buffer.bytes.
	SendBufferBytes    int
	ReceiveBufferBytes int
}

var _ Net = TCP{}

func keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount}
}

// Listen opens a listening socket. An empty host means all addresses, port 0 a free one.
func (t TCP) Listen(ctx context.Context, address string) (net.Listener, error) {
	config := net.ListenConfig{KeepAliveConfig: keepAlive()}
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &tunedListener{Listener: l, tcp: t}, nil
}

// Dial connects; ctx bounds the attempt.
func (t TCP) Dial(ctx context.Context, address string) (net.Conn, error) {
	dialer := net.Dialer{KeepAliveConfig: keepAlive()}
	c, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if err := t.tune(c); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func (t TCP) tune(c net.Conn) error {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	if withinMachine(tcp) {
		unpace(tcp)
	}
	if t.SendBufferBytes > 0 {
		if err := tcp.SetWriteBuffer(t.SendBufferBytes); err != nil {
			return err
		}
	}
	if t.ReceiveBufferBytes > 0 {
		return tcp.SetReadBuffer(t.ReceiveBufferBytes)
	}
	return nil
}

// withinMachine tells whether a connection's other end is on this machine: nothing is between the two that could be congested.
func withinMachine(c *net.TCPConn) bool {
	local, isTCP := c.LocalAddr().(*net.TCPAddr)
	remote, isToo := c.RemoteAddr().(*net.TCPAddr)
	return isTCP && isToo && (remote.IP.IsLoopback() || remote.IP.Equal(local.IP))
}

// tunedListener tunes what it accepts.
type tunedListener struct {
	net.Listener
	tcp TCP
}

func (l *tunedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.tcp.tune(c) == nil {
			return c, nil
		}
		_ = c.Close() // reset before it was accepted: no reason to stop listening
	}
}
