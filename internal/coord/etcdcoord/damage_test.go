package etcdcoord

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"milena/internal/coord"
)

// TestEmbeddedDamaged: files that are not what they should be give an error that names the directory.
func TestEmbeddedDamaged(t *testing.T) {
	for _, pattern := range []string{"member/snap/db", "member/wal/*.wal"} {
		t.Run(filepath.Base(pattern), func(t *testing.T) {
			dir := abandoned(t)
			e := start(t, dir)
			_, err := e.Create(t.Context(), coord.Create{Path: "/n", Data: make([]byte, 10_000)})
			must(t, err)
			must(t, e.Close())
			names, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil || len(names) == 0 {
				t.Fatalf("%v, %v", names, err)
			}
			for _, name := range names {
				damage(t, name)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, err = StartEmbedded(ctx, EmbeddedOptions{Dir: dir})
			if err == nil || !strings.Contains(err.Error(), dir) {
				t.Fatalf("started on damaged files: %v", err)
			}
			t.Log(err)
		})
	}
}

// abandoned is a directory in which a server that was given up may still make files for a moment.
func abandoned(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "damaged")
	must(t, err)
	t.Cleanup(func() {
		limit := time.Now().Add(20 * time.Second)
		for err := os.RemoveAll(dir); err != nil; err = os.RemoveAll(dir) {
			if time.Now().After(limit) {
				t.Error(err)
				return
			}
		}
	})
	return dir
}

func damage(t *testing.T, name string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	must(t, err)
	junk := []byte(strings.Repeat("junk", 4096))
	_, err = f.WriteAt(junk, 0)
	must(t, err)
	must(t, f.Close())
}
