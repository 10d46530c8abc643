package coordtest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"milena/internal/coord"
)

func testPaths(t *testing.T, f Fixture) {
	c := client(t, f)
	ctx := t.Context()
	deep := strings.Repeat("/a", coord.MaxDepth+1)
	for _, path := range []string{"", "a", "/a/", "//", "/a//b", "/.", "/a/../b", "/a\x00b", "/a\nb", deep} {
		_, err := c.Get(ctx, path)
		c.wantErr("get "+path, err, coord.ErrBadPath)
		_, err = c.Create(ctx, coord.Create{Path: path})
		c.wantErr("create "+path, err, coord.ErrBadPath)
		_, err = c.Set(ctx, path, nil, coord.AnyVersion)
		c.wantErr("set "+path, err, coord.ErrBadPath)
		c.wantErr("delete "+path, c.Delete(ctx, path, coord.AnyVersion), coord.ErrBadPath)
		_, err = c.Children(ctx, path)
		c.wantErr("children "+path, err, coord.ErrBadPath)
		_, err = c.Watch(path, coord.WatchNode)
		c.wantErr("watch "+path, err, coord.ErrBadPath)
		c.refused(0, coord.ErrBadPath, coord.Check{Path: path})
	}
	root := c.get("/")
	if len(root.Data) != 0 || root.Stat.Version != 0 || len(c.children("/")) != 0 {
		t.Errorf("root %+v", root)
	}
	_, err := c.Create(ctx, coord.Create{Path: "/"})
	c.wantErr("create the root", err, coord.ErrNodeExists)
	_, err = c.Set(ctx, "/", nil, coord.AnyVersion)
	c.wantErr("set the root", err, coord.ErrBadPath)
	c.wantErr("delete the root", c.Delete(ctx, "/", coord.AnyVersion), coord.ErrBadPath)
	c.multi(coord.Check{Path: "/", Version: coord.AnyVersion})
	for path := "/a"; path != deep; path += "/a" {
		c.create(path, "")
	}
}

func testVersions(t *testing.T, f Fixture) {
	c, other := client(t, f), client(t, f)
	ctx := t.Context()
	path, err := c.Create(ctx, coord.Create{Path: "/n", Data: []byte("zero")})
	if path != "/n" || err != nil {
		t.Fatalf("%q, %v", path, err)
	}
	n := other.get("/n")
	if string(n.Data) != "zero" || n.Stat.Version != 0 || n.Stat.EphemeralOwner != 0 || n.Stat.CreateID != n.Stat.ModID {
		t.Errorf("created: %+v", n)
	}
	_, err = c.Create(ctx, coord.Create{Path: "/n"})
	c.wantErr("create twice", err, coord.ErrNodeExists)
	stat, err := other.Set(ctx, "/n", []byte("one"), 0)
	c.must(err)
	if got := c.get("/n"); got.Stat != stat || stat.Version != 1 || string(got.Data) != "one" {
		t.Errorf("set: %+v, %+v", stat, got)
	}
	if stat.CreateID != n.Stat.CreateID || stat.ModID <= n.Stat.ModID {
		t.Errorf("after %+v: %+v", n.Stat, stat)
	}
	for i := int32(2); i < 10; i++ {
		if got := c.set("/n", ""); got.Version != i {
			t.Errorf("version %d, want %d", got.Version, i)
		}
	}
	c.delete("/n")
	c.create("/n", "again")
	if again := c.get("/n").Stat; again.Version != 0 || again.CreateID <= stat.ModID {
		t.Errorf("made again: %+v", again)
	}
}

// testPositions: CreateID and ModID follow the history of the whole store, whoever makes it.
func testPositions(t *testing.T, f Fixture) {
	clients := []*checked{client(t, f), client(t, f)}
	last := int64(0)
	for i := range 10 {
		c := clients[i%2]
		path := fmt.Sprintf("/n%d", i)
		c.create(path, "")
		n := c.get(path).Stat
		mod := clients[0].set("/n0", "").ModID
		if n.CreateID <= last || n.ModID != n.CreateID && i > 0 || mod <= n.CreateID {
			t.Errorf("after %d: created %+v, then changed at %d", last, n, mod)
		}
		last = mod
	}
}

func testParents(t *testing.T, f Fixture) {
	c := client(t, f)
	ctx := t.Context()
	_, err := c.Create(ctx, coord.Create{Path: "/a/b"})
	c.wantErr("no parent", err, coord.ErrNoNode)
	c.create("/a", "")
	c.create("/a/b", "")
	c.create("/a/b/c", "")
	c.wantErr("delete a parent", c.Delete(ctx, "/a/b", coord.AnyVersion), coord.ErrNotEmpty)
	if got := c.get("/a").Stat; got.Version != 0 || got.CreateID != got.ModID {
		t.Errorf("a child changes its parent: %+v", got)
	}
	if got := c.children("/a"); !slices.Equal(got, []string{"b"}) {
		t.Errorf("children %v: grandchildren are none", got)
	}
	c.delete("/a/b/c")
	c.delete("/a/b")
	c.delete("/a")
	for _, path := range []string{"/a", "/a/b"} {
		_, err := c.Children(ctx, path)
		c.wantErr("children of nothing", err, coord.ErrNoNode)
		_, err = c.List(ctx, path)
		c.wantErr("list of nothing", err, coord.ErrNoNode)
	}
}

func testConditions(t *testing.T, f Fixture) {
	c := client(t, f)
	ctx := t.Context()
	_, err := c.Get(ctx, "/n")
	c.wantErr("get", err, coord.ErrNoNode)
	_, err = c.Set(ctx, "/n", nil, coord.AnyVersion)
	c.wantErr("set", err, coord.ErrNoNode)
	_, err = c.Set(ctx, "/n", nil, 0)
	c.wantErr("set", err, coord.ErrNoNode)
	c.wantErr("delete", c.Delete(ctx, "/n", 0), coord.ErrNoNode)
	c.create("/n", "")
	c.set("/n", "x")
	for _, version := range []int32{0, 2} {
		_, err = c.Set(ctx, "/n", nil, version)
		c.wantErr("set", err, coord.ErrBadVersion)
		c.wantErr("delete", c.Delete(ctx, "/n", version), coord.ErrBadVersion)
	}
	var multi *coord.MultiError
	if errors.As(err, &multi) {
		t.Errorf("a single operation's error is no MultiError: %v", err)
	}
	if n := c.get("/n"); n.Stat.Version != 1 || string(n.Data) != "x" {
		t.Errorf("changed by a refused change: %+v", n)
	}
	c.must(c.Delete(ctx, "/n", 1))
}

func testData(t *testing.T, f Fixture) {
	c := client(t, f)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	header := bytes.Repeat([]byte{0xff, 'm'}, 20)
	for i, data := range [][]byte{nil, {0}, {0xff}, {0xff, 'm'}, header, every, bytes.Repeat(every, 4096)} {
		path := fmt.Sprintf("/n%d", i)
		c.create(path, string(data))
		c.set(path, string(data))
		if n := c.get(path); !bytes.Equal(n.Data, data) || n.Stat.Version != 1 {
			t.Errorf("%d bytes came back as %d, version %d", len(data), len(n.Data), n.Stat.Version)
		}
	}
	mine := []byte("mine")
	_, err := c.Create(t.Context(), coord.Create{Path: "/mine", Data: mine})
	c.must(err)
	copy(mine, "XXXX")
	copy(c.get("/mine").Data, "YYYY")
	list, err := c.List(t.Context(), "/")
	c.must(err)
	for _, child := range list {
		if child.Name == "mine" && string(child.Data) != "mine" {
			t.Errorf("the caller's bytes are the store's: %q", child.Data)
		}
	}
}

// testNeighbours: names that are each other's prefixes, or that sort around the slash.
func testNeighbours(t *testing.T, f Fixture) {
	c := client(t, f)
	names := []string{"a", "a b", "a!", "a-b", "a.b", "a0", "aa", "A", "ä", "日本", "0", "00", "~"}
	for _, name := range names {
		c.create("/"+name, name)
		c.create("/"+name+"/child", name)
	}
	slices.Sort(names)
	if got := c.children("/"); !slices.Equal(got, names) {
		t.Errorf("children %q, want %q", got, names)
	}
	for _, name := range names {
		list, err := c.List(t.Context(), "/"+name)
		c.must(err)
		if len(list) != 1 || list[0].Name != "child" || string(list[0].Data) != name {
			t.Errorf("children of %q: %v", name, list)
		}
		c.delete("/" + name + "/child")
		c.delete("/" + name)
	}
}

func testManyChildren(t *testing.T, f Fixture) {
	const count, batch = 10_000, 50
	c := client(t, f)
	c.create("/topics", "")
	c.create("/other", "")
	for first := 0; first < count; first += batch {
		ops := make([]coord.Op, batch)
		for i := range ops {
			ops[i] = coord.Create{Path: fmt.Sprintf("/topics/%05d", first+i), Data: []byte(strconv.Itoa(first + i))}
		}
		c.multi(ops...)
	}
	list, err := c.List(t.Context(), "/topics")
	c.must(err)
	names := c.children("/topics")
	if len(list) != count || len(names) != count {
		t.Fatalf("%d and %d children, want %d", len(list), len(names), count)
	}
	for i, child := range list {
		if child.Name != fmt.Sprintf("%05d", i) || names[i] != child.Name || string(child.Data) != strconv.Itoa(i) {
			t.Fatalf("child %d: %q, %q", i, child.Name, child.Data)
		}
	}
	if got := c.get("/topics/00777"); got.Stat != list[777].Stat {
		t.Errorf("get %+v, list %+v", got.Stat, list[777].Stat)
	}
	if !slices.Equal(c.children("/"), []string{"other", "topics"}) {
		t.Errorf("children of the root: %v", c.children("/"))
	}
	c.wantErr("delete", c.Delete(t.Context(), "/topics", coord.AnyVersion), coord.ErrNotEmpty)
}

func (c *checked) sequential(path string) string {
	c.t.Helper()
	made, err := c.Create(c.t.Context(), coord.Create{Path: path, Sequential: true})
	c.must(err)
	return made
}

func testSequential(t *testing.T, f Fixture) {
	c := client(t, f)
	c.create("/q", "")
	first, second := c.sequential("/q/n-"), c.sequential("/q/n-")
	if len(first) != len("/q/n-0000000000") || !strings.HasPrefix(first, "/q/n-") || second <= first {
		t.Errorf("%s, %s", first, second)
	}
	c.delete(second)
	if third := c.sequential("/q/n-"); third <= second {
		t.Errorf("%s after %s, which is deleted", third, second)
	}
	bare := c.sequential("/q/")
	if names := c.children("/q"); len(names) != 3 || names[0] != bare[len("/q/"):] {
		t.Errorf("children %v, one of them %s", names, bare)
	}
	results := c.multi(coord.Create{Path: "/q/m-", Sequential: true}, coord.Create{Path: "/q/m-", Sequential: true})
	if results[0].Path >= results[1].Path {
		t.Errorf("in one multi: %v", results)
	}
	c.refused(0, coord.ErrNoNode, coord.Create{Path: "/missing/n-", Sequential: true})
	for _, name := range c.children("/q") {
		c.delete("/q/" + name)
	}
	c.delete("/q")
	if names := c.children("/"); len(names) != 0 {
		t.Errorf("left: %v", names)
	}
}

func testSequentialConcurrent(t *testing.T, f Fixture) {
	const clients, each = 3, 30
	first := client(t, f)
	first.create("/q", "")
	var wait sync.WaitGroup
	for range clients {
		c := client(t, f)
		wait.Go(func() {
			last := ""
			for range each {
				made, err := c.Create(t.Context(), coord.Create{Path: "/q/n-", Sequential: true})
				if err != nil || made <= last {
					t.Errorf("%s after %s: %v", made, last, err)
				}
				last = made
			}
		})
	}
	wait.Wait()
	if got := len(first.children("/q")); got != clients*each {
		t.Errorf("%d children, want %d", got, clients*each)
	}
}

// testCompareAndSet: nobody's change is lost where all demand a version.
func testCompareAndSet(t *testing.T, f Fixture) {
	const clients, each = 4, 25
	first := client(t, f)
	first.create("/n", "0")
	var wait sync.WaitGroup
	for range clients {
		c := client(t, f)
		wait.Go(func() {
			for done := 0; done < each; {
				n, err := c.Get(t.Context(), "/n")
				if err != nil {
					t.Error(err)
					return
				}
				value, _ := strconv.Atoi(string(n.Data))
				_, err = c.Set(t.Context(), "/n", []byte(strconv.Itoa(value+1)), n.Stat.Version)
				switch {
				case err == nil:
					done++
				case !errors.Is(err, coord.ErrBadVersion):
					t.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	n := first.get("/n")
	if want := strconv.Itoa(clients * each); string(n.Data) != want || n.Stat.Version != clients*each {
		t.Errorf("%s at version %d, want %s", n.Data, n.Stat.Version, want)
	}
}

// tree reads everything below a path.
func (c *checked) tree(path string) map[string]coord.Node {
	c.t.Helper()
	all := make(map[string]coord.Node)
	list, err := c.List(c.t.Context(), path)
	c.must(err)
	for _, child := range list {
		at := coord.Join(path, child.Name)
		all[at] = child.Node
		if n := c.get(at); !reflect.DeepEqual(n.Stat, child.Stat) || !bytes.Equal(n.Data, child.Data) {
			c.t.Errorf("%s: list %+v, get %+v", at, child.Node, n)
		}
		for path, n := range c.tree(at) {
			all[path] = n
		}
	}
	return all
}
