package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"milena/internal/config"
	"milena/internal/coord/etcdcoord"
	"milena/internal/netio"

	"golang.org/x/net/netutil"
)

// controllerTLS is how the controller listener is secured; nil where it is not.
func controllerTLS(cfg *config.Broker, o *Options) (*etcdcoord.TLS, error) {
	t := cfg.ControllerTLS
	if t == nil {
		return nil, nil
	}
	server, client, err := t.Load(o.FS, o.Logger)
	if err != nil {
		return nil, err
	}
	return &etcdcoord.TLS{
		Server: server, Client: client, Keystore: t.Keystore, Truststore: t.Truststore, KeystorePEM: t.KeystorePEM, TruststorePEM: t.TruststorePEM,
	}, nil
}

// openQuorum opens the controller listener of a voter, by which the other voters, and brokers that are none, reach the embedded store; nil
// for a broker that nobody was told of. A voter that is the only one and a broker listens on loopback alone: to grow, it must be named with
// others. One that is no broker is there for brokers elsewhere.
func openQuorum(ctx context.Context, network netio.Net, cfg *config.Broker, secured *etcdcoord.TLS) (*etcdcoord.Quorum, error) {
	if !cfg.ControllerRole || len(cfg.ControllerEndpoints) == 0 {
		return nil, nil
	}
	at := cfg.ControllerEndpoints[0]
	host := at.Host
	if onLoopback(cfg) {
		host = "127.0.0.1"
	}
	l, err := network.Listen(ctx, net.JoinHostPort(host, strconv.Itoa(at.Port)))
	if err != nil {
		return nil, fmt.Errorf("the controller listener %s: %w", at.Name, err)
	}
	q := quorumOf(cfg, secured)
	q.Listener, q.Requests = netutil.LimitListener(l, controllerConnections(fileLimit(), cfg)), cfg.ControllerOnly
	return q, nil
}

// onLoopback tells of a voter that nobody on another machine reaches.
func onLoopback(cfg *config.Broker) bool {
	return len(cfg.Voters) == 1 && cfg.ControllerRole && !cfg.ControllerOnly
}

// quorumOf is the voters as the store knows them.
func quorumOf(cfg *config.Broker, secured *etcdcoord.TLS) *etcdcoord.Quorum {
	q := &etcdcoord.Quorum{Self: cfg.BrokerID, TLS: secured}
	for _, v := range cfg.Voters {
		q.Members = append(q.Members, etcdcoord.Member{ID: v.ID, Host: v.Host, Port: v.Port})
	}
	return q
}

// Voters opens what changes the voters of a cluster, through those that the configuration names; exclude is a voter not to ask, -1 for none.
func Voters(cfg *config.Broker, o *Options, exclude int32) (*etcdcoord.Voters, error) {
	if !cfg.KRaft {
		return nil, errors.New("without process.roles there are no voters: the cluster's state is in ZooKeeper, an external etcd, or this broker alone")
	}
	secured, err := controllerTLS(cfg, o)
	if err != nil {
		return nil, err
	}
	var at []string
	for _, v := range cfg.Voters {
		if v.ID < 0 || v.ID != exclude {
			at = append(at, reachable(cfg, v))
		}
	}
	if len(at) == 0 {
		return nil, errors.New("controller.quorum.voters names no other voter")
	}
	var client *tls.Config
	if secured != nil {
		client = secured.Client
	}
	return etcdcoord.OpenVoters(at, client)
}

// RecoverVoter makes the voter whose directories the configuration names the only one of its cluster. It must not run.
func RecoverVoter(ctx context.Context, cfg *config.Broker, o *Options) error {
	if !cfg.ControllerRole {
		return errors.New("this node is no voter: process.roles has no controller")
	}
	lock, err := o.FS.Lock(filepath.Join(cfg.LogDirs[0], ".lock"))
	if err != nil {
		return fmt.Errorf("%s is in use: stop the node first: %w", cfg.LogDirs[0], err)
	}
	defer lock.Close()
	dir, err := etcdDir(cfg)
	if err != nil {
		return err
	}
	return etcdcoord.Recover(ctx, etcdcoord.EmbeddedOptions{Dir: dir, Logger: o.Logger})
}
