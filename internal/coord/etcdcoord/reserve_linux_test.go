package etcdcoord

import (
	"os"
	"syscall"
	"testing"

	"milena/internal/coord"
)

// TestReserve: the database has no holes, so that writing it needs no room on a volume that has since become full.
func TestReserve(t *testing.T) {
	dir := t.TempDir()
	if err := reserve(probe(t, dir), 1<<20); err != nil {
		t.Skipf("this file system sets no room aside: %v", err)
	}
	e := start(t, dir)
	_, err := e.Create(t.Context(), coord.Create{Path: "/n"})
	must(t, err)
	info, err := os.Stat(databaseFile(dir))
	must(t, err)
	if has := info.Sys().(*syscall.Stat_t).Blocks * 512; has < info.Size() || has < reserveBytes {
		t.Errorf("%d bytes long, %d bytes of room", info.Size(), has)
	}
}

func probe(t *testing.T, dir string) string {
	t.Helper()
	f, err := os.CreateTemp(dir, "probe")
	must(t, err)
	must(t, f.Close())
	return f.Name()
}
