//go:build chaos

package chaos

import (
	"fmt"
	"os"
	"slices"
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
		unmount, err := b.MountVolume("220m")
		must(t, err)
		t.Cleanup(func() { must(t, unmount()) })
	})
	s := startStory(c)
	filler, err := c.brokers[full].FillVolume()
	must(t, err)
	s.goesOn("the disk is full")
	s.without(full)
	s.goesOn("without the full broker")
	must(t, c.kill(full))
	c.launch(full)
	s.goesOn("it is killed and started")
	_, err = c.brokers[full].FillVolume() // what the restart has made room for
	must(t, err)
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
