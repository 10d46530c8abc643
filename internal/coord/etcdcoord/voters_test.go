package etcdcoord

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"milena/internal/coord"
)

// journal is a log that can be searched while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// await waits until a line holds all of the texts.
func (j *journal) await(t *testing.T, texts ...string) {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < time.Minute; <-time.After(10 * time.Millisecond) {
		for line := range strings.Lines(j.String()) {
			if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
				return
			}
		}
	}
	t.Fatalf("no line with %q in\n%s", texts, j)
}

// begin starts a member in the background; the function it returns waits for it.
func (q *quorumOf) begin(i int) (wait func()) {
	q.t.Helper()
	if q.options[i].Quorum.Listener == nil {
		quorum := *q.options[i].Quorum
		var err error
		quorum.Listener, err = net.Listen("tcp", quorum.self().address())
		must(q.t, err)
		q.options[i].Quorum = &quorum
	}
	done := make(chan error, 1)
	go func() {
		var err error
		q.running[i], err = StartEmbedded(context.Background(), q.options[i])
		done <- err
	}()
	return func() {
		q.t.Helper()
		must(q.t, <-done)
	}
}

// lose ends a member and its disk.
func (q *quorumOf) lose(i int) {
	q.t.Helper()
	q.stop(i)
	q.options[i].Dir = q.t.TempDir()
	q.options[i].Quorum.Listener = nil
}

// voters is the tool, at the addresses of some members.
func (q *quorumOf) voters(members ...int) *Voters {
	q.t.Helper()
	var at []string
	for _, i := range members {
		at = append(at, q.options[i].Quorum.self().address())
	}
	v, err := OpenVoters(at, nil)
	must(q.t, err)
	q.t.Cleanup(func() { _ = v.Close() })
	return v
}

func find(t *testing.T, v *Voters, id int32) *Voter {
	t.Helper()
	list, err := v.List(t.Context())
	must(t, err)
	i := slices.IndexFunc(list, func(v Voter) bool { return v.ID == id })
	if i < 0 {
		t.Fatalf("no voter %d in %+v", id, list)
	}
	return &list[i]
}

// awaitVoters waits until that many members vote and answer.
func awaitVoters(t *testing.T, v *Voters, count int) {
	t.Helper()
	for begun := time.Now(); ; <-time.After(50 * time.Millisecond) {
		list, err := v.List(t.Context())
		up := slices.DeleteFunc(slices.Clone(list), func(v Voter) bool { return v.Learner || v.Err != nil })
		if err == nil && len(up) == count {
			return
		}
		if time.Since(begun) > time.Minute {
			t.Fatalf("not %d voters: %+v, %v", count, list, err)
		}
	}
}

func write(t *testing.T, e *Embedded, path string) {
	t.Helper()
	for begun := time.Now(); ; {
		_, err := e.Create(t.Context(), coord.Create{Path: path})
		if err == nil || errors.Is(err, coord.ErrNodeExists) {
			return
		}
		if time.Since(begun) > time.Minute {
			t.Fatal(err)
		}
	}
}

func demand(t *testing.T, e *Embedded, path string) {
	t.Helper()
	for begun := time.Now(); ; {
		_, err := e.Get(t.Context(), path)
		if err == nil {
			return
		}
		if !errors.Is(err, coord.ErrUnavailable) || time.Since(begun) > time.Minute {
			t.Fatalf("%s: %v", path, err)
		}
	}
}

// TestVoterReplaced: one of three is lost with its disk. Its empty successor waits, whoever else is up, takes no part in anything, and joins once
// the lost one has been replaced. Then the cluster lives through the loss of another one.
func TestVoterReplaced(t *testing.T) {
	q := newQuorum(t, 3)
	log := &journal{}
	q.options[2].Logger = log.logger()
	q.start(0, 1, 2)
	write(t, q.running[0], "/before")
	q.lose(2)
	joined := q.begin(2)
	log.await(t, "milena voters replace 3", "answering=", "missing=none")
	v := q.voters(0, 1)
	must(t, v.Remove(t.Context(), find(t, v, 3)))
	log.await(t, "milena voters add 3@")
	must(t, v.Add(t.Context(), *q.options[2].Quorum.self()))
	joined()
	awaitVoters(t, v, 3)
	q.stop(0)
	write(t, q.running[2], "/after")
	demand(t, q.running[2], "/before")
	demand(t, q.running[1], "/after")
}

// TestVoterLostWhileOthersAreDown: an empty voter that starts before the others do not form a new cluster with what comes up: it waits for who knows
// that it was there.
func TestVoterLostWhileOthersAreDown(t *testing.T) {
	q := newQuorum(t, 3)
	q.start(0, 1, 2)
	write(t, q.running[0], "/before")
	q.stop(0)
	q.stop(1)
	q.lose(2)
	log := &journal{}
	q.options[2].Logger = log.logger()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	quorum := *q.options[2].Quorum
	var err error
	quorum.Listener, err = net.Listen("tcp", quorum.self().address())
	must(t, err)
	go func() {
		_, err := StartEmbedded(ctx, EmbeddedOptions{Dir: q.options[2].Dir, Quorum: &quorum, Logger: log.logger()})
		ended <- err
	}()
	log.await(t, "a majority of the voters: 2 of 3", "answering=none", "connection refused")
	waitBoth := []func(){q.again(0), q.again(1)}
	for _, wait := range waitBoth {
		wait()
	}
	log.await(t, "milena voters replace 3")
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	demand(t, q.running[0], "/before")
}

// again starts a member that was stopped, in the background.
func (q *quorumOf) again(i int) func() {
	quorum := *q.options[i].Quorum
	quorum.Listener = nil
	q.options[i].Quorum = &quorum
	return q.begin(i)
}

// TestVotersGrow: a cluster of one gets a second and a third voter, and a fourth in the place of the first, which stops.
func TestVotersGrow(t *testing.T) {
	q := newQuorum(t, 4)
	all := q.options[0].Quorum.Members
	for i := range q.options {
		q.options[i].Quorum.Members = all[:max(i+1, 2)]
	}
	alone := q.options[0]
	quorum := *alone.Quorum
	quorum.Members = all[:1]
	alone.Quorum = &quorum
	e, err := StartEmbedded(t.Context(), alone)
	must(t, err)
	write(t, e, "/one")
	must(t, e.Close())
	log := &journal{}
	q.options[0].Logger = log.logger()
	q.again(0)() // the file names two now
	log.await(t, "differs from the cluster's voters", "configuredOnly=2@")
	v := q.voters(0, 1)
	for i := 1; i < 3; i++ {
		if err := v.Add(t.Context(), all[i]); err != nil {
			list, _ := v.List(t.Context())
			t.Fatalf("adding %s: %v\n%+v\n%s", &all[i], err, list, log)
		}
		if i == 1 {
			if err := v.Add(t.Context(), all[3]); err == nil || !strings.Contains(err.Error(), "has not caught up") {
				t.Errorf("two at once: %v", err)
			}
		}
		q.begin(i)()
		awaitVoters(t, v, i+1)
	}
	demand(t, q.running[2], "/one")
	v = q.voters(1, 2)
	must(t, v.Remove(t.Context(), find(t, v, 1)))
	<-q.running[0].Done()
	if err := q.running[0].Reason(); !errors.Is(err, ErrRemoved) {
		t.Errorf("a removed voter ends with %v", err)
	}
	must(t, v.Add(t.Context(), all[3]))
	q.begin(3)()
	awaitVoters(t, v, 3)
	q.stop(1)
	write(t, q.running[3], "/four")
}

// TestRemovedVoterComesBack: a voter that was down when it was removed is told so by the others.
func TestRemovedVoterComesBack(t *testing.T) {
	q := newQuorum(t, 3)
	q.start(0, 1, 2)
	q.stop(2)
	v := q.voters(0, 1)
	must(t, v.Remove(t.Context(), find(t, v, 3)))
	quorum := *q.options[2].Quorum
	var err error
	quorum.Listener, err = net.Listen("tcp", quorum.self().address())
	must(t, err)
	q.options[2].Quorum = &quorum
	if _, err := StartEmbedded(t.Context(), q.options[2]); !errors.Is(err, ErrRemoved) {
		t.Errorf("it ends with %v", err)
	}
}

// TestRecover: two of three are lost for ever; the third one goes on alone with what it had, and gets others again.
func TestRecover(t *testing.T) {
	q := newQuorum(t, 3)
	q.start(0, 1, 2)
	write(t, q.running[0], "/kept")
	demand(t, q.running[0], "/kept")
	q.stop(0)
	q.lose(1)
	q.lose(2)
	must(t, Recover(t.Context(), EmbeddedOptions{Dir: q.options[0].Dir}))
	log := &journal{}
	q.options[0].Logger = log.logger()
	q.again(0)()
	demand(t, q.running[0], "/kept")
	log.await(t, "differs from the cluster's voters", "configuredOnly=", "2@", "3@")
	v := q.voters(0)
	for _, i := range []int{1, 2} {
		must(t, v.Add(t.Context(), *q.options[i].Quorum.self()))
		q.begin(i)()
		awaitVoters(t, v, i+1)
	}
	q.stop(0)
	write(t, q.running[1], "/after")
	demand(t, q.running[2], "/kept")
	if err := Recover(t.Context(), EmbeddedOptions{Dir: filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("recovered from nothing")
	}
	if _, err := os.Stat(filepath.Join(q.options[0].Dir, "member")); err != nil {
		t.Error(err)
	}
}

// TestVotersDisagree: a voter whose list is another one says so.
func TestVotersDisagree(t *testing.T) {
	q := newQuorum(t, 3)
	log := &journal{}
	q.options[0].Logger = log.logger()
	other := *q.options[1].Quorum
	other.Members = other.Members[:2]
	q.options[1].Quorum = &other
	ctx, cancel := context.WithCancel(t.Context())
	var both sync.WaitGroup
	for i := range 2 {
		both.Go(func() {
			if _, err := StartEmbedded(ctx, q.options[i]); !errors.Is(err, context.Canceled) {
				t.Errorf("started: %v", err)
			}
		})
	}
	log.await(t, "must be the same on all voters", "2@")
	cancel()
	both.Wait()
	_ = q.options[2].Quorum.Listener.Close()
}

// TestFrontSurvivesGarbage: what speaks neither protocol is closed, and the members go on.
func TestFrontSurvivesGarbage(t *testing.T) {
	q := newQuorum(t, 3)
	q.start(0, 1, 2)
	for _, garbage := range []string{"\x00\x00\x00\x10rubbish", "GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff", "\x16\x03\x01\x02\x00\x01", "POST /raft HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde"} {
		c, err := net.Dial("tcp", q.options[0].Quorum.self().address())
		must(t, err)
		_, err = c.Write([]byte(garbage))
		must(t, err)
		must(t, c.(*net.TCPConn).CloseWrite())
		must(t, c.SetReadDeadline(time.Now().Add(30*time.Second)))
		for buf := make([]byte, 4096); err == nil; {
			_, err = c.Read(buf)
		}
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			t.Errorf("%q: the connection stays open", garbage)
		}
		_ = c.Close()
	}
	write(t, q.running[0], "/lives")
	demand(t, q.running[1], "/lives")
}
