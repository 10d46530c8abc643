package broker

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"

	"milena/internal/config"
	"milena/internal/coord"
	"milena/internal/coord/etcdcoord"
	"milena/internal/vfs"
)

// ErrNoWayIn tells that a broker's store is inside its process, and nobody else reaches it.
var ErrNoWayIn = errors.New("this broker keeps its store inside its process and has no controller listener: nobody but the broker itself reaches it")

// ConnectStore is a client of the store of a running cluster, as a broker of this configuration finds it: its ZooKeeper, its etcd, or the
// voters' controller listeners. A voter that is the only one and a broker listens on loopback.
func ConnectStore(ctx context.Context, cfg *config.Broker, log *slog.Logger) (coord.Store, error) {
	switch {
	case len(cfg.ZooKeeper.Servers) > 0:
		return openZooKeeper(ctx, &cfg.ZooKeeper, vfs.OS{}, log)
	case len(cfg.Etcd.Endpoints) > 0:
		return openEtcd(ctx, &cfg.Etcd, &Options{FS: vfs.OS{}, Logger: log})
	case len(cfg.Voters) == 0:
		return nil, ErrNoWayIn
	}
	secured, err := controllerTLS(cfg, &Options{FS: vfs.OS{}, Logger: log})
	if err != nil {
		return nil, err
	}
	o := etcdcoord.Options{MaxTxnOps: etcdcoord.EmbeddedMaxTxnOps, Logger: log}
	scheme := "http://"
	if secured != nil {
		scheme, o.TLS = "https://", secured.Client
	}
	for _, v := range cfg.Voters {
		o.Endpoints = append(o.Endpoints, scheme+reachable(cfg, v))
	}
	return etcdcoord.Open(ctx, o)
}

// reachable is where a client reaches a voter.
func reachable(cfg *config.Broker, v config.Voter) string {
	host := v.Host
	if onLoopback(cfg) {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, strconv.Itoa(v.Port))
}
