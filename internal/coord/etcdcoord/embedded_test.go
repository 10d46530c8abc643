package etcdcoord

import (
	"context"
	"fmt"
	"testing"
	"time"

	"milena/internal/coord"
)

func TestEmbeddedProbe(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	begin := time.Now()
	e, err := StartEmbedded(ctx, EmbeddedOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ready %v", time.Since(begin))
	if _, err := e.Create(ctx, coord.Create{Path: "/a", Data: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	s, err := e.NewSession(ctx, 6000)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Create(ctx, coord.Create{Path: "/e", Data: []byte("x"), Session: s}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Set(ctx, "/a", []byte("y"), 0); err != nil {
		t.Fatal(err)
	}
	n, err := e.Get(ctx, "/a")
	t.Log(n, err)
	begin = time.Now()
	for i := range 10 {
		var ops []coord.Op
		for j := range 100 {
			p := fmt.Sprintf("/a/%d", i*100+j)
			ops = append(ops, coord.Create{Path: p}, coord.Create{Path: p + "/state", Data: make([]byte, 150)})
		}
		if _, err := e.Multi(ctx, ops...); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("1000 partitions %v", time.Since(begin))
	begin = time.Now()
	for range 200 {
		e.Set(ctx, "/a", []byte("y"), -1)
	}
	t.Logf("set %v", time.Since(begin)/200)
	begin = time.Now()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("close %v", time.Since(begin))
	begin = time.Now()
	e, err = StartEmbedded(ctx, EmbeddedOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("again %v", time.Since(begin))
	c, err := e.Children(ctx, "/a")
	t.Log(len(c), err)
	e.Close()
}
