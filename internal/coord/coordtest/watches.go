package coordtest

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"milena/internal/coord"
)

// silent makes sure that what was done so far gave no signal to a watch: a change after it has been signalled to the same
// client, and signals keep their order.
func (c *checked) silent(what string, w coord.Watch) {
	c.t.Helper()
	path := "/barrier"
	barrier := c.watch(path, coord.WatchNode)
	if c.exists(path) {
		c.delete(path)
	} else {
		c.create(path, "")
	}
	signalled(c.t, "barrier", barrier)
	select {
	case <-w.C():
		c.t.Errorf("%s: signalled", what)
	default:
	}
}

func testWatchNode(t *testing.T, f Fixture) {
	c, other := client(t, f), client(t, f)
	w := c.watch("/a/n", coord.WatchNode) // neither it nor its parent exists
	other.create("/a", "")
	c.silent("the parent is created", w)
	other.create("/a/n", "")
	signalled(t, "created", w)
	other.set("/a/n", "x")
	signalled(t, "changed", w)
	other.set("/a/n", "x")
	signalled(t, "changed to the same", w)
	other.set("/a", "x")
	other.create("/a/n2", "")
	other.create("/a/n/child", "")
	other.set("/a/n/child", "x")
	c.silent("others change", w)
	other.delete("/a/n/child")
	other.delete("/a/n")
	signalled(t, "deleted", w)
	other.multi(coord.Create{Path: "/a/n"}, coord.Set{Path: "/a", Version: coord.AnyVersion})
	signalled(t, "created by a multi", w)
	w.Close()
	w.Close()
	closed(t, "the watch", w.C())
	other.set("/a/n", "y")
}

func testWatchChildren(t *testing.T, f Fixture) {
	c, other := client(t, f), client(t, f)
	w, root := c.watch("/p", coord.WatchChildren), c.watch("/", coord.WatchChildren)
	other.create("/p", "")
	signalled(t, "a child of the root", root)
	c.silent("the node itself is created", w)
	other.create("/p/1", "")
	signalled(t, "created", w)
	other.set("/p/1", "x")
	other.set("/p", "x")
	other.create("/p/1/deep", "")
	other.delete("/p/1/deep")
	other.create("/p2", "")
	c.silent("data and grandchildren change", w)
	other.delete("/p/1")
	signalled(t, "deleted", w)
	if _, err := other.Create(t.Context(), coord.Create{Path: "/p/n-", Sequential: true}); err != nil {
		t.Fatal(err)
	}
	signalled(t, "a sequential one", w)
}

func testWatchTree(t *testing.T, f Fixture) {
	c, other := client(t, f), client(t, f)
	w, root := c.watch("/t", coord.WatchTree), c.watch("/", coord.WatchTree)
	other.create("/t2", "")
	c.silent("another tree", w)
	signalled(t, "anything", root)
	other.create("/t", "")
	signalled(t, "itself", w)
	other.create("/t/1", "")
	signalled(t, "a child", w)
	other.create("/t/1/2", "")
	signalled(t, "a grandchild", w)
	other.set("/t/1/2", "x")
	signalled(t, "a grandchild's data", w)
	other.delete("/t/1/2")
	signalled(t, "a grandchild goes", w)
	other.create("/t-", "")
	c.silent("a name that begins the same", w)
}

func testWatchEphemeral(t *testing.T, f Fixture) {
	c, other := client(t, f), client(t, f)
	s := c.session()
	c.create("/ids", "")
	c.ephemeral("/ids/1", s)
	for _, kind := range []coord.WatchKind{coord.WatchNode, coord.WatchChildren, coord.WatchTree} {
		path := "/ids"
		if kind == coord.WatchNode {
			path = "/ids/1"
		}
		w := other.watch(path, kind)
		c.must(s.Close(t.Context()))
		until(t, "the session ends", w, func() bool { return !other.exists("/ids/1") })
		s = c.session()
		c.ephemeral("/ids/1", s)
		until(t, "a new one begins", w, func() bool { return other.exists("/ids/1") })
	}
}

// testWatchWithoutGaps: whoever reads at each signal comes to see the last change, however the signals fall together.
func testWatchWithoutGaps(t *testing.T, f Fixture) {
	const writers, each = 3, 100
	c := client(t, f)
	var wait sync.WaitGroup
	for i := range writers {
		path := "/n" + strconv.Itoa(i)
		c.create(path, "0")
		w, writer := c.watch(path, coord.WatchNode), client(t, f)
		wait.Go(func() {
			for n := 1; n <= each; n++ {
				if _, err := writer.Set(t.Context(), path, []byte(strconv.Itoa(n)), int32(n-1)); err != nil {
					t.Error(err)
					return
				}
			}
		})
		wait.Go(func() {
			last := 0
			for last < each {
				if _, ok := <-w.C(); !ok {
					t.Error("the watch has closed")
					return
				}
				n, err := c.Get(t.Context(), path)
				if err != nil {
					t.Error(err)
					return
				}
				now, _ := strconv.Atoi(string(n.Data))
				if now < last {
					t.Errorf("%d after %d", now, last)
				}
				last = now
			}
		})
	}
	wait.Wait()
}

func testWatchChildrenWithoutGaps(t *testing.T, f Fixture) {
	const writers, each = 3, 50
	c := client(t, f)
	c.create("/p", "")
	w := c.watch("/p", coord.WatchChildren)
	var wait sync.WaitGroup
	for i := range writers {
		writer := client(t, f)
		wait.Go(func() {
			for n := range each {
				path := fmt.Sprintf("/p/%d-%d", i, n)
				if _, err := writer.Create(t.Context(), coord.Create{Path: path}); err != nil {
					t.Error(err)
				}
				if n%2 == 0 {
					if err := writer.Delete(t.Context(), path, 0); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	var want []string
	for i := range writers {
		for n := 1; n < each; n += 2 {
			want = append(want, fmt.Sprintf("%d-%d", i, n))
		}
	}
	slices.Sort(want)
	until(t, "all children have come, or gone", w, func() bool { return slices.Equal(c.children("/p"), want) })
	wait.Wait()
}
