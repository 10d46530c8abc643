package replica

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/logdir"
	"milena/internal/peer"
	"milena/internal/vfs/memfs"

	"github.com/twmb/franz-go/pkg/kerr"
)

func newFetcher(b *broker) *fetcher {
	b.options.Cluster.Dial = func(int32) (*peer.Conn, bool) { return nil, false }
	return &fetcher{replicas: b.Replicas, leader: 2, changed: make(chan struct{}, 1), followed: map[logdir.TopicPartition]*followed{}}
}

// TestFetcherTriesAgainSoon: a leader that does not know yet that it leads is asked again after milliseconds, and less and less often as long
// as it does not.
func TestFetcherTriesAgainSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memfs.New())
		defer b.stop()
		f, tp, p := newFetcher(b), logdir.TopicPartition{Topic: "t"}, &followed{}
		f.add(tp, p)
		failed := func() time.Duration {
			t.Helper()
			f.settle(tp, p, kerr.NotLeaderForPartition)
			due, next := f.due(time.Now())
			if len(due) > 0 {
				t.Error("it is asked again at once")
			}
			return time.Until(next)
		}
		for _, want := range []time.Duration{10, 20, 40, 80, 160, 320, 640, 1000, 1000} {
			if got := failed(); got != want*time.Millisecond {
				t.Errorf("asked again after %v, want %d ms", got, want)
			}
		}
		f.settle(tp, p, nil)
		if got := failed(); got != firstBackoff {
			t.Errorf("after a success: %v", got)
		}
		<-time.After(firstBackoff)
		if due, _ := f.due(time.Now()); due[tp] != p {
			t.Error("it is never asked again")
		}
	})
}

// TestFetcherSeesWhatIsAddedMeanwhile: a partition that comes between the look at what is due and the request does not wait until the request,
// which is not about it, is answered.
func TestFetcherSeesWhatIsAddedMeanwhile(t *testing.T) {
	b := start(t, memfs.New())
	defer b.stop()
	f := newFetcher(b)
	f.add(logdir.TopicPartition{Topic: "t"}, &followed{})
	due, _ := f.due(time.Now())
	f.add(logdir.TopicPartition{Topic: "u"}, &followed{})
	if err := f.fetch(context.Background(), due); err != nil {
		t.Errorf("the request was sent: %v", err)
	}
	due, _ = f.due(time.Now())
	if len(due) != 2 {
		t.Errorf("%d partitions are due", len(due))
	}
	if err := f.fetch(context.Background(), due); !errors.Is(err, errUnknownAddress) {
		t.Errorf("the request was not sent: %v", err)
	}
}
