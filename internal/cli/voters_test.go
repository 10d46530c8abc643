package cli

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"milena/internal/coord/etcdcoord"
)

// TestVoters: the tool shows the voters of a cluster, replaces one that is lost, at another address too, and refuses what would harm.
func TestVoters(t *testing.T) {
	var members []etcdcoord.Member
	var listeners []net.Listener
	var named []string
	for id := int32(1); id <= 4; id++ {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		m := etcdcoord.Member{ID: id, Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port}
		members, listeners, named = append(members, m), append(listeners, l), append(named, m.String())
	}
	members[3].ID = 3 // the fourth place is the third voter's next
	file := filepath.Join(t.TempDir(), "server.properties")
	lines := fmt.Sprintf("process.roles=broker\nnode.id=9\nlisteners=PLAINTEXT://:0\nlog.dirs=%s\ncontroller.listener.names=CONTROLLER\n"+
		"controller.quorum.voters=%s\n", t.TempDir(), strings.Join(named[:3], ","))
	if err := os.WriteFile(file, []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	start := func(i int, list []etcdcoord.Member) <-chan *etcdcoord.Embedded {
		started := make(chan *etcdcoord.Embedded, 1)
		go func() {
			e, err := etcdcoord.StartEmbedded(context.Background(), etcdcoord.EmbeddedOptions{
				Dir: t.TempDir(), Quorum: &etcdcoord.Quorum{Self: members[i].ID, Members: list, Listener: listeners[i]},
			})
			if err != nil {
				t.Error(err)
				close(started)
				return
			}
			started <- e
		}()
		return started
	}
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		env := &Env{Stdout: &out, Stderr: &out, Tool: find(Tools(), "voters")}
		err := runVoters(context.Background(), env, append(args, "--config", file))
		return out.String(), err
	}
	starts := []<-chan *etcdcoord.Embedded{start(0, members[:3]), start(1, members[:3]), start(2, members[:3])}
	var running []*etcdcoord.Embedded
	for _, s := range starts {
		running = append(running, <-s)
	}
	await := func(texts ...string) {
		t.Helper()
		for begun := time.Now(); ; {
			out, err := run("list")
			missing := ""
			for _, text := range texts {
				if !strings.Contains(out, text) {
					missing = text
				}
			}
			if err == nil && missing == "" {
				return
			}
			if time.Since(begun) > time.Minute {
				t.Fatalf("no %q in\n%s%v", missing, out, err)
			}
		}
	}
	await("leader", members[0].String()[2:], members[2].String()[2:])
	for want, args := range map[string][]string{
		"voter 3 lives":                {"replace", "3"},
		"has no voter 7":               {"remove", "7"},
		"a voter 1 already":            {"add", "1@localhost:1"},
		"is not a voter: ID@HOST:PORT": {"add", "nonsense"},
		"must never run again":         {"recover"},
		"say what to do":               {"dance"},
		"wrong number":                 {"add"},
	} {
		if _, err := run(args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", args, err)
		}
	}
	if err := running[2].Close(); err != nil {
		t.Fatal(err)
	}
	await("down: ")
	out, err := run("replace", "3", members[3].String())
	if err != nil || !strings.Contains(out, "Removed voter 3@") || !strings.Contains(out, "Start it with an empty directory") {
		t.Fatalf("%v\n%s", err, out)
	}
	await("to be started with an empty directory", "learner")
	successor := <-start(3, []etcdcoord.Member{members[0], members[1], members[3]})
	await("follower", members[3].String()[2:])
	for begun := time.Now(); ; {
		if out, err := run("list"); err == nil && !strings.Contains(out, "learner") {
			break
		} else if time.Since(begun) > time.Minute {
			t.Fatal(out, err)
		}
	}
	for _, e := range []*etcdcoord.Embedded{running[0], running[1], successor} {
		_ = e.Close()
	}
	if out, err := run("list"); err == nil || !strings.Contains(err.Error(), "none of the voters") {
		t.Errorf("nobody is there: %v\n%s", err, out)
	}
}
