package broker

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"milena/internal/config"
	"milena/internal/coord/etcdcoord"
	"milena/internal/netio"
)

// addresses of voters, for their clients.
func addresses(voters []config.Voter) (all []string) {
	for _, v := range voters {
		all = append(all, net.JoinHostPort(v.Host, strconv.Itoa(v.Port)))
	}
	return all
}

// openQuorum opens the controller listener of a voter, by which the other voters, and brokers that are none, reach the embedded store; nil
// for a broker that nobody was told of. A voter that is the only one listens on loopback alone: to grow, it must be named with others.
func openQuorum(ctx context.Context, network netio.Net, cfg *config.Broker) (*etcdcoord.Quorum, error) {
	if !cfg.ControllerRole || len(cfg.ControllerEndpoints) == 0 {
		return nil, nil
	}
	at := cfg.ControllerEndpoints[0]
	if at.Protocol != "PLAINTEXT" {
		return nil, fmt.Errorf("the controller listener %s has the protocol %s: this release speaks PLAINTEXT there", at.Name, at.Protocol)
	}
	host := at.Host
	if len(cfg.Voters) == 1 {
		host = "127.0.0.1"
	}
	l, err := network.Listen(ctx, net.JoinHostPort(host, strconv.Itoa(at.Port)))
	if err != nil {
		return nil, fmt.Errorf("the controller listener %s: %w", at.Name, err)
	}
	q := &etcdcoord.Quorum{Self: cfg.BrokerID, Listener: l}
	for _, v := range cfg.Voters {
		q.Members = append(q.Members, etcdcoord.Member{ID: v.ID, Host: v.Host, Port: v.Port})
	}
	return q, nil
}
