package simnet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/netio/simnet"

	"golang.org/x/net/nettest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// pair connects a to b:9092.
func pair(t testing.TB, n *simnet.Network) (client, server net.Conn) {
	t.Helper()
	l, err := n.Host("b").Listen(t.Context(), "b:9092")
	must(t, err)
	client, err = n.Host("a").Dial(t.Context(), "b:9092")
	must(t, err)
	server, err = l.Accept()
	must(t, err)
	must(t, l.Close())
	return client, server
}

// TestConnContract runs the suite that Go's own connections pass.
func TestConnContract(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		c, s := pair(t, simnet.New())
		return c, s, func() { _ = c.Close(); _ = s.Close() }, nil
	})
}

func TestAddresses(t *testing.T) {
	n := simnet.New()
	a, b := n.Host("a"), n.Host("b")
	l, err := b.Listen(t.Context(), ":0")
	must(t, err)
	addr := l.Addr().String()
	if addr != "b:32768" || l.Addr().Network() != "tcp" {
		t.Fatalf("address %s", addr)
	}
	c, err := a.Dial(t.Context(), addr)
	must(t, err)
	s, err := l.Accept()
	must(t, err)
	if c.RemoteAddr().String() != addr || s.LocalAddr().String() != addr || c.LocalAddr() != s.RemoteAddr() {
		t.Errorf("%v-%v, %v-%v", c.LocalAddr(), c.RemoteAddr(), s.LocalAddr(), s.RemoteAddr())
	}
	_, err = b.Listen(t.Context(), addr)
	wantErr(t, "listen twice", err, syscall.EADDRINUSE)
	_, err = b.Listen(t.Context(), "a:1")
	wantErr(t, "another's address", err, syscall.EADDRNOTAVAIL)
	_, err = b.Listen(t.Context(), "b:70000")
	if err == nil {
		t.Error("port 70000")
	}
	_, err = a.Dial(t.Context(), "b:1")
	wantErr(t, "no listener", err, syscall.ECONNREFUSED)
	var dns *net.DNSError
	if _, err = a.Dial(t.Context(), "c:1"); !errors.As(err, &dns) || !dns.IsNotFound {
		t.Errorf("unknown host: %v", err)
	}
	local, err := b.Listen(t.Context(), "localhost:7")
	must(t, err)
	_, err = a.Dial(t.Context(), "b:7")
	wantErr(t, "loopback from outside", err, syscall.ECONNREFUSED)
	if c, err := b.Dial(t.Context(), "127.0.0.1:7"); err != nil || c.RemoteAddr().String() != "127.0.0.1:7" {
		t.Errorf("loopback: %v", err)
	}
	must(t, local.Close())
	_, err = local.Accept()
	wantErr(t, "accept when closed", err, net.ErrClosed)
	wantErr(t, "close twice", local.Close(), net.ErrClosed)
}

func read(t *testing.T, c net.Conn, want string) {
	t.Helper()
	buf := make([]byte, len(want))
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != want {
		t.Fatalf("read %q, %v, want %q", buf, err, want)
	}
}

func write(t *testing.T, c net.Conn, text string) {
	t.Helper()
	_, err := c.Write([]byte(text))
	must(t, err)
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New()
		n.SetDelay("a", "b", 50*time.Millisecond)
		begin := time.Now()
		c, s := pair(t, n)
		if took := time.Since(begin); took != 100*time.Millisecond {
			t.Errorf("connected after %v, want a round trip", took)
		}
		begin = time.Now()
		write(t, c, "one")
		time.Sleep(20 * time.Millisecond)
		n.SetDelay("a", "b", time.Millisecond)
		write(t, c, "two") // sent later over a shorter way, and not faster than the first
		read(t, s, "onetwo")
		if took := time.Since(begin); took != 50*time.Millisecond {
			t.Errorf("arrived after %v", took)
		}
		must(t, c.Close())
		if _, err := s.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("after close: %v", err)
		}
	})
}

// TestUnevenConnections: what is sent later over another connection arrives first; within a connection the order stays.
func TestUnevenConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New()
		n.SetDelay("a", "b", time.Millisecond)
		slow, slowServer := pair(t, n)
		lags := []time.Duration{30 * time.Millisecond, 0, 0, 0}
		n.SetUneven("a", "b", func() time.Duration {
			lag := lags[0]
			lags = append(lags[1:], 0)
			return lag
		})
		fast, fastServer := pair(t, n)
		arrived := make(chan string, 2)
		write(t, slow, "one")
		write(t, slowServer, "one")
		write(t, fast, "two")
		for _, end := range []struct {
			name string
			c    net.Conn
		}{{"there", slowServer}, {"back", slow}, {"other", fastServer}} {
			go func() {
				began := time.Now()
				read(t, end.c, map[string]string{"there": "one", "back": "one", "other": "two"}[end.name])
				arrived <- end.name + " " + time.Since(began).String()
			}()
		}
		got := map[string]bool{<-arrived: true, <-arrived: true}
		last := <-arrived
		if !got["other 1ms"] || last != "there 31ms" && last != "back 31ms" {
			t.Errorf("first %v, then %s", got, last)
		}
		n.SetUneven("a", "b", nil)
		began := time.Now()
		write(t, slow, "x")
		read(t, slowServer, "x")
		if took := time.Since(began); took != time.Millisecond {
			t.Errorf("even again: %v", took)
		}
	})
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := pair(t, simnet.New())
		begin := time.Now()
		must(t, c.SetReadDeadline(begin.Add(time.Hour)))
		_, err := c.Read(make([]byte, 1))
		wantErr(t, "read", err, os.ErrDeadlineExceeded)
		var timeout net.Error
		if took := time.Since(begin); took != time.Hour || !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("after %v: %v", took, err)
		}
		must(t, c.SetWriteDeadline(time.Now().Add(time.Second)))
		written, err := c.Write(make([]byte, simnet.DefaultBufferBytes+1))
		wantErr(t, "write", err, os.ErrDeadlineExceeded)
		if written != simnet.DefaultBufferBytes {
			t.Errorf("wrote %d", written)
		}
		go func() { time.Sleep(time.Minute); _ = s.SetReadDeadline(time.Now()) }()
		_, err = io.Copy(io.Discard, s)
		wantErr(t, "a deadline set while reading", err, os.ErrDeadlineExceeded)
	})
}

func TestCutHoldsOneDirection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New()
		c, s := pair(t, n)
		n.Cut("a", "b")
		write(t, c, "held")
		write(t, s, "goes")
		read(t, c, "goes")
		must(t, s.SetReadDeadline(time.Now().Add(time.Hour)))
		_, err := s.Read(make([]byte, 1))
		wantErr(t, "read over the cut", err, os.ErrDeadlineExceeded)
		must(t, s.SetReadDeadline(time.Time{}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = n.Host("a").Dial(ctx, "b:9092")
		wantErr(t, "dial over the cut", err, context.DeadlineExceeded)
		begin := time.Now()
		_, err = n.Host("b").Dial(t.Context(), "a:1")
		wantErr(t, "the answer to a dial is cut", err, syscall.ETIMEDOUT)
		if took := time.Since(begin); took != 127*time.Second {
			t.Errorf("gave up after %v", took)
		}
		time.AfterFunc(time.Minute, func() { n.Heal("a", "b") })
		read(t, s, "held")
	})
}

func TestDropBreaksWhatLostSomething(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New()
		idle, idleServer := pair(t, n)
		c, s := pair(t, n)
		n.Drop("a", "b")
		write(t, c, "lost")
		n.Heal("a", "b")
		_, err := s.Read(make([]byte, 1))
		wantErr(t, "the reader", err, syscall.ECONNRESET)
		_, err = c.Write([]byte("x"))
		wantErr(t, "the writer", err, syscall.ECONNRESET)
		write(t, idle, "fine")
		read(t, idleServer, "fine")
	})
}

func TestResetAndKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New()
		c, s := pair(t, n)
		done := make(chan error)
		go func() { _, err := s.Read(make([]byte, 1)); done <- err }()
		synctest.Wait()
		n.Reset("b", "a")
		wantErr(t, "reader", <-done, syscall.ECONNRESET)
		_, err := c.Write([]byte("x"))
		wantErr(t, "writer", err, syscall.ECONNRESET)

		c, s = pair(t, n)
		l, err := n.Host("b").Listen(t.Context(), "b:1")
		must(t, err)
		waiting, err := n.Host("a").Dial(t.Context(), "b:1")
		must(t, err)
		n.SetDelay("a", "b", time.Second)
		go func() { _, err := c.Write(make([]byte, 1<<20)); done <- err }()
		synctest.Wait()
		begin := time.Now()
		n.Host("b").Kill()
		_, err = s.Read(make([]byte, 1))
		wantErr(t, "the killed", err, net.ErrClosed)
		wantErr(t, "the peer's writer", <-done, syscall.ECONNRESET)
		if took := time.Since(begin); took != time.Second {
			t.Errorf("the peer knew after %v", took)
		}
		_, err = waiting.Read(make([]byte, 1))
		wantErr(t, "never accepted", err, syscall.ECONNRESET)
		_, err = l.Accept()
		wantErr(t, "listener", err, net.ErrClosed)
		_, err = n.Host("a").Dial(t.Context(), "b:1")
		wantErr(t, "dial", err, syscall.ECONNREFUSED)
	})
}

func TestPowerLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New()
		c, _ := pair(t, n)
		b := n.Host("b")
		b.SetDown(true)
		b.Kill()
		must(t, c.SetReadDeadline(time.Now().Add(time.Hour)))
		_, err := c.Read(make([]byte, 1))
		wantErr(t, "a lost machine is silent", err, os.ErrDeadlineExceeded)
		must(t, c.SetReadDeadline(time.Time{}))
		b.SetDown(false)
		_, err = c.Read(make([]byte, 1))
		wantErr(t, "back again", err, syscall.ECONNRESET)
		must(t, c.Close())
		if n.Conns() != 0 {
			t.Errorf("%d connections are left", n.Conns())
		}
	})
}

func TestIsolate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New()
		c, s := pair(t, n)
		n.Isolate("b")
		write(t, s, "x")
		must(t, c.SetReadDeadline(time.Now().Add(time.Second)))
		_, err := c.Read(make([]byte, 1))
		wantErr(t, "isolated", err, os.ErrDeadlineExceeded)
		must(t, c.SetReadDeadline(time.Time{}))
		n.HealAll()
		read(t, c, "x")
	})
}

// TestStream sends much, both ways at once, over a slow link and small buffers.
func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New()
		n.SetBuffer(1000)
		n.SetDelay("a", "b", 3*time.Millisecond)
		c, s := pair(t, n)
		data := make([]byte, 200_000)
		for i := range data {
			data[i] = byte(i * 7 >> 3)
		}
		got := make(chan []byte, 2)
		for _, end := range []net.Conn{c, s} {
			go func() {
				_, err := end.Write(data)
				if err == nil {
					err = end.(interface{ CloseWrite() error }).CloseWrite()
				}
				if err != nil {
					t.Error(err)
				}
			}()
			go func() {
				all, err := io.ReadAll(end)
				if err != nil {
					t.Error(err)
				}
				got <- all
			}()
		}
		for range 2 {
			if all := <-got; !bytes.Equal(all, data) {
				t.Errorf("%d bytes differ", len(all))
			}
		}
	})
}
