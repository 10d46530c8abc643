package cli

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/coord"
	"milena/internal/coord/memcoord"
)

func TestCoord(t *testing.T) {
	store := memcoord.NewServer().Open()
	defer store.Close()
	create := func(path, data string) {
		t.Helper()
		if _, err := store.Create(t.Context(), coord.Create{Path: path, Data: []byte(data)}); err != nil {
			t.Fatal(err)
		}
	}
	create("/brokers", "")
	create("/brokers/topics", "")
	create("/brokers/topics/t", `{"version":3}`)
	create("/brokers/ids", "")
	var out bytes.Buffer
	env := &Env{Stdout: &out}
	check := func(err error, want string) {
		t.Helper()
		if got := out.String(); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
		out.Reset()
	}
	check(env.listNodes(t.Context(), store, "/", false), "brokers\n")
	check(env.listNodes(t.Context(), store, "/brokers", false), "ids\ntopics\n")
	check(env.listNodes(t.Context(), store, "/brokers", true), "/brokers\n/brokers/ids\n/brokers/topics\n/brokers/topics/t\n")
	node, err := store.Get(t.Context(), "/brokers/topics/t")
	if err != nil {
		t.Fatal(err)
	}
	if err := env.printNode(t.Context(), store, "/brokers/topics/t"); err != nil || !strings.HasPrefix(out.String(), "{\"version\":3}\nversion = 0\ncreated = ") ||
		!strings.HasSuffix(out.String(), "ephemeralOwner = 0x0\nchildren = 0\n") || node.Stat.Version != 0 {
		t.Errorf("%s, %v", out.String(), err)
	}
	if err := env.listNodes(t.Context(), store, "/none", true); err == nil {
		t.Error("/none is listed")
	}
}

// TestCoordWatch sees what another client changes.
func TestCoordWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := memcoord.NewServer()
		store, other := server.Open(), server.Open()
		defer store.Close()
		defer other.Close()
		ctx, cancel := context.WithCancel(t.Context())
		var out bytes.Buffer // read while the watcher waits
		ended := make(chan error, 1)
		go func() { ended <- (&Env{Stdout: &out}).watchNodes(ctx, store, "/") }()
		stamps := regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d\.\d{3} `)
		expect := func(err error, want string) {
			t.Helper()
			synctest.Wait()
			if got := stamps.ReplaceAllString(out.String(), ""); err != nil || got != want {
				t.Errorf("%q, %v, want %q", got, err, want)
			}
			out.Reset()
		}
		expect(nil, "")
		_, err := other.Create(t.Context(), coord.Create{Path: "/a", Data: []byte("one")})
		expect(err, "created /a one\n")
		_, err = other.Set(t.Context(), "/a", []byte("two"), coord.AnyVersion)
		expect(err, "set /a version 1 two\n")
		_, err = other.Multi(t.Context(), coord.Delete{Path: "/a", Version: coord.AnyVersion}, coord.Create{Path: "/a", Data: []byte("new")})
		expect(err, "deleted /a\ncreated /a new\n")
		store.Cut() // what changes while the store is away is seen when it is back
		_, err = other.Create(t.Context(), coord.Create{Path: "/b"})
		time.Sleep(10 * time.Second) // of the bubble
		expect(err, "")
		store.Restore()
		time.Sleep(10 * time.Second)
		expect(nil, "created /b \n")
		expect(other.Delete(t.Context(), "/a", coord.AnyVersion), "deleted /a\n")
		cancel()
		if err := <-ended; err != context.Canceled {
			t.Error(err)
		}
	})
}
