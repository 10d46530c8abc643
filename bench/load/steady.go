package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Steady is a client that goes on producing to each partition of a topic, with acks=all, whatever befalls the brokers.
type Steady struct {
	client  *kgo.Client
	stop    context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex    // guards what follows
	slowest time.Duration // of what was acknowledged since Mark
	since   time.Time
	seen    []bool // by partition: a record that was sent after since is acknowledged
	err     error
}

// steadyGap is the time between two records of one partition.
const steadyGap = 5 * time.Millisecond

// NewSteady begins to produce. The client asks again as fast as it may, so that it is the brokers that are waited for.
func NewSteady(l Cluster, topic string, partitions int32) (*Steady, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(l...), kgo.DisableClientMetrics(), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0), kgo.MaxBufferedRecords(100_000), kgo.MetadataMinAge(10*time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 5 * time.Millisecond }), kgo.DialTimeout(time.Second),
		kgo.RequestTimeoutOverhead(time.Second), kgo.ProduceRequestTimeout(2*time.Second))
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Steady{client: client, stop: stop, seen: make([]bool, partitions)}
	s.running.Go(func() { s.produce(ctx, topic, partitions) })
	return s, nil
}

func (s *Steady) produce(ctx context.Context, topic string, partitions int32) {
	tick := time.NewTicker(steadyGap)
	defer tick.Stop()
	value := make([]byte, 100)
	for ctx.Err() == nil {
		for p := range partitions {
			sent := time.Now()
			s.client.Produce(context.Background(), &kgo.Record{Topic: topic, Partition: p, Value: value}, func(_ *kgo.Record, err error) {
				s.acknowledged(p, sent, err)
			})
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

func (s *Steady) acknowledged(partition int32, sent time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && !errors.Is(err, kgo.ErrClientClosed) {
		s.err = errors.Join(s.err, err)
	}
	s.slowest = max(s.slowest, time.Since(sent))
	if sent.After(s.since) {
		s.seen[partition] = true
	}
}

// Mark begins a measurement.
func (s *Steady) Mark() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slowest = 0
}

// Pause waits until each partition has acknowledged a record that was sent from now on. It is the longest time for which a record that was
// acknowledged since Mark had waited for that.
func (s *Steady) Pause() (time.Duration, error) {
	s.mu.Lock()
	s.since = time.Now()
	clear(s.seen)
	s.mu.Unlock()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		if over, pause, err := s.look(); over || err != nil {
			return pause, err
		}
	}
	return 0, fmt.Errorf("producers stand still after %v", patience)
}

func (s *Steady) look() (over bool, pause time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seen := range s.seen {
		if !seen {
			return false, 0, s.err
		}
	}
	return true, s.slowest, s.err
}

// Close ends it; what is not acknowledged yet is given up.
func (s *Steady) Close() {
	s.stop()
	s.running.Wait()
	s.client.Close()
}
