package coordtest

import (
	"errors"
	"fmt"
	"maps"
	"testing"

	"milena/internal/coord"

	"pgregory.net/rapid"
)

func testMulti(t *testing.T, f Fixture) {
	c := client(t, f)
	c.create("/a", "a")
	c.create("/gone", "")
	results := c.multi(
		coord.Check{Path: "/a", Version: 0},
		coord.Create{Path: "/b", Data: []byte("b")},
		coord.Set{Path: "/a", Data: []byte("a2"), Version: 0},
		coord.Delete{Path: "/gone", Version: coord.AnyVersion},
	)
	a, b := c.get("/a"), c.get("/b")
	if len(results) != 4 || results[1].Path != "/b" || results[2].Stat != a.Stat {
		t.Errorf("results %+v", results)
	}
	if string(a.Data) != "a2" || string(b.Data) != "b" || c.exists("/gone") {
		t.Errorf("a %+v, b %+v", a, b)
	}
	if a.Stat.ModID != b.Stat.CreateID {
		t.Logf("one multi has two positions: %d, %d", a.Stat.ModID, b.Stat.CreateID)
	}
	before := c.tree("/")
	good := coord.Create{Path: "/c"}
	c.refused(1, coord.ErrNodeExists, good, coord.Create{Path: "/a"})
	c.refused(2, coord.ErrBadVersion, good, coord.Set{Path: "/a", Version: 1}, coord.Set{Path: "/b", Version: 1})
	c.refused(1, coord.ErrBadVersion, good, coord.Check{Path: "/a", Version: 0})
	c.refused(1, coord.ErrNoNode, good, coord.Check{Path: "/x", Version: coord.AnyVersion}, coord.Check{Path: "/a", Version: 9})
	c.refused(0, coord.ErrNoNode, coord.Delete{Path: "/x", Version: coord.AnyVersion}, good)
	if after := c.tree("/"); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("refused, but %v became %v", before, after)
	}
	if results := c.multi(); len(results) != 0 {
		t.Errorf("an empty multi gives %v", results)
	}
	c.multi(coord.Check{Path: "/a", Version: 1})
}

func testMultiSeesItself(t *testing.T, f Fixture) {
	c := client(t, f)
	results := c.multi(
		coord.Create{Path: "/t"},
		coord.Create{Path: "/t/partitions"},
		coord.Create{Path: "/t/partitions/0", Data: []byte("x")},
		coord.Set{Path: "/t/partitions/0", Data: []byte("y"), Version: 0},
		coord.Check{Path: "/t/partitions/0", Version: 1},
		coord.Create{Path: "/t/passing"},
		coord.Delete{Path: "/t/passing"},
	)
	n := c.get("/t/partitions/0")
	if n.Stat.Version != 1 || string(n.Data) != "y" || results[3].Stat != n.Stat || n.Stat.CreateID != n.Stat.ModID {
		t.Errorf("%+v, result %+v", n, results[3])
	}
	if got := c.children("/t"); len(got) != 1 {
		t.Errorf("children %v", got)
	}
	if stat := c.set("/t/partitions/0", "z"); stat.Version != 2 || stat.CreateID != n.Stat.CreateID {
		t.Errorf("then %+v", stat)
	}
	c.refused(1, coord.ErrNotEmpty, coord.Create{Path: "/t/new"}, coord.Delete{Path: "/t", Version: coord.AnyVersion})
	c.refused(2, coord.ErrNotEmpty, coord.Delete{Path: "/t/partitions/0", Version: 2}, coord.Create{Path: "/t/partitions/1"},
		coord.Delete{Path: "/t/partitions", Version: 0})
	c.refused(2, coord.ErrNoNode, coord.Delete{Path: "/t/partitions/0", Version: 2}, coord.Delete{Path: "/t/partitions"},
		coord.Create{Path: "/t/partitions/1"})
	c.multi(
		coord.Delete{Path: "/t/partitions/0", Version: 2},
		coord.Delete{Path: "/t/partitions", Version: 0},
		coord.Delete{Path: "/t", Version: 0},
	)
	if got := c.children("/"); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

// testMultiMakesAgain: Kafka takes over its registration from a former session like this.
func testMultiMakesAgain(t *testing.T, f Fixture) {
	c := client(t, f)
	old, fresh := c.session(), c.session()
	_, err := c.Create(t.Context(), coord.Create{Path: "/id", Data: []byte("old"), Session: old})
	c.must(err)
	c.set("/id", "older")
	was := c.get("/id").Stat
	w := c.watch("/", coord.WatchChildren)
	c.multi(coord.Delete{Path: "/id", Version: 1}, coord.Create{Path: "/id", Data: []byte("new"), Session: fresh})
	signalled(t, "made again", w)
	n := c.get("/id")
	if n.Stat.Version != 0 || n.Stat.CreateID <= was.ModID || n.Stat.CreateID != n.Stat.ModID || string(n.Data) != "new" ||
		n.Stat.EphemeralOwner != fresh.ID() {
		t.Errorf("after %+v: %+v", was, n)
	}
	c.must(old.Close(t.Context()))
	stat := c.set("/id", "newer")
	if again := c.get("/id").Stat; stat.Version != 1 || stat.CreateID != n.Stat.CreateID || again != stat {
		t.Errorf("changed: %+v, %+v", stat, again)
	}
	if stat = c.set("/id", "newest"); stat.Version != 2 || stat.CreateID != n.Stat.CreateID {
		t.Errorf("changed again: %+v", stat)
	}
	c.multi(coord.Delete{Path: "/id", Version: 2}, coord.Create{Path: "/id"}, coord.Set{Path: "/id", Version: 0})
	if n := c.get("/id").Stat; n.Version != 1 || n.EphemeralOwner != 0 || n.CreateID <= stat.ModID {
		t.Errorf("made lasting: %+v", n)
	}
	c.must(fresh.Close(t.Context()))
	if !c.exists("/id") {
		t.Error("a lasting node went with a session")
	}
}

// testMultiLarge stays below what etcd takes if not told otherwise: 128 comparisons.
func testMultiLarge(t *testing.T, f Fixture) {
	c := client(t, f)
	c.create("/epoch", "")
	c.create("/p", "")
	const count = 60
	ops := []coord.Op{coord.Check{Path: "/epoch", Version: 0}}
	for i := range count {
		path := fmt.Sprintf("/p/%d", i)
		ops = append(ops, coord.Create{Path: path}, coord.Create{Path: path + "/state", Data: []byte("{}")})
	}
	c.multi(ops...)
	if got := c.tree("/p"); len(got) != 2*count {
		t.Errorf("%d nodes", len(got))
	}
}

// model is the tree as simply as can be: what the store holds must always be the same.
type model map[string]modelNode

type modelNode struct {
	data    string
	version int32
}

func (m model) hasChildren(path string) bool {
	for other := range m {
		if parent, _ := coord.Split(other); parent == path {
			return true
		}
	}
	return false
}

func (m model) apply(op coord.Op) error {
	check := func(path string, version int32) error {
		n, ok := m[path]
		switch {
		case !ok:
			return coord.ErrNoNode
		case version != coord.AnyVersion && version != n.version:
			return coord.ErrBadVersion
		}
		return nil
	}
	switch op := op.(type) {
	case coord.Create:
		parent, _ := coord.Split(op.Path)
		if _, ok := m[parent]; !ok && parent != "/" {
			return coord.ErrNoNode
		}
		if _, ok := m[op.Path]; ok {
			return coord.ErrNodeExists
		}
		m[op.Path] = modelNode{data: string(op.Data)}
	case coord.Set:
		if err := check(op.Path, op.Version); err != nil {
			return err
		}
		m[op.Path] = modelNode{string(op.Data), m[op.Path].version + 1}
	case coord.Check:
		return check(op.Path, op.Version)
	case coord.Delete:
		if err := check(op.Path, op.Version); err != nil {
			return err
		}
		if m.hasChildren(op.Path) {
			return coord.ErrNotEmpty
		}
		delete(m, op.Path)
	}
	return nil
}

func drawOp(t *rapid.T, i int) coord.Op {
	path := rapid.SampledFrom([]string{"/a", "/b", "/a/x", "/a/y", "/b/x", "/a/x/1"}).Draw(t, "path")
	version := rapid.SampledFrom([]int32{coord.AnyVersion, coord.AnyVersion, 0, 1, 2}).Draw(t, "version")
	data := []byte(rapid.SampledFrom([]string{"", "v", "\xffm"}).Draw(t, "data") + fmt.Sprint(i))
	switch rapid.IntRange(0, 5).Draw(t, "op") {
	case 0, 1:
		return coord.Create{Path: path, Data: data}
	case 2:
		return coord.Set{Path: path, Data: data, Version: version}
	case 3, 4:
		return coord.Delete{Path: path, Version: version}
	}
	return coord.Check{Path: path, Version: version}
}

// testModel runs random multis on the store and on the model.
func testModel(t *testing.T, f Fixture) {
	c := client(t, f)
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		base := fmt.Sprintf("/run%d", runs)
		c.create(base, "")
		m := model{}
		created := make(map[string]int64)
		for i := range rapid.IntRange(1, 12).Draw(rt, "multis") {
			next := maps.Clone(m)
			var ops []coord.Op
			wantIndex, want := 0, error(nil)
			for j := range rapid.IntRange(1, 5).Draw(rt, "size") {
				op := drawOp(rt, i)
				ops = append(ops, below(base, op))
				if want == nil {
					wantIndex, want = j, next.apply(op)
				}
			}
			_, err := c.Multi(t.Context(), ops...)
			var multi *coord.MultiError
			switch {
			case want == nil && err == nil:
				m = next
			case want == nil || !errors.As(err, &multi) || multi.Index != wantIndex || !errors.Is(err, want):
				rt.Fatalf("%+v: %v, want %v at %d", ops, err, want, wantIndex)
			}
			compare(rt, base, m, c.tree(base), created)
		}
	})
}

// below moves an operation into a run's own part of the tree.
func below(base string, op coord.Op) coord.Op {
	switch op := op.(type) {
	case coord.Create:
		op.Path = base + op.Path
		return op
	case coord.Set:
		op.Path = base + op.Path
		return op
	case coord.Delete:
		op.Path = base + op.Path
		return op
	case coord.Check:
		op.Path = base + op.Path
		return op
	}
	return nil
}

func compare(t *rapid.T, base string, m model, tree map[string]coord.Node, created map[string]int64) {
	if len(tree) != len(m) {
		t.Fatalf("%v, want %v", tree, m)
	}
	for path, want := range m {
		got, ok := tree[base+path]
		if !ok || string(got.Data) != want.data || got.Stat.Version != want.version {
			t.Fatalf("%s: %+v, want %+v", path, got, want)
		}
		if got.Stat.CreateID > got.Stat.ModID || got.Stat.CreateID < created[path] {
			t.Fatalf("%s: %+v, created at %d before", path, got.Stat, created[path])
		}
		created[path] = got.Stat.CreateID
	}
}
