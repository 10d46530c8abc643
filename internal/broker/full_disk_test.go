package broker_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"milena/internal/vfs/memfs"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestFullDiskAmongThree: the others go on within a moment without a broker that has no room, whether it leads or follows, and take it back when
// it has some.
func TestFullDiskAmongThree(t *testing.T) {
	for role, of := range map[string]func(leader int) int{
		"leader":   func(leader int) int { return leader },
		"follower": func(leader int) int { return 1 + leader%3 },
	} {
		t.Run(role, func(t *testing.T) {
			inStreet(t, 3, func(t *testing.T, s *street) {
				ctx := context.Background()
				c := s.client()
				defer c.Close()
				_, err := kadm.NewClient(c).CreateTopic(ctx, 1, 3, map[string]*string{"min.insync.replicas": kadm.StringPtr("2")}, "t")
				must(t, err)
				full := of(int(s.isr(c, "t", 0, 3).Leader))
				sent := 0
				produce := func(records int) (longest time.Duration) {
					t.Helper()
					for range records {
						began := time.Now()
						must(t, c.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: fmt.Append(nil, sent)}).FirstErr())
						longest, sent = max(longest, time.Since(began)), sent+1
					}
					return longest
				}
				produce(10)
				s.houses[full].fs.SetCapacity(1)
				if took := produce(10); took > 2*time.Second {
					t.Errorf("a record waited %v for a disk that is full", took)
				}
				if p := s.isr(c, "t", 0, 2); int(p.Leader) == full {
					t.Errorf("broker %d leads on without room", full)
				}
				s.wait(time.Minute)
				s.isr(c, "t", 0, 2)
				s.houses[full].fs.SetCapacity(memfs.DefaultCapacityBytes)
				s.isr(c, "t", 0, 3)
				produce(10)
				end, err := kadm.NewClient(c).ListEndOffsets(ctx, "t")
				must(t, err)
				if o, _ := end.Lookup("t", 0); o.Offset != int64(sent) {
					t.Errorf("%d records of %d", o.Offset, sent)
				}
			})
		})
	}
}
