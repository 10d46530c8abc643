package etcdcoord

import (
	"context"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// renew tries once to keep a lease alive, and gives the seconds that it has from now. ErrLeaseNotFound where it is over.
type renew func(ctx context.Context, lease clientv3.LeaseID) (ttlSeconds int64, err error)

// renewInProcess is for clients that call the server directly.
func renewInProcess(client *clientv3.Client) renew {
	return func(ctx context.Context, lease clientv3.LeaseID) (int64, error) {
		reply, err := client.KeepAliveOnce(ctx, lease)
		if err != nil {
			return 0, err
		}
		return reply.TTL, nil
	}
}

// renewRemote does not use the client's KeepAliveOnce: that tries again without a pause while no server answers, and so
// takes a processor to itself.
func renewRemote(client *clientv3.Client) renew {
	leases := etcdserverpb.NewLeaseClient(client.ActiveConnection())
	return func(ctx context.Context, lease clientv3.LeaseID) (int64, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // ends the stream
		stream, err := leases.LeaseKeepAlive(ctx)
		if err != nil {
			return 0, err
		}
		if err := stream.Send(&etcdserverpb.LeaseKeepAliveRequest{ID: int64(lease)}); err != nil {
			return 0, err
		}
		reply, err := stream.Recv()
		if err != nil {
			return 0, rpctypes.Error(err)
		}
		if reply.TTL <= 0 {
			return 0, rpctypes.ErrLeaseNotFound
		}
		return reply.TTL, nil
	}
}
