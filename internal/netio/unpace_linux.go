package netio

import (
	"net"

	"golang.org/x/sys/unix"
)

// unpace gives a connection the plainest congestion control. BBR, where it is the system's, lets a timer release each 64 KB, and CUBIC's slow start
// takes growing delays for congestion; between two processes of one machine that costs more than the sending itself (decision 025). A system that
// refuses keeps its own.
func unpace(c *net.TCPConn) {
	if raw, err := c.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "reno") })
	}
}
