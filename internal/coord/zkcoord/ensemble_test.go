//go:build oracle

package zkcoord

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"milena/internal/coord"
	"milena/test/zookeeper"
)

// patience is how long something that must happen may take.
const patience = 30 * time.Second

func startEnsemble(t *testing.T, port int) *zookeeper.Ensemble {
	t.Helper()
	e := zookeeper.NewEnsemble(t.TempDir(), port)
	for _, s := range e {
		s.Flags = []string{"-Djute.maxbuffer=4194304"}
	}
	t.Cleanup(func() { _ = e.Stop() })
	must(t, e.Start(t.Context()))
	return e
}

func addresses(e *zookeeper.Ensemble) []string {
	return []string{e[0].Address(), e[1].Address(), e[2].Address()}
}

// TestEnsemble runs the contract over three members, each client with one of them, and then has them fail.
func TestEnsemble(t *testing.T) {
	t.Parallel()
	e := startEnsemble(t, firstPort+10)
	contract(t, addresses(e))
	t.Run("MembersFail", func(t *testing.T) { membersFail(t, e) })
}

// counter counts up by compare-and-set while members fail. What was acknowledged is never lost, and what was not is looked up.
type counter struct {
	store *Store
	mu    sync.Mutex
	acked int
}

func (c *counter) run(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		n, err := c.store.Get(ctx, "/n")
		if err != nil {
			continue
		}
		value, err := strconv.Atoi(string(n.Data))
		if err != nil || value != int(n.Stat.Version) || value < c.now() {
			t.Errorf("%q at version %d, after %d was acknowledged: %v", n.Data, n.Stat.Version, c.now(), err)
			return
		}
		_, err = c.store.Set(ctx, "/n", []byte(strconv.Itoa(value+1)), n.Stat.Version)
		switch {
		case err == nil:
			c.mu.Lock()
			c.acked = value + 1
			c.mu.Unlock()
		case !errors.Is(err, coord.ErrUnavailable) && !errors.Is(err, coord.ErrBadVersion):
			t.Errorf("set: %v", err)
		}
	}
}

func (c *counter) now() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.acked
}

// goesOn waits until the counter has come further.
func (c *counter) goesOn(t *testing.T, what string) {
	t.Helper()
	from := c.now()
	await(t, what+": the counter goes on", func() bool { return c.now() > from+10 })
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-limit:
			t.Fatalf("%s: not within %v", what, patience)
		case <-tick.C:
		}
	}
}

// membersFail kills and freezes members one after the other. A session outlives all of it, and watches miss nothing.
func membersFail(t *testing.T, e *zookeeper.Ensemble) {
	options := Options{Servers: addresses(e), Chroot: newChroot()}
	s, watcher := open(t, options), open(t, options)
	session, err := s.NewSession(t.Context(), 30_000)
	must(t, err)
	_, err = s.Multi(t.Context(), coord.Create{Path: "/n", Data: []byte("0")}, coord.Create{Path: "/here", Session: session})
	must(t, err)
	watch, err := watcher.Watch("/n", coord.WatchNode)
	must(t, err)
	c := &counter{store: s}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { c.run(ctx, t) })
	var seen sync.Map
	running.Go(func() {
		for range watch.C() {
			if n, err := watcher.Get(context.Background(), "/n"); err == nil {
				seen.Store("last", string(n.Data))
			}
		}
	})
	c.goesOn(t, "at first")
	follower := e[0]
	if follower.Mode() == "leader" {
		follower = e[1]
	}
	must(t, follower.Kill())
	c.goesOn(t, "without a follower")
	must(t, follower.Start(t.Context()))
	leader := e.Leader()
	must(t, leader.Kill())
	c.goesOn(t, "without the leader")
	must(t, leader.Start(t.Context()))
	leader = e.Leader()
	must(t, leader.Freeze())
	c.goesOn(t, "with a frozen leader")
	must(t, leader.Thaw())
	c.goesOn(t, "and back")
	stop()
	await(t, "the watch tells of the last change", func() bool {
		n, err := watcher.Get(context.Background(), "/n")
		last, _ := seen.Load("last")
		return err == nil && last == string(n.Data)
	})
	watch.Close()
	here, err := watcher.Get(t.Context(), "/here")
	if err != nil || here.Stat.EphemeralOwner != session.ID() {
		t.Errorf("the session's node: %+v, %v", here, err)
	}
	select {
	case <-session.Expired():
		t.Error("the session is over")
	default:
	}
}

// TestRestart stops a single server, cleanly and by SIGKILL, and starts it again: the session goes on, and watches tell what they missed.
func TestRestart(t *testing.T) {
	t.Parallel()
	server := &zookeeper.Server{Dir: t.TempDir(), Port: firstPort + 20}
	must(t, server.Start(t.Context()))
	t.Cleanup(func() { _ = server.Kill() })
	s := open(t, Options{Servers: []string{server.Address()}, Chroot: "/a/b"})
	session, err := s.NewSession(t.Context(), 30_000)
	must(t, err)
	_, err = s.Create(t.Context(), coord.Create{Path: "/e", Session: session})
	must(t, err)
	watch, err := s.Watch("/e", coord.WatchNode)
	must(t, err)
	for _, end := range []func() error{server.Stop, server.Kill} {
		must(t, end())
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, err := s.Get(ctx, "/e")
		cancel()
		if !errors.Is(err, coord.ErrUnavailable) {
			t.Errorf("without a server: %v", err)
		}
		must(t, server.Start(t.Context()))
		<-watch.C() // whatever has changed meanwhile
		var stat coord.Stat
		await(t, "a write", func() bool { stat, err = s.Set(t.Context(), "/e", nil, coord.AnyVersion); return err == nil })
		if stat.EphemeralOwner != session.ID() {
			t.Errorf("%+v, session %d", stat, session.ID())
		}
		<-watch.C()
	}
	must(t, session.Close(t.Context()))
	<-watch.C()
	if _, err := s.Get(t.Context(), "/e"); !errors.Is(err, coord.ErrNoNode) {
		t.Error(err)
	}
}
