package peer

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/netio/simnet"
	"milena/internal/wire"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// broker answers Heartbeat requests; what it does with each is told by handle (nil: the reply echoes the group in its error code's place).
type broker struct {
	listener net.Listener
	running  sync.WaitGroup
	handle   func(socket net.Conn, h wire.RequestHeader, req *kmsg.HeartbeatRequest) bool
}

func (b *broker) serve() {
	for {
		socket, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.running.Go(func() {
			defer socket.Close()
			for b.one(socket) {
			}
		})
	}
}

func (b *broker) one(socket net.Conn) bool {
	var size [4]byte
	if _, err := io.ReadFull(socket, size[:]); err != nil {
		return false
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(socket, frame); err != nil {
		return false
	}
	h, body, err := wire.ParseRequestHeader(frame, "")
	if err != nil || h.ClientID != "broker-1" {
		return false
	}
	req := kmsg.NewPtrHeartbeatRequest()
	req.SetVersion(h.Version)
	if err := req.ReadFrom(body); err != nil {
		return false
	}
	return b.handle(socket, h, req)
}

// reply answers with a request's generation as throttle time, to tell replies apart.
func reply(socket net.Conn, h wire.RequestHeader, req *kmsg.HeartbeatRequest) bool {
	resp := kmsg.NewPtrHeartbeatResponse()
	resp.SetVersion(h.Version)
	resp.ThrottleMillis = req.Generation
	body := resp.AppendTo(nil)
	_, err := socket.Write(append(wire.AppendReplyHeader(nil, h, len(body)), body...))
	return err == nil
}

func start(t *testing.T, network *simnet.Network, handle func(net.Conn, wire.RequestHeader, *kmsg.HeartbeatRequest) bool) (c *Conn, stop func()) {
	t.Helper()
	l, err := network.Host("two").Listen(context.Background(), "two:9092")
	if err != nil {
		t.Fatal(err)
	}
	b := &broker{listener: l, handle: handle}
	b.running.Go(b.serve)
	c = Open(network.Host("one"), "two:9092", "broker-1")
	return c, func() {
		c.Close()
		_ = l.Close()
		b.running.Wait()
	}
}

func heartbeat(generation int32) *kmsg.HeartbeatRequest {
	req := kmsg.NewPtrHeartbeatRequest()
	req.SetVersion(4)
	req.Generation = generation
	return req
}

func TestRepliesFindTheirRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := simnet.New()
		network.SetDelay("one", "two", 5*time.Millisecond)
		c, stop := start(t, network, reply)
		defer stop()
		began := time.Now()
		var wg sync.WaitGroup
		for g := range int32(50) {
			wg.Go(func() {
				resp, err := c.Do(context.Background(), heartbeat(g))
				if err != nil {
					t.Error(err)
				} else if got := resp.(*kmsg.HeartbeatResponse).ThrottleMillis; got != g {
					t.Errorf("request %d got the reply of %d", g, got)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("50 requests took %v: they were not pipelined", took)
		}
	})
}

func TestRepliesShareMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, stop := start(t, simnet.New(), reply)
		defer stop()
		c.Reuse(int16(kmsg.Heartbeat))
		for g := range int32(3) {
			if resp, err := c.Do(context.Background(), heartbeat(g)); err != nil || resp.(*kmsg.HeartbeatResponse).ThrottleMillis != g {
				t.Fatalf("request %d: %v, %v", g, resp, err)
			}
		}
	})
}

func TestReconnectsAfterAReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := simnet.New()
		c, stop := start(t, network, func(s net.Conn, h wire.RequestHeader, req *kmsg.HeartbeatRequest) bool {
			return req.Generation != 13 && reply(s, h, req)
		})
		defer stop()
		if _, err := c.Do(context.Background(), heartbeat(1)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Do(context.Background(), heartbeat(13)); !errors.Is(err, ErrDisconnected) {
			t.Fatalf("got %v where the broker has hung up", err)
		}
		if _, err := c.Do(context.Background(), heartbeat(2)); err != nil {
			t.Fatalf("after a reset: %v", err)
		}
	})
}

func TestUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := simnet.New()
		network.Host("two")
		c := Open(network.Host("one"), "two:9092", "broker-1")
		defer c.Close()
		if _, err := c.Do(context.Background(), heartbeat(1)); !errors.Is(err, ErrUnreachable) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestASilentBrokerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, stop := start(t, simnet.New(), func(s net.Conn, h wire.RequestHeader, req *kmsg.HeartbeatRequest) bool {
			return req.Generation == 0 || reply(s, h, req) // 0 is never answered
		})
		defer stop()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		behind := make(chan error)
		go func() {
			_, err := c.Do(context.Background(), heartbeat(0))
			behind <- err
		}()
		if _, err := c.Do(ctx, heartbeat(0)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		if err := <-behind; !errors.Is(err, ErrDisconnected) {
			t.Fatalf("the request beside it got %v", err)
		}
		if _, err := c.Do(context.Background(), heartbeat(7)); err != nil {
			t.Fatalf("the next request: %v", err)
		}
	})
}

func TestCloseEndsWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, stop := start(t, simnet.New(), func(net.Conn, wire.RequestHeader, *kmsg.HeartbeatRequest) bool { return true })
		defer stop()
		result := make(chan error)
		go func() {
			_, err := c.Do(context.Background(), heartbeat(1))
			result <- err
		}()
		synctest.Wait()
		c.Close()
		if err := <-result; !errors.Is(err, ErrDisconnected) {
			t.Fatalf("got %v", err)
		}
		if _, err := c.Do(context.Background(), heartbeat(1)); !errors.Is(err, ErrClosed) {
			t.Fatalf("after Close: %v", err)
		}
	})
}
