package controller

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"
	"time"

	"milena/internal/clusterstore"
	"milena/internal/coord"
)

// A session tells of a lost machine after some seconds. A killed process is known at once: the kernel closes its connections and refuses
// new ones. The controller keeps a connection to each broker for that, and each node that would succeed it one to the controller. Only what
// bears Milena's mark is removed so: Kafka's own broker does not register twice in one session, and a broker that was removed wrongly
// (something on the way refuses in its name) must.

// Pauses between attempts to connect: short after a connection that was lasting, longer each time after one that was not.
const (
	lookAgain    = 20 * time.Millisecond
	lookSlowest  = 2 * time.Second
	lookTimeout  = 2 * time.Second
	lastsAtLeast = time.Second
	// refusalsNeeded in a row tell that nobody listens: a broker listens before it registers.
	refusalsNeeded = 2
)

// reach makes a connection (netio.Net.Dial).
type reach func(ctx context.Context, address string) (net.Conn, error)

// awaitDeath returns true when nobody listens at the address any more, false when ctx ends. While connections cannot be made for any other
// reason nothing is known.
func awaitDeath(ctx context.Context, dial reach, address string) bool {
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
		sleep(ctx, pause)
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

// addressOf is where a broker is reached by others.
func addressOf(b *clusterstore.Broker, listener string) (string, bool) {
	endpoint, ok := b.EndpointForBrokers(listener)
	return net.JoinHostPort(endpoint.Host, strconv.Itoa(endpoint.Port)), ok
}

// lookAfter has the registration of a broker removed when its process is gone.
func (s *senders) lookAfter(ctx context.Context, b *clusterstore.Broker, address string) {
	if s.reach == nil || b.Directory == "" || b.ID == s.own {
		return
	}
	s.running.Go(func() {
		if !awaitDeath(ctx, s.reach, address) {
			return
		}
		s.log.Warn("controller: a broker's process is gone, ending its registration", "broker", b.ID, "epoch", b.Epoch)
		insist(ctx, func() error { return s.store.Unregister(ctx, b) })
	})
}

// insist removes what a dead process left, until it is gone or another's: the store may have lost its leader with the same process.
func insist(ctx context.Context, remove func() error) {
	for ctx.Err() == nil {
		if err := remove(); err == nil || errors.Is(err, coord.ErrNoNode) || errors.Is(err, coord.ErrBadVersion) {
			return
		}
		sleep(ctx, lookAgain)
	}
}

// lookAfterController ends the reign of a controller whose process is gone. It returns when ctx ends, or then.
func (c *Controller) lookAfterController(ctx context.Context, holder *clusterstore.ElectedController) {
	if c.cfg.Reach == nil || holder.Directory == "" || holder.BrokerID == c.cfg.BrokerID {
		return
	}
	address := holder.Endpoint
	if address == "" {
		b, err := c.store.Broker(ctx, holder.BrokerID)
		if err != nil || b.Directory != holder.Directory {
			return // its session will tell
		}
		var ok bool
		if address, ok = addressOf(b, c.cfg.InterBrokerListener); !ok {
			return
		}
	}
	if !awaitDeath(ctx, c.cfg.Reach, address) {
		return
	}
	c.cfg.Logger.Warn("controller: the controller's process is gone, ending its reign", "broker", holder.BrokerID)
	insist(ctx, func() error { return c.store.RemoveController(ctx, holder) })
}
