package etcdcoord

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"milena/internal/coord"
)

func TestEmbeddedListensNowhere(t *testing.T) {
	e := start(t, t.TempDir())
	if len(e.etcd.Clients) != 0 || len(e.etcd.Peers) != 0 {
		t.Errorf("listens for clients at %v, for peers at %v", e.etcd.Clients, e.etcd.Peers)
	}
}

func TestEmbeddedRestart(t *testing.T) {
	dir := t.TempDir()
	e := start(t, dir)
	_, err := e.Create(t.Context(), coord.Create{Path: "/kept", Data: []byte("x")})
	must(t, err)
	stat, err := e.Set(t.Context(), "/kept", []byte("y"), 0)
	must(t, err)
	must(t, e.Close())
	<-e.Done()
	if _, err := e.Get(t.Context(), "/kept"); !errors.Is(err, coord.ErrClosed) {
		t.Errorf("closed, but %v", err)
	}
	e = start(t, dir)
	n, err := e.Get(t.Context(), "/kept")
	if err != nil || string(n.Data) != "y" || n.Stat != stat {
		t.Errorf("%+v, %v, want %+v", n, err, stat)
	}
	_, err = e.Create(t.Context(), coord.Create{Path: "/after"})
	must(t, err)
	if n, err := e.Get(t.Context(), "/after"); err != nil || n.Stat.CreateID <= stat.ModID {
		t.Errorf("positions must go on after %d: %+v, %v", stat.ModID, n, err)
	}
}

// cancelAtFirst is a log handler that ends a context with the first line.
type cancelAtFirst struct {
	slog.Handler
	cancel context.CancelFunc
}

func (h cancelAtFirst) Enabled(context.Context, slog.Level) bool { return true }
func (h cancelAtFirst) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h cancelAtFirst) Handle(context.Context, slog.Record) error {
	h.cancel()
	return nil
}

// TestEmbeddedStartGivenUp: a start whose context ends leaves nothing behind that still uses the directory.
func TestEmbeddedStartGivenUp(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		e, err := StartEmbedded(ctx, EmbeddedOptions{Dir: dir, Logger: slog.New(cancelAtFirst{cancel: cancel})})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("%v, %v", e, err)
		}
	}
	start(t, dir) // would wait for the lock of a server that is still there
}

const killHelper = "MILENA_TEST_ETCD_DIR"

// TestEmbeddedKilled kills a process in the middle of its changes: all it has acknowledged is there again, but for what hung
// on its session, which nobody keeps alive any more.
func TestEmbeddedKilled(t *testing.T) {
	if dir := os.Getenv(killHelper); dir != "" {
		changeForever(t, dir)
		return
	}
	dir := t.TempDir()
	acknowledged := 0
	for round := range 3 {
		helper := exec.Command(os.Args[0], "-test.run=^TestEmbeddedKilled$")
		helper.Env = append(os.Environ(), killHelper+"="+dir)
		helper.Stderr = os.Stderr
		out, err := helper.StdoutPipe()
		must(t, err)
		must(t, helper.Start())
		lines := bufio.NewScanner(out)
		for goal := acknowledged + 100; acknowledged < goal && lines.Scan(); {
			if n, err := strconv.Atoi(lines.Text()); err == nil {
				acknowledged = n
			}
		}
		must(t, helper.Process.Kill())
		_ = helper.Wait()
		e := start(t, dir)
		n, err := e.Get(t.Context(), "/n")
		must(t, err)
		if value, _ := strconv.Atoi(string(n.Data)); value < acknowledged || int(n.Stat.Version) != value {
			t.Errorf("round %d: %s at version %d, but %d was acknowledged", round, n.Data, n.Stat.Version, acknowledged)
		}
		if _, err := e.Get(t.Context(), "/e"); !errors.Is(err, coord.ErrNoNode) {
			t.Errorf("round %d: a dead process's ephemeral node: %v", round, err)
		}
		must(t, e.Close())
	}
}

// changeForever counts in a node, and says so.
func changeForever(t *testing.T, dir string) {
	e := start(t, dir)
	s, err := e.NewSession(t.Context(), 60_000)
	must(t, err)
	_, err = e.Create(t.Context(), coord.Create{Path: "/e", Session: s})
	must(t, err)
	_, err = e.Create(t.Context(), coord.Create{Path: "/n", Data: []byte("0")})
	if err != nil && !errors.Is(err, coord.ErrNodeExists) {
		t.Fatal(err)
	}
	n, err := e.Get(t.Context(), "/n")
	must(t, err)
	for i := n.Stat.Version + 1; ; i++ {
		_, err := e.Set(t.Context(), "/n", []byte(strconv.Itoa(int(i))), i-1)
		must(t, err)
		fmt.Println(i)
	}
}

// TestEmbeddedIsQuick has room for a busy machine and its disk; BenchmarkEmbeddedStart measures.
func TestEmbeddedIsQuick(t *testing.T) {
	begin := time.Now()
	e := start(t, t.TempDir())
	ready := time.Since(begin)
	begin = time.Now()
	_, err := e.Create(t.Context(), coord.Create{Path: "/partitions"})
	must(t, err)
	for first := 0; first < 1000; first += 200 {
		var ops []coord.Op
		for i := range 200 {
			path := fmt.Sprintf("/partitions/%d", first+i)
			ops = append(ops, coord.Create{Path: path}, coord.Create{Path: path + "/state", Data: []byte(strings.Repeat("x", 90))})
		}
		_, err := e.Multi(t.Context(), ops...)
		must(t, err)
	}
	made := time.Since(begin)
	t.Logf("ready after %v, 1,000 partitions in %v", ready, made)
	if ready > 30*time.Second || made > 30*time.Second {
		t.Errorf("ready after %v, 1,000 partitions in %v", ready, made)
	}
}

func BenchmarkEmbeddedStart(b *testing.B) {
	for b.Loop() {
		e, err := StartEmbedded(context.Background(), EmbeddedOptions{Dir: b.TempDir()})
		must(b, err)
		must(b, e.Close())
	}
}

func BenchmarkEmbeddedSet(b *testing.B) {
	e := start(b, b.TempDir())
	_, err := e.Create(b.Context(), coord.Create{Path: "/n"})
	must(b, err)
	for b.Loop() {
		_, err := e.Set(b.Context(), "/n", []byte("x"), coord.AnyVersion)
		must(b, err)
	}
}
