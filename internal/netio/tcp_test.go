//go:build unix

package netio_test

import (
	"io"
	"net"
	"testing"

	"milena/internal/netio"

	"golang.org/x/sys/unix"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func option(t *testing.T, c net.Conn, level, name int) int {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	must(t, err)
	var v int
	var optErr error
	must(t, raw.Control(func(fd uintptr) { v, optErr = unix.GetsockoptInt(int(fd), level, name) }))
	must(t, optErr)
	return v
}

func TestTCP(t *testing.T) {
	for _, tcp := range []netio.TCP{
		{},
		{SendBufferBytes: 70_000, ReceiveBufferBytes: 90_000},
	} {
		l, err := tcp.Listen(t.Context(), "127.0.0.1:0")
		must(t, err)
		c, err := tcp.Dial(t.Context(), l.Addr().String())
		must(t, err)
		s, err := l.Accept()
		must(t, err)
		for _, end := range []net.Conn{c, s} {
			if option(t, end, unix.IPPROTO_TCP, unix.TCP_NODELAY) == 0 || option(t, end, unix.SOL_SOCKET, unix.SO_KEEPALIVE) == 0 {
				t.Error("TCP_NODELAY and SO_KEEPALIVE must be on")
			}
			if got := option(t, end, unix.SOL_SOCKET, unix.SO_SNDBUF); tcp.SendBufferBytes > 0 && got < tcp.SendBufferBytes {
				t.Errorf("send buffer %d", got)
			}
			if got := option(t, end, unix.SOL_SOCKET, unix.SO_RCVBUF); tcp.ReceiveBufferBytes > 0 && got < tcp.ReceiveBufferBytes {
				t.Errorf("receive buffer %d", got)
			}
		}
		_, err = c.Write([]byte("hello"))
		must(t, err)
		must(t, c.Close())
		if got, err := io.ReadAll(s); string(got) != "hello" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		must(t, s.Close())
		must(t, l.Close())
	}
}
