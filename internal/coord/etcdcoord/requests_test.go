package etcdcoord

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"milena/internal/coord"
)

// TestRequests: connections of Kafka's protocol come in beside members and clients, with the listener's security, from before the server
// runs until they are not wanted any more; without being asked for they are closed.
func TestRequests(t *testing.T) {
	ours := newAuthority(t)
	for name, secured := range map[string]*TLS{"plain": nil, "TLS": ours.tls(ours)} {
		t.Run(name, func(t *testing.T) {
			q := newQuorum(t, 1)
			q.options[0].Quorum.TLS, q.options[0].Quorum.Requests = secured, true
			dial := func(first string) net.Conn {
				t.Helper()
				conn, err := net.Dial("tcp", q.options[0].Quorum.self().address())
				must(t, err)
				if secured != nil {
					config := secured.Client.Clone()
					config.ServerName = "127.0.0.1"
					conn = tls.Client(conn, config)
				}
				must(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
				_, err = io.WriteString(conn, first)
				must(t, err)
				return conn
			}
			early := make(chan net.Conn, 1)
			go func() { early <- dial("\x00\x00\x00\x04ping") }()
			q.start(0)
			e := q.running[0]
			conn := <-early
			defer conn.Close()
			served, err := e.Requests().Accept()
			must(t, err)
			buf := make([]byte, 8)
			if _, err := io.ReadFull(served, buf); err != nil || string(buf[4:]) != "ping" {
				t.Errorf("%q, %v", buf, err)
			}
			_, err = io.WriteString(served, "pong")
			must(t, err)
			if _, err := io.ReadFull(conn, buf[:4]); err != nil || string(buf[:4]) != "pong" {
				t.Errorf("%q, %v", buf[:4], err)
			}
			must(t, served.Close())

			client := &Quorum{Self: 9, Members: q.options[0].Quorum.Members, TLS: secured}
			must(t, e.Requests().Close())
			if _, err := e.Requests().Accept(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("after its end: %v", err)
			}
			late := dial("\x00\x00\x00\x04ping")
			defer late.Close()
			if _, err := late.Read(buf); err == nil {
				t.Error("a late request is answered")
			}
			s, err := OpenQuorum(t.Context(), client, nil)
			must(t, err)
			if _, err := s.Create(t.Context(), coord.Create{Path: "/served-on"}); err != nil {
				t.Error(err)
			}
			must(t, s.Close())
		})
	}
	if (&Embedded{front: &front{}}).Requests() != nil {
		t.Error("requests that nobody asked for")
	}
}
