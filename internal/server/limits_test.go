package server

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/config"
	"milena/internal/netio"
	"milena/internal/netio/simnet"
	"milena/internal/wire"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func sized(size int32, rest string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(size)), rest...)
}

// TestMalformedInputClosesItsConnection: one line that names client, address and reason; others live on.
func TestMalformedInputClosesItsConnection(t *testing.T) {
	for _, c := range []struct {
		name   string
		bytes  []byte
		reason string
	}{
		{"negative size", sized(-5, "xxxx"), "a request of -5 bytes"},
		{"size over the limit", sized(1<<30, "xxxx"), "socket.request.max.bytes is 104857600"},
		{"empty", sized(0, ""), "0 bytes are too few for a header"},
		{"cut client id", sized(10, "\x00\x0c\x00\x00\x00\x00\x00\x01\x7f\xff"), "a client id of 32767 bytes"},
		{"unknown key", request(kmsg.Key(999), 0, 1, ""), "API key 999 is not served"},
		{"negative key", request(kmsg.Key(-1), 0, 1, ""), "API key -1 is not served"},
		{"unsupported version", request(kmsg.Heartbeat, 9, 1, "\x00"), "Heartbeat version 9 is not served (versions 0 to 3 are)"},
		{"cut body", request(kmsg.LeaveGroup, 0, 1, "\x00"), "LeaveGroup version 0, body of 1 bytes"},
		{"http", []byte("GET / HTTP/1.1\r\nHost: broker:9092\r\n\r\n"), "an HTTP request on a Kafka listener"},
		{"tls", []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), "a TLS handshake on a PLAINTEXT listener"},
	} {
		t.Run(c.name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, network netio.Net, port int) {
				r := newRig(t, network, port, nil)
				defer r.stop()
				other := r.dial()
				defer other.Close()
				bad := r.dial()
				defer bad.Close()
				bad.send(request(kmsg.Heartbeat, 0, 7, "first"))
				bad.expect(7, "first")
				_, _ = bad.Write(c.bytes)
				bad.expectClosed()
				other.send(request(kmsg.Heartbeat, 0, 8, "alive"))
				other.expect(8, "alive")
				log := r.log.String()
				if strings.Count(log, "\n") != 1 || !strings.Contains(log, c.reason) || !strings.Contains(log, "client=tester") ||
					!strings.Contains(log, "address=127.0.0.1:") {
					t.Fatalf("log: %s", log)
				}
			})
		})
	}
}

// TestAFirstRequestThatIsCutNamesItsClient: what a header says before it breaks off is told.
func TestAFirstRequestThatIsCutNamesItsClient(t *testing.T) {
	everywhere(t, func(t *testing.T, network netio.Net, port int) {
		r := newRig(t, network, port, nil)
		defer r.stop()
		bad := r.dial()
		defer bad.Close()
		_, _ = bad.Write(sized(17, "\x00\x12\x00\x03\x00\x00\x00\x01\x00\x06strang\x01"))
		bad.expectClosed()
		if log := r.log.String(); !strings.Contains(log, "client=strang") || !strings.Contains(log, "the header's tags are cut off") {
			t.Fatalf("log: %s", log)
		}
	})
}

func TestTrailingBytesAreIgnored(t *testing.T) {
	everywhere(t, func(t *testing.T, network netio.Net, port int) {
		r := newRig(t, network, port, nil)
		defer r.stop()
		c := r.dial()
		defer c.Close()
		body := "\x00\x01g\x00\x01mtrailing"
		c.send(request(kmsg.LeaveGroup, 0, 1, body))
		c.expect(1, body)
	})
}

func TestUnknownApiVersionsIsAnsweredInV0(t *testing.T) {
	r := newRig(t, netio.TCP{}, 0, nil)
	defer r.stop()
	c := r.dial()
	defer c.Close()
	c.send(request(kmsg.ApiVersions, 50, 3, "whatever"))
	id, body := c.receive()
	if want := "\x00\x23\x00\x00\x00\x01\x00\x12\x00\x00\x00\x04"; id != 3 || body != want {
		t.Fatalf("got %d %x, want %x", id, body, want)
	}
	c.send(request(kmsg.Heartbeat, 0, 4, "on"))
	c.expect(4, "on")
}

// TestALyingSizeReservesLittle: a hundred megabytes announced, none sent.
func TestALyingSizeReservesLittle(t *testing.T) {
	for _, kind := range []struct {
		name  string
		plain bool
	}{{"tcp", false}, {"plain", true}} {
		t.Run(kind.name, func(t *testing.T) {
			var f filling
			c := &conn{server: &Server{}}
			f.size = 100 << 20
			if room := f.room(c, 0); len(room) > 2*unprovenBytes {
				t.Fatalf("%d bytes reserved", len(room))
			}
			for f.have < 10<<20 {
				f.have += len(f.room(c, 0))
				if len(f.buf.b) > max(2*f.have, 2*unprovenBytes) {
					t.Fatalf("%d bytes reserved where %d have come", len(f.buf.b), f.have)
				}
			}
		})
	}
}

// TestAHalfSentRequestHarmsNobody: the rest comes later, or never.
func TestAHalfSentRequestHarmsNobody(t *testing.T) {
	everywhere(t, func(t *testing.T, network netio.Net, port int) {
		r := newRig(t, network, port, nil)
		defer r.stop()
		half, gone, other := r.dial(), r.dial(), r.dial()
		defer half.Close()
		defer other.Close()
		body := strings.Repeat("b", 200_000)
		whole := request(kmsg.Heartbeat, 0, 1, body)
		gone.send(whole[:len(whole)/2])
		gone.Close()
		for from := 0; from < len(whole); {
			end := min(from+1+from*3, len(whole))
			half.send(whole[from:end])
			other.send(request(kmsg.Heartbeat, 0, 2, "other"))
			other.expect(2, "other")
			from = end
		}
		half.expect(1, body)
	})
}

// TestASlowReaderHoldsOnlyItself: its requests stop being read, its memory stays bounded, others are served; in the end it is closed.
func TestASlowReaderHoldsOnlyItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simnet.New().Host("127.0.0.1"), 9092, func(b *config.Broker) { b.ConnectionsMaxIdleMs = 60_000 })
		defer r.stop()
		slow, other := r.dial(), r.dial()
		defer other.Close()
		sent := make(chan int)
		go func() {
			n := 0
			for {
				if _, err := slow.Write(request(kmsg.Heartbeat, 0, int32(n), strings.Repeat("s", 50_000))); err != nil {
					sent <- n
					return
				}
				n++
			}
		}()
		for i := range int32(10) {
			synctest.Wait()
			other.send(request(kmsg.Heartbeat, 0, i, "other"))
			other.expect(i, "other")
			time.Sleep(time.Second)
		}
		r.server.mu.Lock()
		for c := range r.server.conns {
			c.mu.Lock()
			if c.outBytes > 2*mostCoalescedBytes || len(c.pending) > 1 {
				t.Errorf("%d bytes and %d calls wait for a client that does not read", c.outBytes, len(c.pending))
			}
			c.mu.Unlock()
		}
		r.server.mu.Unlock()
		if n := <-sent; n > 1000 {
			t.Errorf("%d requests were taken from a client that does not read", n)
		}
		slow.Close()
	})
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simnet.New().Host("127.0.0.1"), 9092, func(b *config.Broker) { b.ConnectionsMaxIdleMs = 10_000 })
		defer r.stop()
		began := time.Now()
		idle, busy, waiting := r.dial(), r.dial(), r.dial()
		defer busy.Close()
		defer waiting.Close()
		waiting.send(request(kmsg.Fetch, 4, 5, "long poll"))
		poll := <-r.parked
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range int32(20) {
				busy.send(request(kmsg.Heartbeat, 0, i, ""))
				busy.expect(i, "")
				time.Sleep(2 * time.Second)
			}
		}()
		idle.expectClosed()
		if after := time.Since(began); after < 10*time.Second || after > 13*time.Second {
			t.Errorf("closed after %v", after)
		}
		<-done
		echo(poll)
		waiting.expect(5, "long poll")
	})
}

// TestConnectionLimits: one connection more than may be open waits for a place, and one line says why; the others are served.
func TestConnectionLimits(t *testing.T) {
	for _, limit := range []struct {
		name   string
		tune   func(*config.Broker)
		change func(*Options)
		reason string
	}{
		{
			name:   "configured",
			tune:   func(b *config.Broker) { b.MaxConnections, b.MaxConnectionsPerIP = 3, 100 },
			change: func(*Options) {},
			reason: "3 are open (max.connections)",
		},
		{
			name:   "of the process",
			change: func(o *Options) { o.Fits = func(n int) bool { return n <= 3 } },
			reason: "3 are open, and this process may not have more files",
		},
	} {
		t.Run(limit.name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, network netio.Net, port int) {
				r := newRigOf(t, network, port, limit.tune, limit.change)
				defer r.stop()
				var open []*client
				for i := range int32(3) {
					c := r.dial()
					c.send(request(kmsg.Heartbeat, 0, i, ""))
					c.expect(i, "")
					open = append(open, c)
				}
				fourth := r.dial()
				defer fourth.Close()
				fourth.send(request(kmsg.Heartbeat, 0, 9, "late"))
				for r.log.String() == "" {
					open[1].send(request(kmsg.Heartbeat, 0, 8, "served"))
					open[1].expect(8, "served")
				}
				open[0].Close()
				fourth.expect(9, "late")
				if log := r.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, limit.reason) {
					t.Errorf("log: %s", log)
				}
				for _, c := range open[1:] {
					c.Close()
				}
			})
		})
	}
}

func TestConnectionsPerAddress(t *testing.T) {
	everywhere(t, func(t *testing.T, network netio.Net, port int) {
		r := newRig(t, network, port, func(b *config.Broker) {
			b.MaxConnectionsPerIP = 1
			b.MaxConnectionsPerIPOverrides = map[string]int{"127.0.0.1": 2}
		})
		defer r.stop()
		for i := range int32(2) {
			c := r.dial()
			defer c.Close()
			c.send(request(kmsg.Heartbeat, 0, i, ""))
			c.expect(i, "")
		}
		third := r.dial()
		defer third.Close()
		if _, err := third.Read(make([]byte, 1)); err == nil {
			t.Fatal("a third connection was served")
		}
		if log := r.log.String(); !strings.Contains(log, "max.connections.per.ip") {
			t.Errorf("log: %s", log)
		}
	})
}

// TestQueuedBytesHoldReadersBack: with the budget overdrawn by a parked request, nobody's next request begins until it is answered, or
// its handler has done with its body.
func TestQueuedBytesHoldReadersBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simnet.New().Host("127.0.0.1"), 9092, func(b *config.Broker) { b.QueuedMaxRequestBytes = 1000 })
		defer r.stop()
		big, other := r.dial(), r.dial()
		defer big.Close()
		defer other.Close()
		big.send(request(kmsg.Produce, 3, 1, strings.Repeat("p", 5000)))
		produce := <-r.parked
		other.send(request(kmsg.Produce, 3, 2, "small"))
		synctest.Wait()
		if len(r.parked) != 0 {
			t.Fatal("a request began beyond queued.max.request.bytes")
		}
		produce.BodyDone()
		echo(<-r.parked)
		other.expect(2, "small")
		big.send(request(kmsg.Produce, 3, 3, strings.Repeat("p", 5000)))
		next := <-r.parked
		other.send(request(kmsg.Produce, 3, 4, "small"))
		synctest.Wait()
		if len(r.parked) != 0 {
			t.Fatal("a request began beyond queued.max.request.bytes")
		}
		produce.NoAnswer()
		echo(next)
		next.BodyDone() // late, which is fine
		echo(<-r.parked)
		other.expect(4, "small")
	})
}

func TestStopLetsAnswersOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simnet.New().Host("127.0.0.1"), 9092, nil)
		producer, poller, idle := r.dial(), r.dial(), r.dial()
		producer.send(request(kmsg.Produce, 3, 1, "acks=all"))
		produce := <-r.parked
		poller.send(request(kmsg.Fetch, 4, 1, ""))
		cancelled := make(chan struct{})
		(<-r.parked).OnGone(func() { close(cancelled) })
		stopped := make(chan error)
		go func() { stopped <- r.server.Stop(context.Background()) }()
		idle.expectClosed()
		poller.expectClosed()
		<-cancelled
		producer.send(request(kmsg.Produce, 3, 2, "too late"))
		synctest.Wait()
		select {
		case err := <-stopped:
			t.Fatalf("stopped before the answer was out: %v", err)
		default:
		}
		echo(produce)
		producer.expect(1, "acks=all")
		producer.expectClosed()
		if err := <-stopped; err != nil {
			t.Fatal(err)
		}
		if _, err := r.server.opts.Net.Dial(context.Background(), "127.0.0.1:9092"); err == nil {
			t.Error("the listener is open")
		}
	})
}

func TestStopIsBoundedByItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simnet.New().Host("127.0.0.1"), 9092, nil)
		c := r.dial()
		c.send(request(kmsg.Produce, 3, 1, ""))
		<-r.parked
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if err := r.server.Stop(ctx); err != context.DeadlineExceeded {
			t.Fatalf("got %v", err)
		}
		c.expectClosed()
	})
}

// TestComplaintsAreFew: garbage from many connections does not fill the log.
func TestComplaintsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simnet.New().Host("127.0.0.1"), 9092, nil)
		defer r.stop()
		for range 500 {
			c := r.dial()
			c.send(sized(-1, ""))
			c.expectClosed()
		}
		if lines := strings.Count(r.log.String(), "\n"); lines > complaintsMost {
			t.Fatalf("%d lines", lines)
		}
		time.Sleep(complaintWindow)
		c := r.dial()
		c.send(sized(-1, ""))
		c.expectClosed()
		if !strings.Contains(r.log.String(), fmt.Sprintf("suppressed=%d", 500-complaintsMost)) {
			t.Fatal("the log does not say how much it left out")
		}
	})
}

// FuzzFrames throws bytes at a server in memory: it answers or closes, and serves the next client.
func FuzzFrames(f *testing.F) {
	f.Add(request(kmsg.Heartbeat, 0, 1, "x"))
	f.Add(append(request(kmsg.Heartbeat, 0, 1, "x"), request(kmsg.ApiVersions, 3, 2, "\x01\x01\x00")...))
	f.Add(sized(-1, ""))
	f.Add(sized(3, "abc"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add(request(kmsg.LeaveGroup, 3, 1, "\x00\x01g\x7f\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, simnet.New().Host("127.0.0.1"), 9092, nil)
			defer r.stop()
			bad := r.dial()
			_, _ = bad.Write(b)
			synctest.Wait()
			for len(r.parked) > 0 {
				(<-r.parked).Answer(wire.Reply{})
			}
			bad.Close()
			_, _ = io.Copy(io.Discard, bad)
			good := r.dial()
			defer good.Close()
			good.send(request(kmsg.Heartbeat, 0, 1, "good"))
			good.expect(1, "good")
		})
	})
}
