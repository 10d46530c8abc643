// Package coordtest is the contract of coord.Store as a test suite: each store runs it, so all behave the same. It imports
// coord alone.
package coordtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"milena/internal/coord"
)

// Fixture is one empty store, for one test.
type Fixture struct {
	// Open connects another client. The suite closes it.
	Open func(t *testing.T) coord.Store
	// Expire has the store itself end a session, as if its time had run out. nil where that cannot be done.
	Expire func(t *testing.T, s coord.Session)
	// Cut makes the store unreachable for a client from Open, Restore ends that. nil where that cannot be done.
	Cut, Restore func(t *testing.T, s coord.Store)
	// ShortestSessionMs is a time-out that the store keeps to and that a client reaches it within on a slow machine: a session that is to
	// end by itself has it.
	ShortestSessionMs int
}

// patience is how long something that must happen may take.
const patience = 20 * time.Second

// Run runs the suite. open makes a Fixture for each test.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, f Fixture)
	}{
		{"Paths", testPaths},
		{"Versions", testVersions},
		{"Positions", testPositions},
		{"Parents", testParents},
		{"Conditions", testConditions},
		{"Data", testData},
		{"Neighbours", testNeighbours},
		{"ManyChildren", testManyChildren},
		{"Sequential", testSequential},
		{"SequentialConcurrent", testSequentialConcurrent},
		{"CompareAndSet", testCompareAndSet},
		{"Multi", testMulti},
		{"MultiSeesItself", testMultiSeesItself},
		{"MultiMakesAgain", testMultiMakesAgain},
		{"MultiLarge", testMultiLarge},
		{"CreateID", testCreateID},
		{"CreateIDRaces", testCreateIDRaces},
		{"Model", testModel},
		{"Ephemeral", testEphemeral},
		{"SessionClose", testSessionClose},
		{"SessionExpires", testSessionExpires},
		{"WatchNode", testWatchNode},
		{"WatchChildren", testWatchChildren},
		{"WatchTree", testWatchTree},
		{"WatchEphemeral", testWatchEphemeral},
		{"WatchWithoutGaps", testWatchWithoutGaps},
		{"WatchChildrenWithoutGaps", testWatchChildrenWithoutGaps},
		{"Close", testClose},
		{"Context", testContext},
		{"CutWatch", testCutWatch},
		{"CutSession", testCutSession},
		{"CutShortly", testCutShortly},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// client opens a store that is closed with the test, and whose calls fail the test where they should not fail.
func client(t *testing.T, f Fixture) *checked {
	t.Helper()
	s := f.Open(t)
	t.Cleanup(func() { _ = s.Close() })
	return &checked{Store: s, t: t}
}

// checked is a store with short calls for what must succeed.
type checked struct {
	coord.Store
	t *testing.T
}

func (c *checked) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *checked) get(path string) coord.Node {
	c.t.Helper()
	n, err := c.Get(c.t.Context(), path)
	c.must(err)
	return n
}

func (c *checked) create(path, data string) {
	c.t.Helper()
	_, err := c.Create(c.t.Context(), coord.Create{Path: path, Data: []byte(data)})
	c.must(err)
}

func (c *checked) set(path, data string) coord.Stat {
	c.t.Helper()
	stat, err := c.Set(c.t.Context(), path, []byte(data), coord.AnyVersion)
	c.must(err)
	return stat
}

func (c *checked) delete(path string) {
	c.t.Helper()
	c.must(c.Delete(c.t.Context(), path, coord.AnyVersion))
}

func (c *checked) children(path string) []string {
	c.t.Helper()
	names, err := c.Children(c.t.Context(), path)
	c.must(err)
	return names
}

func (c *checked) multi(ops ...coord.Op) []coord.Result {
	c.t.Helper()
	results, err := c.Multi(c.t.Context(), ops...)
	c.must(err)
	return results
}

// refused runs a Multi that must be refused at an operation, for a reason.
func (c *checked) refused(index int, reason error, ops ...coord.Op) {
	c.t.Helper()
	_, err := c.Multi(c.t.Context(), ops...)
	var multi *coord.MultiError
	if !errors.As(err, &multi) || multi.Index != index || !errors.Is(err, reason) {
		c.t.Errorf("multi: %v (%+v), want operation %d refused with %v", err, multi, index, reason)
	}
}

// longSessionMs is a time-out that no machine is slow enough for; an end of the session that the server has decided is known within a third.
const longSessionMs = 12_000

// session begins one that does not end by itself.
func (c *checked) session() coord.Session {
	c.t.Helper()
	s, err := c.NewSession(c.t.Context(), longSessionMs)
	c.must(err)
	return s
}

func (c *checked) watch(path string, what coord.WatchKind) coord.Watch {
	c.t.Helper()
	w, err := c.Watch(path, what)
	c.must(err)
	c.t.Cleanup(w.Close)
	return w
}

func (c *checked) wantErr(what string, got, want error) {
	c.t.Helper()
	if !errors.Is(got, want) {
		c.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// exists tells whether there is a node.
func (c *checked) exists(path string) bool {
	c.t.Helper()
	_, err := c.Get(c.t.Context(), path)
	if errors.Is(err, coord.ErrNoNode) {
		return false
	}
	c.must(err)
	return true
}

// signalled waits for a watch's signal.
func signalled(t *testing.T, what string, w coord.Watch) {
	t.Helper()
	select {
	case _, ok := <-w.C():
		if !ok {
			t.Fatalf("%s: the watch is closed", what)
		}
	case <-time.After(patience):
		t.Fatalf("%s: no signal", what)
	}
}

// until waits for signals of a watch until a condition holds.
func until(t *testing.T, what string, w coord.Watch, holds func() bool) {
	t.Helper()
	limit := time.After(patience)
	for !holds() {
		select {
		case _, ok := <-w.C():
			if !ok {
				t.Fatalf("%s: the watch is closed", what)
			}
		case <-limit:
			t.Fatalf("%s: signals have stopped before it came true", what)
		}
	}
}

func closed(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case _, ok := <-c:
			if !ok {
				return
			}
		case <-limit:
			t.Fatalf("%s: not closed", what)
		}
	}
}

func isOpen(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
		t.Fatalf("%s: closed", what)
	default:
	}
}

func short(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
