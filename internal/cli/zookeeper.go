package cli

import (
	"context"
	"time"

	"milena/internal/clusterstore"
	"milena/internal/config"
	"milena/internal/coord"
	"milena/internal/coord/zkcoord"
)

// zooKeeperPatience is how long tools look for a ZooKeeper that answers, as Kafka's did.
const zooKeeperPatience = 30 * time.Second

func zookeeperOption(when string) Option {
	return Option{Name: "zookeeper", Arg: "urls", Help: when + ": by way of ZooKeeper, HOST:PORT,HOST:PORT/chroot, as Kafka's tools did up to 3.x."}
}

// openZooKeeper connects to the ensemble of a connect string: host:port,host:port/chroot. A chroot that is missing is an error.
func openZooKeeper(ctx context.Context, connect string) (coord.Store, error) {
	servers, chroot, err := config.ParseZooKeeperConnect(connect)
	if err != nil {
		return nil, err
	}
	return zkcoord.Open(ctx, zkcoord.Options{Servers: servers, Chroot: chroot, ChrootExists: true, ConnectTimeout: zooKeeperPatience})
}

// openTree is openZooKeeper with Kafka's tree on it.
func openTree(ctx context.Context, connect string) (*clusterstore.Store, error) {
	store, err := openZooKeeper(ctx, connect)
	if err != nil {
		return nil, err
	}
	return clusterstore.New(store), nil
}
