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
// voters' controller listeners. A voter that is the only one listens on loopback.
func ConnectStore(ctx context.Context, cfg *config.Broker, log *slog.Logger) (coord.Store, error) {
	switch {
	case len(cfg.ZooKeeper.Servers) > 0:
		return openZooKeeper(ctx, &cfg.ZooKeeper, vfs.OS{}, log)
	case len(cfg.EtcdEndpoints) > 0:
		return etcdcoord.Open(ctx, etcdcoord.Options{Endpoints: cfg.EtcdEndpoints, Logger: log})
	case len(cfg.Voters) == 0:
		return nil, ErrNoWayIn
	}
	endpoints := addresses(cfg.Voters)
	if len(cfg.Voters) == 1 && cfg.ControllerRole {
		endpoints = []string{net.JoinHostPort("127.0.0.1", strconv.Itoa(cfg.Voters[0].Port))}
	}
	return etcdcoord.Open(ctx, etcdcoord.Options{Endpoints: endpoints, MaxTxnOps: etcdcoord.EmbeddedMaxTxnOps, Logger: log})
}
