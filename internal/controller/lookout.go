package controller

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"milena/internal/clusterstore"
	"milena/internal/coord"
	"milena/internal/netio"
)

// A session tells of a lost machine after some seconds. A killed process is known at once (netio.AwaitDeath): the controller keeps a connection to
// each broker for that, each node that would succeed it one to the controller, and a broker listens before it registers. Only what bears
// Milena's mark is removed so: Kafka's own broker does not register twice in one session, and a broker that was removed wrongly (something
// on the way refuses in its name) must.

// removeAgain is waited between attempts to remove what a dead process left.
const removeAgain = 20 * time.Millisecond

// reach makes a connection (netio.Net.Dial).
type reach func(ctx context.Context, address string) (net.Conn, error)

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
		if !netio.AwaitDeath(ctx, s.reach, address) {
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
		sleep(ctx, removeAgain)
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
	if !netio.AwaitDeath(ctx, c.cfg.Reach, address) {
		return
	}
	c.cfg.Logger.Warn("controller: the controller's process is gone, ending its reign", "broker", holder.BrokerID)
	insist(ctx, func() error { return c.store.RemoveController(ctx, holder) })
}
