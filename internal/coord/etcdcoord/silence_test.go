package etcdcoord

import (
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

	clientv3 "go.etcd.io/etcd/client/v3"
)

// outsider is a client of three voters, each behind a proxy of its own.
type outsider struct {
	*Store
	proxies []*proxy
}

const bigNode, bigBytes = "/big", 64 << 10

// outsider connects a client, which uses all three when it returns: each has sent it the big node.
func (q *quorumOf) outsider(t testing.TB) *outsider {
	t.Helper()
	o := new(outsider)
	var members []Member
	for i := range q.options {
		m := *q.options[i].Quorum.self()
		p := newProxy(t, m.address())
		m.Port = p.listener.Addr().(*net.TCPAddr).Port
		o.proxies, members = append(o.proxies, p), append(members, m)
	}
	var err error
	o.Store, err = OpenQuorum(context.Background(), &Quorum{Self: -1, Members: members}, slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(func() { _ = o.Close() })
	for _, p := range o.proxies {
		await(t, func() bool {
			_, err := o.Get(context.Background(), bigNode)
			must(t, err)
			return p.answered.Load() > bigBytes
		})
	}
	return o
}

// await waits for a condition that needs nothing but time.
func await(t testing.TB, holds func() bool) {
	t.Helper()
	for begun := time.Now(); !holds(); <-time.After(10 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatal("not within a minute")
		}
	}
}

// each does something as often at once as there are voters, which take turns: so each of them is asked.
func (o *outsider) each(do func(i int) error) []error {
	errs := make([]error, len(o.proxies))
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = do(i) })
	}
	all.Wait()
	return errs
}

// TestFrozenVoter: of a voter that keeps its connections and says nothing, readers notice a delay at most, writers learn that they cannot know
// well before their own time-out, and then all of them use the others. Sessions and watches go on.
func TestFrozenVoter(t *testing.T) {
	q := newQuorum(t, 3)
	q.start(0, 1, 2)
	ctx := context.Background()
	_, err := q.running[0].Create(ctx, coord.Create{Path: bigNode, Data: make([]byte, bigBytes)})
	must(t, err)
	reads := map[string]func(o *outsider) error{
		"get":      func(o *outsider) error { _, err := o.Get(ctx, bigNode); return err },
		"children": func(o *outsider) error { _, err := o.Children(ctx, "/"); return err },
		"below":    func(o *outsider) error { _, err := o.ListBelow(ctx, "/", 1); return err },
		"check":    func(o *outsider) error { _, err := o.Set(ctx, "/none", nil, 0); return err },
	}
	for name, read := range reads {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := q.outsider(t)
			o.proxies[1].stall()
			for _, err := range o.each(func(int) error { return read(o) }) {
				if err != nil && (name != "check" || !errors.Is(err, coord.ErrNoNode)) {
					t.Error(err)
				}
			}
		})
	}
	t.Run("write", func(t *testing.T) { q.writeWithOneFrozen(t) })
}

func (q *quorumOf) writeWithOneFrozen(t *testing.T) {
	ctx := context.Background()
	o := q.outsider(t)
	renewed, renew := new(atomic.Int64), o.renew
	o.renew = func(ctx context.Context, lease clientv3.LeaseID) (int64, error) {
		ttl, err := renew(ctx, lease)
		if err == nil {
			renewed.Add(1)
		}
		return ttl, err
	}
	s, err := o.NewSession(ctx, 6000)
	must(t, err)
	w, err := o.Watch("/seen", coord.WatchNode)
	must(t, err)
	o.proxies[1].stall()
	doubts := 0
	for _, err := range o.each(func(i int) error {
		ctx, cancel := o.bound(ctx)
		defer cancel()
		_, err := o.client.Put(ctx, fmt.Sprintf("/elsewhere/%d", i), "x") // a store's own writes read first
		return o.mapError(err)
	}) {
		if errors.Is(err, coord.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) {
			doubts++
		} else if err != nil {
			t.Error(err)
		}
	}
	if doubts > 1 {
		t.Errorf("%d of the writes in doubt, where one of the voters was frozen", doubts)
	}
	await(t, func() bool { return o.proxies[1].opened.Load() > 1 }) // it is tried again, and no longer used
	for _, err := range o.each(func(i int) error {
		_, err := o.Create(ctx, coord.Create{Path: fmt.Sprintf("/written%d", i), Session: s})
		return err
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	write(t, q.running[0], "/seen")
	<-w.C() // else the test's own time-out
	await(t, func() bool {
		select {
		case <-s.Expired():
			t.Fatal("the session is over")
		default:
		}
		return renewed.Load() > keepAlivesPerTimeout
	})
}

// TestQuietVoter: a voter that has nothing to say is not taken for frozen.
func TestQuietVoter(t *testing.T) {
	q := newQuorum(t, 3)
	q.start(0, 1, 2)
	_, err := q.running[0].Create(t.Context(), coord.Create{Path: bigNode, Data: make([]byte, bigBytes)})
	must(t, err)
	o := q.outsider(t)
	begun := time.Now()
	await(t, func() bool { return time.Since(begun) > 2*silenceLimit })
	for i, p := range o.proxies {
		if n := p.opened.Load(); n != 1 {
			t.Errorf("%d connections to voter %d", n, i+1)
		}
	}
}
