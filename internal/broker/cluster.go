package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"math"
	"net"
	"strconv"
	"sync"
	"time"

	"milena/internal/config"
	"milena/internal/controller"
	"milena/internal/netio"
	"milena/internal/peer"
	"milena/internal/replica"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// cluster is the replicas' way to the other brokers.
func (b *Broker) cluster() replica.Cluster {
	b.toController = &controllerLink{broker: b}
	return replica.Cluster{
		Dial:        b.dialBroker,
		BrokerEpoch: b.epoch.Load,
		Report:      func() error { return b.store.NotifyLogDirFailure(b.ctx, b.live.Broker().BrokerID) },
		AlterPartition: func(ctx context.Context, req *kmsg.AlterPartitionRequest) (*kmsg.AlterPartitionResponse, error) {
			resp, err := b.toController.do(ctx, req)
			if err != nil {
				return nil, err
			}
			return resp.(*kmsg.AlterPartitionResponse), nil
		},
		Leads: b.leads(),
	}
}

// dialController makes a connection to the controller, which metadata tells of: at its listener between brokers, or where it is no broker at
// the address under which it was elected, as the voters reach each other.
func (b *Broker) dialController(ctx context.Context, id int32) (*peer.Conn, error) {
	if !b.metadata.Image().ControllerOnly {
		conn, ok := b.dialBroker(id)
		if !ok {
			return nil, errNoController
		}
		return conn, nil
	}
	elected, err := b.store.Controller(ctx)
	if err != nil || elected.BrokerID != id || elected.Endpoint == "" {
		return nil, errors.Join(errNoController, err)
	}
	secured, err := controllerTLS(b.live.Broker(), &b.options)
	if err != nil {
		return nil, err
	}
	network := b.options.Net
	if secured != nil {
		network = securedNet{network, secured.Client}
	}
	return b.openPeer(network, elected.Endpoint), nil
}

// securedNet makes connections by TLS: a certificate must have the name that is dialled.
type securedNet struct {
	netio.Net
	config *tls.Config
}

func (s securedNet) Dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := s.Net.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	return netio.Secure(ctx, conn, address, s.config)
}

// dialBroker makes a connection to a live broker's listener between brokers.
func (b *Broker) dialBroker(id int32) (*peer.Conn, bool) {
	cfg := b.live.Broker()
	other, ok := b.metadata.Image().Brokers[id]
	if !ok {
		return nil, false
	}
	endpoint, ok := other.Endpoints[cfg.InterBrokerListener]
	if !ok {
		return nil, false
	}
	address := net.JoinHostPort(endpoint.Host, strconv.Itoa(int(endpoint.Port)))
	return b.openPeer(b.options.Net, address), true
}

// controllerLink is a connection to whichever node is the controller. mu guards it, and is not held while a request is under way.
type controllerLink struct {
	broker *Broker
	mu     sync.Mutex
	id     int32
	link   controller.Link
}

var errNoController = errors.New("broker: no controller is known")

// do sends a request to the controller, and gives up when another one is told of. After a failure the next one begins with a new connection.
func (c *controllerLink) do(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	id := c.broker.metadata.Image().ControllerID
	link, err := c.to(ctx, id)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		c.awaitSuccessor(ctx, id)
		cancel()
	}()
	resp, err := link.Do(ctx, req)
	if err != nil {
		c.drop(link)
	}
	return resp, err
}

// awaitSuccessor returns when another broker is the controller, or ctx ends. Who has lost the office may be frozen, and never answer.
func (c *controllerLink) awaitSuccessor(ctx context.Context, id int32) {
	for {
		changed := c.broker.metadata.Changed()
		if c.broker.metadata.Image().ControllerID != id {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

func (c *controllerLink) to(ctx context.Context, id int32) (controller.Link, error) {
	if link := c.current(id); link != nil {
		return link, nil
	}
	conn, err := c.broker.dialController(ctx, id)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != nil && c.id == id { // another request was faster
		conn.Close()
		return c.link, nil
	}
	c.id, c.link = id, conn
	return conn, nil
}

// current is the connection to a controller; one to another is closed.
func (c *controllerLink) current(id int32) controller.Link {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != nil && c.id != id {
		c.link.Close()
		c.link = nil
	}
	return c.link
}

func (c *controllerLink) drop(link controller.Link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == link {
		c.link = nil
	}
	link.Close()
}

// close ends the connection; what is under way fails.
func (c *controllerLink) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != nil {
		c.link.Close()
		c.link = nil
	}
}

// balanceIntervalMs is how often leaders move back to their preferred replicas; 0: never.
func balanceIntervalMs(cfg *config.Broker) int64 {
	if !cfg.AutoLeaderRebalance || cfg.LeaderImbalanceCheckSeconds > math.MaxInt64/int64(time.Second) {
		return 0
	}
	return cfg.LeaderImbalanceCheckSeconds * 1000
}
