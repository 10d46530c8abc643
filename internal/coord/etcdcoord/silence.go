package etcdcoord

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"
)

const (
	// lifeSign is how often a voter pings a client it hears nothing of. gRPC lets servers do so every second, clients every 10 s only; so it is
	// the voter that shows that it lives, and the client that misses it.
	lifeSign = time.Second
	// silenceLimit is how long a voter may send nothing at all before its client takes it for frozen, and uses the others.
	silenceLimit = 2500 * time.Millisecond
	// redialLimit bounds the pause between attempts to reach a voter again; gRPC's own is two minutes.
	redialLimit = 3 * time.Second
	// clientPingsAtMost is how often clients of etcd may ping a voter, as in an etcd that stands alone.
	clientPingsAtMost = 5 * time.Second
)

// showLife makes a voter ping its clients.
func showLife() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: lifeSign}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: clientPingsAtMost}),
	}
}

// leaveSilent makes a client of voters leave one that is frozen: its kernel still acknowledges what is sent, so that nothing else tells.
func leaveSilent() []grpc.DialOption {
	pauses := backoff.DefaultConfig
	pauses.MaxDelay = redialLimit
	return []grpc.DialOption{
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
			if err != nil {
				return nil, err
			}
			return &attentive{Conn: conn}, nil
		}),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: pauses, MinConnectTimeout: dialTimeout}),
	}
}

// attentive is a connection that fails once nothing has come in for silenceLimit.
type attentive struct{ net.Conn }

// Read waits twice for half the limit: where it was this process that stood still, the second time finds what has come in meanwhile.
func (a *attentive) Read(b []byte) (int, error) {
	for range 2 {
		if err := a.SetReadDeadline(time.Now().Add(silenceLimit / 2)); err != nil {
			return 0, err
		}
		n, err := a.Conn.Read(b)
		var late net.Error
		if n > 0 || !errors.As(err, &late) || !late.Timeout() {
			return n, err
		}
	}
	return 0, fmt.Errorf("the voter at %s sends nothing", a.RemoteAddr())
}
