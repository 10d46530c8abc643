//go:build chaos

package chaos

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

func endOffsets(t *testing.T, c *cluster) (ends [partitions]int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	listed, err := kadm.NewClient(client(t, c)).ListEndOffsets(ctx, topic)
	must(t, err)
	must(t, listed.Error())
	listed.Each(func(o kadm.ListedOffset) { ends[o.Partition] = o.Offset })
	return ends
}

// verify holds what everybody was told against what is there in the end.
func verify(t *testing.T, l *load, final, along [partitions][]id, g *group) {
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
func verifyOrder(t *testing.T, l *load, partition int32, records []id) {
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

// equalLogs compares the files of the replicas, which have been stopped cleanly, up to the end that all have.
func equalLogs(t *testing.T, c *cluster) {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(c.brokers[0].DataDir(), "*-[0-9]*"))
	must(t, err)
	compared := 0
	for _, dir := range dirs {
		name := filepath.Base(dir)
		if strings.HasPrefix(name, "__cluster_metadata") {
			continue
		}
		first := c.bytesOf(0, name)
		for i := 1; i < copies; i++ {
			other := c.bytesOf(i, name)
			if n := min(len(first), len(other)); !bytes.Equal(first[:n], other[:n]) {
				t.Errorf("%s differs between brokers 1 and %d", name, i+1)
			} else if len(first) != len(other) && strings.HasPrefix(name, topic+"-") {
				t.Errorf("%s has %d bytes at broker 1 and %d at broker %d, though all were in sync and quiet", name, len(first), len(other), i+1)
			}
		}
		compared++
	}
	if compared < partitions {
		t.Errorf("%d partitions only in %s", compared, c.brokers[0].DataDir())
	}
}

// pauses are what producers had to wait, by kind of failure.
type pauses map[string][]time.Duration

func (p pauses) String() string {
	var text strings.Builder
	for _, a := range failures {
		if all := p[a.name]; len(all) > 0 {
			slices.Sort(all)
			fmt.Fprintf(&text, "\n%-32s %3d times, median %6d ms, longest %6d ms", a.name, len(all), all[len(all)/2].Milliseconds(),
				all[len(all)-1].Milliseconds())
		}
	}
	return text.String()
}
