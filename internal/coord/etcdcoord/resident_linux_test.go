package etcdcoord

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"milena/internal/coord"
)

// TestReserveIsNotInMemory: a server that starts on a database that has been there has but the pages that it uses in memory.
func TestReserveIsNotInMemory(t *testing.T) {
	dir := t.TempDir()
	e := start(t, dir)
	_, err := e.Create(t.Context(), coord.Create{Path: "/n"})
	must(t, err)
	must(t, e.Close())
	start(t, dir)
	info, err := os.Stat(databaseFile(dir))
	must(t, err)
	if resident := residentBytes(t, databaseFile(dir)); resident > info.Size()/4 {
		t.Errorf("%d bytes of %d are in memory", resident, info.Size())
	}
}

// residentBytes is how much of a file that this process has mapped is in memory.
func residentBytes(t *testing.T, name string) (total int64) {
	t.Helper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	must(t, err)
	ours, mapped := false, false
	for line := range strings.Lines(string(smaps)) {
		fields := strings.Fields(line)
		switch {
		case !strings.HasSuffix(fields[0], ":"):
			ours = strings.HasSuffix(strings.TrimSpace(line), name)
			mapped = mapped || ours
		case ours && fields[0] == "Rss:":
			kB, err := strconv.ParseInt(fields[1], 10, 64)
			must(t, err)
			total += kB << 10
		}
	}
	if !mapped {
		t.Fatalf("%s is not mapped", name)
	}
	return total
}
