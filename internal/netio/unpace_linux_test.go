package netio_test

import (
	"net"
	"strings"
	"testing"

	"milena/internal/netio"

	"golang.org/x/sys/unix"
)

func TestUnpacedWithinTheMachine(t *testing.T) {
	l, err := netio.TCP{}.Listen(t.Context(), "127.0.0.1:0")
	must(t, err)
	c, err := netio.TCP{}.Dial(t.Context(), l.Addr().String())
	must(t, err)
	s, err := l.Accept()
	must(t, err)
	for _, end := range []net.Conn{c, s} {
		raw, err := end.(*net.TCPConn).SyscallConn()
		must(t, err)
		var got string
		var optErr error
		must(t, raw.Control(func(fd uintptr) { got, optErr = unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION) }))
		must(t, optErr)
		if got = strings.TrimRight(got, "\x00"); got != "reno" {
			t.Errorf("congestion control is %q", got)
		}
		must(t, end.Close())
	}
	must(t, l.Close())
}
