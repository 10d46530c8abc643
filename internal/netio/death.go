package netio

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"
)

// Pauses between attempts to connect: short after a connection that was lasting, longer each time after one that was not.
const (
	lookAgain    = 20 * time.Millisecond
	lookSlowest  = 2 * time.Second
	lookTimeout  = 2 * time.Second
	lastsAtLeast = time.Second
	// refusalsNeeded in a row tell that nobody listens.
	refusalsNeeded = 2
)

// AwaitDeath returns true when nobody listens at the address any more, false when ctx ends. A killed process is known at once: the kernel closes
// its connections and refuses new ones. While connections cannot be made for any other reason nothing is known.
func AwaitDeath(ctx context.Context, dial func(ctx context.Context, address string) (net.Conn, error), address string) bool {
	pause, refusals := lookAgain, 0
	for ctx.Err() == nil {
		dialCtx, cancel := context.WithTimeout(ctx, lookTimeout)
		conn, err := dial(dialCtx, address)
		cancel()
		switch {
		case err == nil:
			refusals = 0
			if since := time.Now(); awaitClose(ctx, conn) && time.Since(since) >= lastsAtLeast {
				pause = lookAgain
				continue
			}
			pause = min(2*pause, lookSlowest)
		case errors.Is(err, syscall.ECONNREFUSED):
			if refusals++; refusals >= refusalsNeeded {
				return ctx.Err() == nil
			}
		default:
			refusals = 0
			pause = min(2*pause, lookSlowest)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
	return false
}

// awaitClose returns when the other side has closed a connection; what it says is passed over.
func awaitClose(ctx context.Context, conn net.Conn) bool {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	var buf [64]byte
	for {
		if _, err := conn.Read(buf[:]); err != nil {
			return ctx.Err() == nil
		}
	}
}
