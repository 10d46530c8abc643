package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"milena/internal/api"
	"milena/internal/netio"
	"milena/internal/netio/simnet"
	"milena/internal/vfs"
	"milena/internal/wire"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// everywhere runs a test over TCP and, in a bubble, over the network in memory.
func everywhere(t *testing.T, test func(t *testing.T, network netio.Net, port int)) {
	t.Run("tcp", func(t *testing.T) { test(t, netio.TCP{}, 0) })
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, simnet.New().Host("127.0.0.1"), 9092) })
	})
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	everywhere(t, func(t *testing.T, network netio.Net, port int) {
		r := newRig(t, network, port, nil)
		defer r.stop()
		c := r.dial()
		defer c.Close()
		var all []byte
		bodies := make([]string, 300)
		for i := range bodies {
			bodies[i] = strings.Repeat("x", i*i*7%70000) // within, over the end of and beyond a chunk
			all = append(all, request(kmsg.Heartbeat, 0, int32(i), bodies[i])...)
		}
		go func() { _, _ = c.Write(all) }()
		for i, body := range bodies {
			c.expect(int32(i), body)
		}
	})
}

func TestParkedRequestsOverlapAndKeepTheirOrder(t *testing.T) {
	everywhere(t, func(t *testing.T, network netio.Net, port int) {
		r := newRig(t, network, port, nil)
		defer r.stop()
		c := r.dial()
		defer c.Close()
		c.send(request(kmsg.Produce, 3, 1, "one"), request(kmsg.Produce, 3, 2, "two"), request(kmsg.Produce, 3, 3, "three"),
			request(kmsg.Heartbeat, 0, 4, "four"))
		one, two, three := <-r.parked, <-r.parked, <-r.parked
		echo(three)
		echo(two)
		echo(one)
		c.expect(1, "one")
		c.expect(2, "two")
		c.expect(3, "three")
		c.expect(4, "four")
	})
}

func TestAParkedRequestThatDoesNotOverlapHoldsTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simnet.New().Host("127.0.0.1"), 9092, nil)
		defer r.stop()
		c := r.dial()
		defer c.Close()
		c.send(request(kmsg.Heartbeat, 0, 1, "before"), request(kmsg.Fetch, 4, 2, "poll"), request(kmsg.Produce, 3, 3, "next"))
		c.expect(1, "before") // answered although the reader waits
		synctest.Wait()
		poll := <-r.parked
		if len(r.parked) != 0 {
			t.Fatal("the request after a long poll has begun beside it")
		}
		echo(poll)
		c.expect(2, "poll")
		echo(<-r.parked)
		c.expect(3, "next")
	})
}

func TestRequestsWithoutAnswer(t *testing.T) {
	everywhere(t, func(t *testing.T, network netio.Net, port int) {
		r := newRig(t, network, port, nil)
		defer r.stop()
		c := r.dial()
		defer c.Close()
		c.send(request(kmsg.SyncGroup, 0, 1, ""), request(kmsg.Heartbeat, 0, 2, "b"), request(kmsg.SyncGroup, 0, 3, ""),
			request(kmsg.Heartbeat, 0, 4, "d"))
		c.expect(2, "b")
		c.expect(4, "d")
	})
}

func TestADroppedRequestClosesInItsTurn(t *testing.T) {
	everywhere(t, func(t *testing.T, network netio.Net, port int) {
		r := newRig(t, network, port, nil)
		defer r.stop()
		c := r.dial()
		defer c.Close()
		c.send(request(kmsg.Produce, 3, 1, "one"), request(kmsg.Produce, 3, 2, "two"), request(kmsg.Produce, 3, 3, "three"))
		one, two := <-r.parked, <-r.parked
		<-r.parked
		two.Drop(fmt.Errorf("%w: because", wire.ErrMalformed))
		echo(one)
		c.expect(1, "one")
		c.expectClosed()
		if log := r.log.String(); !strings.Contains(log, "because") || !strings.Contains(log, "client=tester") {
			t.Fatalf("the log does not name reason and client: %s", log)
		}
	})
}

func TestACallHearsThatItsConnectionIsGone(t *testing.T) {
	everywhere(t, func(t *testing.T, network netio.Net, port int) {
		r := newRig(t, network, port, nil)
		defer r.stop()
		c := r.dial()
		c.send(request(kmsg.Fetch, 4, 1, "poll"))
		poll := <-r.parked
		gone := make(chan struct{})
		poll.OnGone(func() { close(gone) })
		c.Close()
		<-gone
		echo(poll) // dropped
	})
}

// TestRepliesFromFiles interleaves bytes and file ranges, small and large.
func TestRepliesFromFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "segment")
	content := strings.Repeat("0123456789abcdef", 1<<16) // 1 MB
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := vfs.OS{}.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	answer := func(call *api.Call) (want string, released *atomic.Int32) {
		var reply wire.Reply
		for i, size := range []int{5, 100_000, 9000, 0, 300_001, 1} {
			head := fmt.Sprintf("<%d>", i)
			reply.Bytes([]byte(head))
			reply.File(vfs.Range{File: file, Offset: int64(i * 7), Size: size})
			want += head + content[i*7:i*7+size]
		}
		reply.Bytes([]byte(strings.Repeat("y", 50_000)))
		want += strings.Repeat("y", 50_000)
		released = new(atomic.Int32)
		reply.Release = append(reply.Release, func() { released.Add(1) })
		call.Answer(reply)
		return want, released
	}
	everywhere(t, func(t *testing.T, network netio.Net, port int) {
		r := newRig(t, network, port, nil)
		defer r.stop()
		c := r.dial()
		defer c.Close()
		for id := range int32(3) {
			c.send(request(kmsg.Fetch, 4, id, ""))
			want, released := answer(<-r.parked)
			c.expect(id, want)
			c.send(request(kmsg.Heartbeat, 0, 9, "")) // comes after the release
			c.expect(9, "")
			if released.Load() != 1 {
				t.Fatalf("released %d times", released.Load())
			}
		}
	})
}
