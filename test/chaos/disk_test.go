//go:build chaos

package chaos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"milena/test/milena"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestFullDisk fills one broker's volume: the others take its partitions over and go on. It is killed and started on the full disk, and catches
// up when there is room.
func TestFullDisk(t *testing.T) {
	const full = 1
	c := startCluster(t, false, func(b *milena.Broker) {
		if b.Host != address(full+1) {
			return
		}
		must(t, os.MkdirAll(b.DataDir(), 0o755))
		if err := syscall.Mount("tmpfs", b.DataDir(), "tmpfs", 0, "size=220m"); err != nil {
			t.Fatalf("this test needs a small volume, and may not mount one (run it as root): %v", err)
		}
		t.Cleanup(func() { must(t, syscall.Unmount(b.DataDir(), syscall.MNT_DETACH)) })
	})
	s := startStory(c)
	filler := filepath.Join(c.brokers[full].DataDir(), "filler")
	fill(t, filler)
	s.goesOn("the disk is full")
	s.without(full)
	s.goesOn("without the full broker")
	must(t, c.kill(full))
	c.launch(full)
	s.goesOn("it is killed and started")
	fill(t, filler) // what the restart has made room for
	await(t, "full broker that is there", patience, func() bool {
		m := c.ask(full)
		return m != nil && len(m.Brokers) == copies
	})
	s.without(full)
	must(t, os.Remove(filler))
	c.whole()
	s.goesOn("there is room")
	s.end(topic)
}

// without waits until no partition of the topic has a broker in its ISR.
func (s *story) without(i int) {
	s.t.Helper()
	await(s.t, fmt.Sprintf("ISRs without broker %d", i+1), patience, func() bool {
		led := 0
		m := s.ask((i + 1) % copies)
		eachPartition(m, func(name string, p *kmsg.MetadataResponseTopicPartition) {
			if name == topic && p.Leader >= 0 && !slices.Contains(p.ISR, int32(i+1)) {
				led++
			}
		})
		return led == partitions
	})
}

// fill takes the room that is left on a volume.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	must(t, err)
	defer f.Close()
	for chunk := make([]byte, 4096); ; {
		if _, err := f.Write(chunk); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(fmt.Errorf("filling the volume: %w", err))
			}
			return
		}
	}
}
