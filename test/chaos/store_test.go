//go:build chaos

package chaos

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"milena/test/zookeeper"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

func (c *cluster) startZooKeeper() {
	c.t.Helper()
	c.zk = &zookeeper.Ensemble{}
	var members []string
	for i := range c.zk {
		machine := copies + i + 1
		c.zk[i] = &zookeeper.Server{
			Dir: filepath.Join(c.dir, fmt.Sprint(machine)), Host: address(machine), Port: storePort, In: c.net.on(machine), Dial: c.net.dial,
		}
		members = append(members, c.zk[i].Address())
	}
	for _, s := range c.zk {
		s.Members = members
	}
	must(c.t, c.zk.Start(c.t.Context()))
}

// storeClient speaks to the store's members as one of them does.
func (c *cluster) storeClient(i int) *clientv3.Client {
	c.t.Helper()
	store, err := clientv3.New(clientv3.Config{Endpoints: []string{voter(i)}, DialTimeout: time.Second, Logger: zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return c.net.dial(ctx, "tcp", address)
		})}})
	must(c.t, err)
	return store
}

// storeLeader is which broker leads the store.
func (c *cluster) storeLeader() int {
	c.t.Helper()
	found := -1
	await(c.t, "leader of the store", patience, func() bool {
		for i := range c.brokers {
			if !c.running[i] || c.away[i] {
				continue
			}
			if status, err := c.storeStatus(i); err == nil && status.Leader == status.Header.MemberId {
				found = i
				return true
			}
		}
		return false
	})
	return found
}

func (c *cluster) storeStatus(i int) (*clientv3.StatusResponse, error) {
	store := c.storeClient(i)
	defer store.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Second)
	defer cancel()
	return store.Status(ctx, voter(i))
}

// leadStore makes a broker the leader of the store, where a broker can be.
func (c *cluster) leadStore(i int) {
	c.t.Helper()
	if c.zk != nil {
		return // no broker leads it
	}
	await(c.t, fmt.Sprintf("store led by broker %d", i+1), patience, func() bool {
		now := c.storeLeader()
		if now == i {
			return true
		}
		status, err := c.storeStatus(i)
		if err != nil {
			return false
		}
		store := c.storeClient(now)
		defer store.Close()
		ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Second)
		defer cancel()
		_, err = store.MoveLeader(ctx, status.Header.MemberId)
		return err == nil
	})
}
