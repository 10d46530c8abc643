// Package netio is the seam to the network. TCP is the machine's own; simnet is the one of the tests, in memory, with
// delays, cuts and drops under virtual time. This package imports nothing of Milena.
package netio

import (
	"context"
	"net"
)

// Net listens and dials. An address is "host:port".
type Net interface {
	Listen(ctx context.Context, address string) (net.Listener, error)
	Dial(ctx context.Context, address string) (net.Conn, error)
}
