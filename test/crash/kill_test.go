//go:build crash

package crash

import (
	"math/rand/v2"
	"testing"
)

// TestKill kills the broker ten times in a row under load: everything acknowledged is there, once, in order; a consumer that reads along sees no
// record twice and none that is gone later.
func TestKill(t *testing.T) {
	for name, overrides := range map[string][]string{
		"page cache": nil,
		"fsync":      {"log.flush.interval.messages=1"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBroker(t)
			start(t, b, overrides...)
			createTopic(t, b, "t", partitions, "segment.bytes=1000000")
			l := startLoad(t, b, "t")
			along := startReader(t, b, "t")
			for range 10 {
				l.progress(1000 + rand.Int64N(20000))
				must(t, b.Kill())
				start(t, b, overrides...)
			}
			l.progress(1000)
			l.end()
			t.Logf("%d records acknowledged", l.acked.Load())
			for p, n := range l.sent {
				along.reach(p, n)
			}
			l.verify(b)
		})
	}
}
