// Package peer carries requests from broker to broker: one connection to a broker, requests in order, replies matched, reconnection.
// It imports netio, wire and kmsg.
package peer

import (
	"context"

	"milena/internal/netio"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Conn is a lasting connection to one broker. Requests may be sent by many goroutines; they leave in the order of the calls.
type Conn struct{}

// Open makes a connection object; it dials when first used and again after failures.
func Open(net netio.Net, address, clientID string) *Conn { panic("unwritten") }

// Do sends a request at the version set on it and waits for its reply.
func (c *Conn) Do(ctx context.Context, req kmsg.Request) (kmsg.Response, error) { panic("unwritten") }

// Close ends it.
func (c *Conn) Close() { panic("unwritten") }
