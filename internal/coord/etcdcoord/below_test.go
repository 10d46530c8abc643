package etcdcoord

import (
	"context"
	"log/slog"
	"testing"

	"milena/internal/coord"
)

func TestListBelow(t *testing.T) {
	ctx := context.Background()
	e, err := StartEmbedded(ctx, EmbeddedOptions{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, path := range []string{"/a", "/a/x", "/a/x/1", "/a/y", "/a/y/2", "/a/y/2/deep", "/ab", "/ab/z", "/ab/z/3"} {
		if _, err := e.Create(ctx, coord.Create{Path: path, Data: []byte(path)}); err != nil {
			t.Fatal(err)
		}
	}
	nodes, err := e.ListBelow(ctx, "/a", 2)
	if err != nil || len(nodes) != 2 || string(nodes["/a/x/1"].Data) != "/a/x/1" || string(nodes["/a/y/2"].Data) != "/a/y/2" {
		t.Errorf("below /a: %v, %v", nodes, err)
	}
	if nodes, err := e.ListBelow(ctx, "/", 1); err != nil || len(nodes) != 2 {
		t.Errorf("below the root: %v, %v", nodes, err)
	}
	if nodes, err := e.ListBelow(ctx, "/none", 2); err != nil || len(nodes) != 0 {
		t.Errorf("below nothing: %v, %v", nodes, err)
	}
}
