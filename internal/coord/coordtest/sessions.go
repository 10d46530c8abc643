package coordtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"milena/internal/coord"
)

func (c *checked) ephemeral(path string, s coord.Session) {
	c.t.Helper()
	_, err := c.Create(c.t.Context(), coord.Create{Path: path, Data: []byte("here"), Session: s})
	c.must(err)
}

func testEphemeral(t *testing.T, f Fixture) {
	c, other := client(t, f), client(t, f)
	ctx := t.Context()
	c.create("/ids", "")
	s, s2 := c.session(), c.session()
	if s.ID() == 0 || s.ID() == s2.ID() {
		t.Errorf("ids %d, %d", s.ID(), s2.ID())
	}
	c.ephemeral("/ids/1", s)
	c.ephemeral("/ids/2", s2)
	if n := other.get("/ids/1"); n.Stat.EphemeralOwner != s.ID() || n.Stat.Version != 0 {
		t.Errorf("%+v, session %d", n, s.ID())
	}
	_, err := c.Create(ctx, coord.Create{Path: "/ids/1/x"})
	c.wantErr("child of an ephemeral", err, coord.ErrEphemeralParent)
	_, err = other.Create(ctx, coord.Create{Path: "/ids/1"})
	c.wantErr("create over it", err, coord.ErrNodeExists)
	if stat := other.set("/ids/1", "changed"); stat.EphemeralOwner != s.ID() || stat.Version != 1 {
		t.Errorf("changed by another: %+v", stat)
	}
	other.delete("/ids/2")
	made, err := c.Create(ctx, coord.Create{Path: "/ids/n-", Session: s, Sequential: true})
	c.must(err)
	w := other.watch("/ids", coord.WatchChildren)
	c.must(s.Close(ctx))
	until(t, "nodes go with their session", w, func() bool { return !other.exists("/ids/1") && !other.exists(made) })
	isOpen(t, "the other session", s2.Expired())
}

func testSessionClose(t *testing.T, f Fixture) {
	c := client(t, f)
	ctx := t.Context()
	s := c.session()
	c.must(s.Close(ctx))
	closed(t, "Expired after Close", s.Expired())
	c.must(s.Close(ctx))
	_, err := c.Create(ctx, coord.Create{Path: "/n", Session: s})
	c.wantErr("create with a closed session", err, coord.ErrSessionExpired)
	c.refused(1, coord.ErrSessionExpired, coord.Create{Path: "/a"}, coord.Create{Path: "/b", Session: s})
	if c.exists("/a") || c.exists("/n") {
		t.Error("created nevertheless")
	}
	if _, err := c.NewSession(ctx, 0); err == nil {
		t.Error("a session of 0 ms")
	}
}

func testSessionExpires(t *testing.T, f Fixture) {
	if f.Expire == nil {
		t.Skip("sessions cannot be expired here")
	}
	c, other := client(t, f), client(t, f)
	s, kept := c.session(), c.session()
	c.ephemeral("/e", s)
	c.ephemeral("/kept", kept)
	w := other.watch("/e", coord.WatchNode)
	f.Expire(t, s)
	signalled(t, "the node goes", w)
	if other.exists("/e") || !other.exists("/kept") {
		t.Error("the nodes of one session, and only they, must be gone")
	}
	closed(t, "Expired", s.Expired())
	_, err := c.Create(t.Context(), coord.Create{Path: "/e2", Session: s})
	c.wantErr("create with an expired session", err, coord.ErrSessionExpired)
	isOpen(t, "the other session", kept.Expired())
}

func testClose(t *testing.T, f Fixture) {
	c, other := client(t, f), client(t, f)
	ctx := t.Context()
	s := c.session()
	c.ephemeral("/e", s)
	w, gone := c.watch("/e", coord.WatchNode), other.watch("/e", coord.WatchNode)
	c.must(c.Close())
	closed(t, "Expired", s.Expired())
	closed(t, "a watch", w.C())
	until(t, "nodes go with their client", gone, func() bool { return !other.exists("/e") })
	_, err := c.Get(ctx, "/")
	c.wantErr("get", err, coord.ErrClosed)
	_, err = c.Children(ctx, "/")
	c.wantErr("children", err, coord.ErrClosed)
	_, err = c.Create(ctx, coord.Create{Path: "/n"})
	c.wantErr("create", err, coord.ErrClosed)
	_, err = c.Watch("/", coord.WatchNode)
	c.wantErr("watch", err, coord.ErrClosed)
	_, err = c.NewSession(ctx, longSessionMs)
	c.wantErr("session", err, coord.ErrClosed)
	c.must(c.Close())
	w.Close()
}

func testContext(t *testing.T, f Fixture) {
	c := client(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Create(ctx, coord.Create{Path: "/n"})
	c.wantErr("create", err, coord.ErrUnavailable)
	c.wantErr("create", err, context.Canceled)
	_, err = c.Get(ctx, "/")
	if err != nil { // the root is known without asking
		c.wantErr("get", err, coord.ErrUnavailable)
	}
	_, err = c.Children(ctx, "/")
	c.wantErr("children", err, coord.ErrUnavailable)
}

// testCutWatch: what changes while a client is cut off is signalled when it is back.
func testCutWatch(t *testing.T, f Fixture) {
	if f.Cut == nil {
		t.Skip("clients cannot be cut off here")
	}
	c, other := client(t, f), client(t, f)
	c.create("/n", "before")
	w := c.watch("/n", coord.WatchNode)
	f.Cut(t, c.Store)
	_, err := c.Get(short(t, 300*time.Millisecond), "/n")
	c.wantErr("get while cut off", err, coord.ErrUnavailable)
	_, err = c.Set(short(t, 300*time.Millisecond), "/n", []byte("lost?"), coord.AnyVersion)
	c.wantErr("set while cut off", err, coord.ErrUnavailable)
	other.set("/n", "after")
	f.Restore(t, c.Store)
	until(t, "the change made while cut off", w, func() bool {
		n, err := c.Get(t.Context(), "/n")
		return err == nil && string(n.Data) == "after"
	})
}

// testCutSession: a session ends on both sides when the store is not reached for its time-out.
func testCutSession(t *testing.T, f Fixture) {
	if f.Cut == nil {
		t.Skip("clients cannot be cut off here")
	}
	c, other := client(t, f), client(t, f)
	s, err := c.NewSession(t.Context(), f.ShortestSessionMs)
	c.must(err)
	c.ephemeral("/e", s)
	w := other.watch("/e", coord.WatchNode)
	begin := time.Now()
	f.Cut(t, c.Store)
	closed(t, "Expired while cut off", s.Expired())
	if took, limit := time.Since(begin), time.Duration(f.ShortestSessionMs)*time.Millisecond+patience/2; took > limit {
		t.Errorf("known to be over only after %v", took)
	}
	until(t, "the nodes go while their client is cut off", w, func() bool { return !other.exists("/e") })
	f.Restore(t, c.Store)
	_, err = c.Create(t.Context(), coord.Create{Path: "/e", Session: s})
	c.wantErr("create with the old session", err, coord.ErrSessionExpired)
	var fresh coord.Session
	for fresh == nil { // the connection may take a moment
		if fresh, err = c.NewSession(short(t, time.Second), longSessionMs); err != nil && !errors.Is(err, coord.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	c.ephemeral("/e", fresh)
}

// testCutShortly: a session outlives a cut shorter than its time-out.
func testCutShortly(t *testing.T, f Fixture) {
	if f.Cut == nil {
		t.Skip("clients cannot be cut off here")
	}
	c, other := client(t, f), client(t, f)
	s, err := c.NewSession(t.Context(), longSessionMs)
	c.must(err)
	c.ephemeral("/e", s)
	f.Cut(t, c.Store)
	_, err = c.Get(short(t, 300*time.Millisecond), "/e")
	c.wantErr("get while cut off", err, coord.ErrUnavailable)
	f.Restore(t, c.Store)
	isOpen(t, "the session", s.Expired())
	for c.set("/e", "still here").EphemeralOwner != s.ID() || !other.exists("/e") {
		t.Fatal("the node is another's")
	}
}
