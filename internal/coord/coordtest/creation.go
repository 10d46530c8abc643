package coordtest

import (
	"errors"
	"sync"
	"testing"

	"milena/internal/coord"
)

func testCreateID(t *testing.T, f Fixture) {
	c := client(t, f)
	c.create("/p", "")
	c.create("/p/n", "old")
	old := c.get("/p/n").Stat.CreateID
	c.delete("/p/n")
	c.create("/p/n", "new")
	now := c.get("/p/n").Stat.CreateID
	other := coord.Check{Path: "/p", Version: 0}
	c.refused(0, coord.ErrBadVersion, coord.Delete{Path: "/p/n", Version: 0, CreateID: old})
	c.refused(1, coord.ErrBadVersion, other, coord.Delete{Path: "/p/n", Version: coord.AnyVersion, CreateID: old})
	c.refused(0, coord.ErrBadVersion, coord.Check{Path: "/p/n", Version: 0, CreateID: old}, other)
	c.refused(0, coord.ErrBadVersion, coord.Check{Path: "/p/n", Version: 1, CreateID: now})
	c.refused(0, coord.ErrNoNode, coord.Delete{Path: "/p/x", Version: coord.AnyVersion, CreateID: now})
	c.refused(0, coord.ErrNodeExists, coord.Create{Path: "/p"}, coord.Delete{Path: "/p/n", CreateID: old})
	c.refused(1, coord.ErrBadVersion, coord.Create{Path: "/p/made"}, coord.Check{Path: "/p/made", CreateID: now})
	c.refused(2, coord.ErrBadVersion, coord.Delete{Path: "/p/n", CreateID: now}, coord.Create{Path: "/p/n"},
		coord.Check{Path: "/p/n", CreateID: now})
	c.refused(1, coord.ErrNoNode, coord.Delete{Path: "/p/n", CreateID: now}, coord.Check{Path: "/p/n", CreateID: now})
	if got := c.children("/p"); len(got) != 1 || string(c.get("/p/n").Data) != "new" {
		t.Errorf("changed by what was refused: %v", got)
	}
	c.multi(coord.Check{Path: "/p/n", Version: coord.AnyVersion, CreateID: now}, coord.Set{Path: "/p", Version: 0})
	c.multi(
		coord.Create{Path: "/p/beside"},
		coord.Set{Path: "/p/n", Version: 0},
		coord.Check{Path: "/p/n", Version: 1, CreateID: now},
		coord.Delete{Path: "/p/n", Version: 1, CreateID: now},
	)
	if got := c.children("/p"); len(got) != 1 || got[0] != "beside" {
		t.Errorf("left: %v", got)
	}
}

// testCreateIDRaces: whoever removes a node by its creation never removes the one that took its place, though that has the same version.
func testCreateIDRaces(t *testing.T, f Fixture) {
	c, remover := client(t, f), client(t, f)
	c.create("/ids", "")
	for range 30 {
		c.create("/ids/1", "dead")
		dead := c.get("/ids/1").Stat.CreateID
		var wait sync.WaitGroup
		wait.Go(func() {
			_, err := remover.Multi(t.Context(), coord.Delete{Path: "/ids/1", Version: coord.AnyVersion, CreateID: dead})
			if err != nil && !errors.Is(err, coord.ErrBadVersion) && !errors.Is(err, coord.ErrNoNode) {
				t.Error(err)
			}
		})
		wait.Go(func() {
			if err := c.Delete(t.Context(), "/ids/1", coord.AnyVersion); err != nil && !errors.Is(err, coord.ErrNoNode) {
				t.Error(err)
			}
			if _, err := c.Create(t.Context(), coord.Create{Path: "/ids/1", Data: []byte("alive")}); err != nil {
				t.Error(err)
			}
		})
		wait.Wait()
		if !c.exists("/ids/1") {
			t.Fatal("the living one was removed in place of the dead one")
		}
		c.delete("/ids/1")
	}
	if got := c.children("/ids"); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}
