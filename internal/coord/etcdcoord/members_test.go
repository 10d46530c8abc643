package etcdcoord

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"milena/internal/coord"
	"milena/internal/coord/coordtest"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// quorumOf starts that many members on free loopback ports of the tests' own range, which no client is given while a member is down; stop
// ends one of them.
type quorumOf struct {
	t       testing.TB
	options []EmbeddedOptions
	running []*Embedded
}

func newQuorum(t testing.TB, n int) *quorumOf {
	q := &quorumOf{t: t, running: make([]*Embedded, n)}
	var members []Member
	var listeners []net.Listener
	for i := range n {
		l := listen(t)
		members = append(members, Member{ID: int32(i + 1), Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port})
		listeners = append(listeners, l)
	}
	for i := range n {
		q.options = append(q.options, EmbeddedOptions{
			Dir: t.TempDir(), Quorum: &Quorum{Self: int32(i + 1), Members: members, Listener: listeners[i]},
		})
	}
	t.Cleanup(func() {
		for _, e := range q.running {
			if e != nil {
				_ = e.Close()
			}
		}
	})
	return q
}

// start starts members, all at once: none is ready before a majority is there.
func (q *quorumOf) start(members ...int) {
	q.t.Helper()
	errs := make(chan error, len(members))
	for _, i := range members {
		go func() {
			var err error
			q.running[i], err = StartEmbedded(context.Background(), q.options[i])
			errs <- err
		}()
	}
	for range members {
		must(q.t, <-errs)
	}
}

func (q *quorumOf) stop(i int) {
	q.t.Helper()
	must(q.t, q.running[i].Close())
	q.running[i] = nil
}

// restart starts a member again at its old address.
func (q *quorumOf) restart(i int) {
	q.t.Helper()
	quorum := *q.options[i].Quorum
	var err error
	quorum.Listener, err = net.Listen("tcp", quorum.Members[i].address())
	must(q.t, err)
	q.options[i].Quorum = &quorum
	q.start(i)
}

func TestContractQuorum(t *testing.T) {
	if testing.Short() {
		t.Skip("the contract over three members takes long; it holds on one")
	}
	q := newQuorum(t, 3)
	q.start(0, 1, 2)
	fixtures, opened := 0, 0
	coordtest.Run(t, func(*testing.T) coordtest.Fixture {
		fixtures++
		prefix := fmt.Sprintf("/test%d", fixtures)
		return coordtest.Fixture{
			Open: func(t *testing.T) coord.Store { // on one member after the other, in process and from afar
				opened++
				e := q.running[opened%3]
				if opened%2 == 0 {
					s, err := Open(t.Context(), Options{
						Endpoints: []string{e.front.listener.Addr().String()}, Prefix: prefix, MaxTxnOps: EmbeddedMaxTxnOps,
					})
					must(t, err)
					return s
				}
				set := e.set
				set.prefix = prefix
				s, err := e.open(t.Context(), set)
				must(t, err)
				return s
			},
			Expire: func(t *testing.T, s coord.Session) {
				_, err := q.running[0].client.Revoke(t.Context(), clientv3.LeaseID(s.ID()))
				must(t, err)
			},
			ShortestSessionMs: 3000,
		}
	})
}

// TestQuorumLosesMembers: two of three go on without the third, whichever it is; it comes back and knows what was written meanwhile; one
// alone takes nothing.
func TestQuorumLosesMembers(t *testing.T) {
	q := newQuorum(t, 3)
	q.start(0, 1, 2)
	ctx := context.Background()
	for i := range q.running {
		path := fmt.Sprintf("/node%d", i)
		q.stop(i)
		other := q.running[(i+1)%3]
		for { // without a leader for a moment, unless the third did not lead
			_, err := other.Create(ctx, coord.Create{Path: path, Data: []byte("x")})
			if err == nil || errors.Is(err, coord.ErrNodeExists) { // the second where the first was not heard of
				break
			}
		}
		q.restart(i)
		n, err := q.running[i].Get(ctx, path)
		for errors.Is(err, coord.ErrUnavailable) { // a slow machine may take another vote
			n, err = q.running[i].Get(ctx, path)
		}
		if err != nil || string(n.Data) != "x" {
			t.Fatalf("the member that came back reads %q, %v", n.Data, err)
		}
	}
	q.stop(1)
	q.stop(2)
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := q.running[0].Create(short, coord.Create{Path: "/alone"}); err == nil {
		t.Error("a member without a majority took a write")
	}
}

// spotter is a log that looks for one text.
type spotter struct {
	text string
	seen atomic.Bool
}

func (s *spotter) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(s.text)) {
		s.seen.Store(true)
	}
	return len(line), nil
}

// TestQuorumStopsAtOnce: members that all stop at the same time do not wait for one of them to lead the others.
func TestQuorumStopsAtOnce(t *testing.T) {
	waited := &spotter{text: "leader transfer took too long"}
	q := newQuorum(t, 3)
	for i := range q.options {
		q.options[i].Logger = slog.New(slog.NewTextHandler(waited, nil))
	}
	q.start(0, 1, 2)
	var all sync.WaitGroup
	for i := range q.running {
		all.Go(func() {
			if err := q.running[i].Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	clear(q.running)
	if waited.seen.Load() {
		t.Error("a leader has waited for another one until etcd's own time-out")
	}
}
