//go:build crash

package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestKillWhileTopicsChange kills the broker while topics are created, grown and deleted: what was answered holds, each topic that is listed takes
// records, and of those deleted nothing is left on the disk.
func TestKillWhileTopicsChange(t *testing.T) {
	overrides := []string{"log.segment.delete.delay.ms=100"}
	b := newBroker(t)
	start(t, b, overrides...)
	admin := kadm.NewClient(client(t, b, kgo.RetryTimeout(5*time.Second)))
	ctx, stop := context.WithCancel(context.Background())
	var changes atomic.Int64
	const names = 8
	exists := map[string]bool{} // by what was answered last; absent where that is unknown
	history := map[string][]string{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			name := fmt.Sprint("t", rand.IntN(names))
			limited, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			var err error
			var is bool
			what := rand.IntN(3)
			switch what {
			case 0:
				_, err = admin.CreateTopic(limited, 3, 1, nil, name)
				is = err == nil || errors.Is(err, kerr.TopicAlreadyExists)
			case 1:
				_, err = admin.DeleteTopic(limited, name)
				is = err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition)
			default:
				// Not by how many: kadm would count from what it remembers of the topic, for seconds after it was deleted and made anew.
				var grown kadm.CreatePartitionsResponses
				if grown, err = admin.UpdatePartitions(limited, 4+rand.IntN(4), name); err == nil {
					err = grown.Error()
				}
				is = err == nil || errors.Is(err, kerr.InvalidPartitions)
			}
			cancel()
			known := err == nil || errors.Is(err, kerr.TopicAlreadyExists) || errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.InvalidPartitions)
			if delete(exists, name); known {
				exists[name] = is
			}
			history[name] = append(history[name], fmt.Sprintf("%s %s: %v", time.Now().Format("05.000"), []string{"create", "delete", "grow"}[what], err))
			changes.Add(1)
		}
	}()
	for range 10 {
		goal := changes.Load() + rand.Int64N(30)
		await(t, "changes", 20*time.Second, func() bool { return changes.Load() >= goal })
		must(t, b.Kill())
		start(t, b, overrides...)
	}
	stop()
	<-done
	listed, err := admin.ListTopics(t.Context())
	must(t, err)
	t.Logf("%d changes; %v", changes.Load(), listed.Names())
	for name, is := range exists {
		if listed.Has(name) != is {
			t.Errorf("%s is listed: %v; what was answered last says %v:\n%s", name, !is, is, strings.Join(history[name], "\n"))
		}
	}
	c := client(t, b)
	for _, topic := range listed {
		for p := range topic.Partitions {
			r := &kgo.Record{Topic: topic.Topic, Partition: p, Value: []byte("v")}
			limited, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			if err := c.ProduceSync(limited, r).FirstErr(); err != nil {
				t.Errorf("%s-%d: %v", topic.Topic, p, err)
			}
			cancel()
		}
	}
	await(t, "disk without logs of topics that are gone", 20*time.Second, func() bool {
		entries, err := os.ReadDir(b.DataDir())
		must(t, err)
		for _, e := range entries {
			i := strings.LastIndexByte(e.Name(), '-')
			if strings.HasSuffix(e.Name(), "-delete") || strings.HasPrefix(e.Name(), "t") && !listed.Has(e.Name()[:i]) {
				return false
			}
		}
		return true
	})
}
