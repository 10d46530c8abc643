package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"milena/internal/api"
	"milena/internal/config"
	"milena/internal/controller"
	"milena/internal/coord/etcdcoord"
	"milena/internal/netio"
	"milena/internal/server"
)

// A node with process.roles=controller is a member of the embedded store and a candidate for controller, and no broker: nothing is registered,
// no log is opened, and clients have no listener. Brokers reach it on the controller listener, beside the other members.

// refuseLogs keeps data from lying where nobody serves it.
func (b *Broker) refuseLogs(context.Context) error {
	found, err := b.dirs.Inventory()
	if err != nil {
		return fmt.Errorf("looking for a broker's data: %w", err)
	}
	if len(found) > 0 {
		return fmt.Errorf("process.roles=controller serves no partitions, but the log directories hold %d, as %s-%d: move them to other brokers "+
			"first, with process.roles=broker,controller", len(found), found[0].Topic, found[0].Partition)
	}
	return nil
}

// watchBrokerConfigs is for the brokers' defaults, by which the controller goes.
func (b *Broker) watchBrokerConfigs(ctx context.Context) error {
	return b.watchConfigs(ctx, func(string, map[string]string) {})
}

// serveBrokers takes the requests of brokers, on the controller listener.
func (b *Broker) serveBrokers(ctx context.Context) error {
	at := b.live.Broker().ControllerEndpoints[0]
	network := b.options.Net
	if embedded, ok := b.coord.(*etcdcoord.Embedded); ok {
		if embedded.Requests() == nil {
			return errors.New("the controller listener is not open")
		}
		at.Protocol = "PLAINTEXT" // whatever secures the listener has been taken off
		network = sharedNet{network, embedded.Requests()}
	}
	b.controller = b.newController()
	services := &api.Services{
		Config: b.live, Metadata: b.metadata, Store: b.store, Logger: b.options.Logger, Controller: b.controller,
	}
	b.server = server.New(server.Options{
		Net: network, Listeners: []config.Listener{at}, Table: services.ControllerTable(), Config: b.live, Logger: b.options.Logger,
		Metrics: b.metrics, Fits: b.handles.connections,
	})
	return b.server.Start(ctx)
}

// sharedNet listens where the store does.
type sharedNet struct {
	netio.Net
	listener net.Listener
}

func (s sharedNet) Listen(context.Context, string) (net.Listener, error) { return s.listener, nil }

// stand campaigns.
func (b *Broker) stand(ctx context.Context) error {
	b.controller.Start()
	var err error
	b.candidacy, err = answered(ctx, b, func() (*controller.Candidacy, error) {
		return controller.Stand(ctx, b.store, b.live.Broker().SessionTimeoutMs, b.options.Logger, b.controller.SetSession)
	})
	return err
}

// controllerEndpoint is where brokers reach a controller that is none: where the other voters do.
func controllerEndpoint(cfg *config.Broker) string {
	i := slices.IndexFunc(cfg.Voters, func(v config.Voter) bool { return v.ID == cfg.BrokerID })
	if !cfg.ControllerOnly || i < 0 {
		return ""
	}
	return net.JoinHostPort(cfg.Voters[i].Host, strconv.Itoa(cfg.Voters[i].Port))
}
