package memcoord_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/coord"
	"milena/internal/coord/coordtest"
	"milena/internal/coord/memcoord"
)

func TestContract(t *testing.T) {
	coordtest.Run(t, func(*testing.T) coordtest.Fixture {
		server := memcoord.NewServer()
		return coordtest.Fixture{
			Open:              func(*testing.T) coord.Store { return server.Open() },
			Expire:            func(_ *testing.T, s coord.Session) { server.ExpireSession(s.ID()) },
			Cut:               func(_ *testing.T, s coord.Store) { s.(*memcoord.Client).Cut() },
			Restore:           func(_ *testing.T, s coord.Store) { s.(*memcoord.Client).Restore() },
			ShortestSessionMs: 200,
		}
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestVirtualTime lets days go by.
func TestVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := memcoord.NewServer()
		c, other := server.Open(), server.Open()
		s, err := c.NewSession(t.Context(), 18_000)
		must(t, err)
		_, err = c.Create(t.Context(), coord.Create{Path: "/e", Session: s})
		must(t, err)
		time.Sleep(48 * time.Hour)
		c.Cut()
		time.Sleep(17 * time.Second)
		c.Restore()
		time.Sleep(time.Hour)
		if _, err := other.Get(t.Context(), "/e"); err != nil {
			t.Fatalf("a session lives while it is reached in time: %v", err)
		}
		begin := time.Now()
		c.Cut()
		_, err = c.Get(t.Context(), "/e")
		if took := time.Since(begin); !errors.Is(err, coord.ErrUnavailable) || took != 5*time.Second {
			t.Errorf("cut off: %v after %v", err, took)
		}
		<-s.Expired()
		if took := time.Since(begin); took != 18*time.Second {
			t.Errorf("expired after %v", took)
		}
		if _, err := other.Get(t.Context(), "/e"); !errors.Is(err, coord.ErrNoNode) {
			t.Errorf("the node: %v", err)
		}
		must(t, c.Close())
	})
}

// TestDeadProcess: a client that is cut off and closed leaves its session to run out.
func TestDeadProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := memcoord.NewServer()
		c, other := server.Open(), server.Open()
		s, err := c.NewSession(t.Context(), 6000)
		must(t, err)
		_, err = c.Create(t.Context(), coord.Create{Path: "/e", Session: s})
		must(t, err)
		w, err := other.Watch("/e", coord.WatchNode)
		must(t, err)
		begin := time.Now()
		c.Cut()
		must(t, c.Close())
		<-s.Expired()
		<-w.C()
		if took := time.Since(begin); took != 6*time.Second || len(server.Sessions()) != 0 {
			t.Errorf("gone after %v, sessions %v", took, server.Sessions())
		}
	})
}

func TestLostReply(t *testing.T) {
	c := memcoord.Open()
	c.LoseReplies(1)
	if _, err := c.Create(t.Context(), coord.Create{Path: "/n"}); !errors.Is(err, coord.ErrUnavailable) {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), "/n"); err != nil {
		t.Errorf("a change whose reply is lost has happened: %v", err)
	}
	_, err := c.Create(t.Context(), coord.Create{Path: "/m"})
	must(t, err)
}

// TestLateWatches: a signal comes after its time, to the client that is late alone.
func TestLateWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := memcoord.NewServer()
		late, other := server.Open(), server.Open()
		late.SetLateWatches(func() time.Duration { return 3 * time.Second })
		took := func(c *memcoord.Client, change func()) time.Duration {
			w, err := c.Watch("/n", coord.WatchNode)
			must(t, err)
			defer w.Close()
			began := time.Now()
			change()
			<-w.C()
			return time.Since(began)
		}
		if d := took(late, func() {
			_, err := other.Create(t.Context(), coord.Create{Path: "/n"})
			must(t, err)
			_, err = late.Get(t.Context(), "/n") // what is read is not late
			must(t, err)
		}); d != 3*time.Second {
			t.Errorf("told after %v", d)
		}
		set := func() {
			_, err := late.Set(t.Context(), "/n", nil, coord.AnyVersion)
			must(t, err)
		}
		if d := took(other, set); d != 0 {
			t.Errorf("another was told after %v", d)
		}
		late.SetLateWatches(nil)
		if d := took(late, set); d != 0 {
			t.Errorf("in time again: told after %v", d)
		}
		must(t, late.Close())
		time.Sleep(time.Minute)
	})
}

// TestSlow: an operation takes its time both ways, and what it brings is what was there in between.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := memcoord.NewServer()
		slow, other := server.Open(), server.Open()
		_, err := other.Create(t.Context(), coord.Create{Path: "/n", Data: []byte("old")})
		must(t, err)
		slow.SetSlow(func() time.Duration { return time.Second })
		began := time.Now()
		time.AfterFunc(1500*time.Millisecond, func() {
			if _, err := other.Set(t.Context(), "/n", []byte("new"), coord.AnyVersion); err != nil {
				t.Error(err)
			}
		})
		n, err := slow.Get(t.Context(), "/n")
		must(t, err)
		if took := time.Since(began); string(n.Data) != "old" || took != 2*time.Second {
			t.Errorf("%s after %v", n.Data, took)
		}
		if _, err := slow.Set(t.Context(), "/n", nil, n.Stat.Version); !errors.Is(err, coord.ErrBadVersion) {
			t.Errorf("a change of what has changed: %v", err)
		}
		slow.SetSlow(nil)
		began = time.Now()
		_, err = slow.Set(t.Context(), "/n", nil, coord.AnyVersion)
		must(t, err)
		if took := time.Since(began); took != 0 {
			t.Errorf("fast again: %v", took)
		}
	})
}
