package history

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
)

// Ends are the partitions' end offsets.
func (to *Topic) Ends(t *testing.T) []int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	admin := kadm.NewClient(to.Client())
	defer admin.Close()
	var listed kadm.ListedOffsets
	await(t, "end offsets", func() bool { // a leader that was just elected does not know them at once
		var err error
		listed, err = admin.ListEndOffsets(ctx, to.Name)
		return err == nil && listed.Error() == nil
	})
	ends := make([]int64, to.Partitions)
	listed.Each(func(o kadm.ListedOffset) { ends[o.Partition] = o.Offset })
	return ends
}

// Verify holds what everybody was told against what is there in the end: final is what was read then, along while brokers failed.
func Verify(t *testing.T, l *Load, final, along [][]id, g *Group) {
	t.Helper()
	if l.acked.Load() == 0 {
		t.Error("nothing was acknowledged")
	}
	if n := l.failed.Load(); n > 0 {
		t.Errorf("%d records were given up by producers that never give up", n)
	}
	for p := range final {
		if !slices.Equal(along[p], final[p]) {
			t.Errorf("partition %d: what was read along is not what is there", p)
		}
		for offset, i := range g.seen[p] {
			if offset >= int64(len(final[p])) || final[p][offset] != i {
				t.Errorf("partition %d, offset %d: the group has read %v, which is not there", p, offset, i)
				break
			}
		}
		if len(g.seen[p]) != len(final[p]) {
			t.Errorf("partition %d: the group has read %d of %d records", p, len(g.seen[p]), len(final[p]))
		}
		verifyOrder(t, l, int32(p), final[p])
	}
	for n, s := range l.streams {
		verifyStream(t, uint32(n), s, final[s.partition])
	}
}

// verifyOrder: each stream's numbers go up in its own partition, none comes twice.
func verifyOrder(t *testing.T, l *Load, partition int32, records []id) {
	t.Helper()
	last := map[uint32]int64{}
	for offset, i := range records {
		before, some := last[i.stream]
		if some && int64(i.number) <= before {
			t.Errorf("partition %d, offset %d: %v comes after %d: a duplicate, or out of order", partition, offset, i, before)
			return
		}
		if int(i.stream) >= len(l.streams) || l.streams[i.stream].partition != partition || int(i.number) >= len(l.streams[i.stream].sends) {
			t.Errorf("partition %d, offset %d: %v was never sent there", partition, offset, i)
			return
		}
		last[i.stream] = int64(i.number)
	}
}

// verifyStream: what was acknowledged is where the producer was told.
func verifyStream(t *testing.T, n uint32, s *stream, records []id) {
	t.Helper()
	lost, first := 0, ""
	for number, sent := range s.sends {
		if sent.err != nil {
			t.Errorf("partition %d: %v failed: %v", s.partition, id{n, uint32(number)}, sent.err)
			return
		}
		if sent.offset < 0 || sent.offset >= int64(len(records)) || records[sent.offset] != (id{n, uint32(number)}) {
			if lost++; first == "" {
				first = fmt.Sprintf("%v, acknowledged at %d", id{n, uint32(number)}, sent.offset)
			}
		}
	}
	if lost > 0 {
		t.Errorf("partition %d: %d acknowledged records are not where they should be, the first %s", s.partition, lost, first)
	}
}

// EqualLogs compares the files of the replicas in the data directories of brokers, which have been stopped cleanly: all topics up to the end
// that all have, and the named ones, which were in sync and quiet, as a whole. It gives the number of partitions.
func EqualLogs(t *testing.T, topics []string, dirs ...string) (compared int) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dirs[0], "*-[0-9]*"))
	must(t, err)
	for _, dir := range found {
		name := filepath.Base(dir)
		if strings.HasPrefix(name, "__cluster_metadata") || strings.HasSuffix(name, "-delete") {
			continue
		}
		first := bytesOf(t, dir)
		for _, other := range dirs[1:] {
			whole := slices.Contains(topics, name[:strings.LastIndexByte(name, '-')])
			second := bytesOf(t, filepath.Join(other, name))
			if n := min(len(first), len(second)); !bytes.Equal(first[:n], second[:n]) {
				t.Errorf("%s differs between %s and %s", name, dirs[0], other)
			} else if len(first) != len(second) && whole {
				t.Errorf("%s has %d bytes in %s and %d in %s, though all were in sync and quiet", name, len(first), dirs[0], len(second), other)
			}
		}
		compared++
	}
	return compared
}

// bytesOf gives a replica's log, all segments one after another.
func bytesOf(t *testing.T, dir string) []byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.log")) // in the order of their names: by offset
	must(t, err)
	if len(files) == 0 {
		t.Fatalf("no log in %s", dir)
	}
	var all []byte
	for _, file := range files {
		data, err := os.ReadFile(file)
		must(t, err)
		all = append(all, data...)
	}
	return all
}
