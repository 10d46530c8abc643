package broker

import (
	"context"
	"log/slog"
	"time"

	"milena/internal/clusterstore"
	"milena/internal/config"
	"milena/internal/coord"
	"milena/internal/coord/zkcoord"
	"milena/internal/vfs"
)

// openZooKeeper connects to the ensemble of zookeeper.connect. The store's connections are the machine's own, like etcd's.
func openZooKeeper(ctx context.Context, z *config.ZooKeeper, fsys vfs.FS, log *slog.Logger) (coord.Store, error) {
	options := zkcoord.Options{
		Servers: z.Servers, Chroot: z.Chroot, Username: z.User, Password: z.Password, MaxRequestBytes: z.JuteMaxBuffer,
		MaxInFlight: z.MaxInFlightRequests, ConnectTimeout: time.Duration(z.ConnectionTimeoutMs) * time.Millisecond, Logger: log,
	}
	if z.SetACL {
		options.Access = access
	}
	if z.TLS != nil {
		var err error
		if options.TLS, err = z.TLS.Load(fsys); err != nil {
			return nil, err
		}
	}
	return zkcoord.Open(ctx, options)
}

// access is who may use what we make, with zookeeper.set.acl.
func access(path string) zkcoord.Access {
	switch {
	case clusterstore.IsOpen(path):
		return zkcoord.OpenToAll
	case clusterstore.IsSecret(path):
		return zkcoord.Secret
	}
	return zkcoord.Readable
}
