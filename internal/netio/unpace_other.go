//go:build !linux

package netio

import "net"

// unpace is for Linux, where congestion control is chosen for each connection.
func unpace(*net.TCPConn) {}
