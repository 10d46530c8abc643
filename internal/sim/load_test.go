package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	topicName  = "data"
	partitions = 3
)

// producer writes numbered records and notes what was acknowledged.
type producer struct {
	w     *world
	name  int
	mu    sync.Mutex
	sent  [partitions]int
	acked map[int32]map[int]int64 // partition, number, offset
}

// run sends until ctx ends, then waits for all to be acknowledged.
func (p *producer) run(ctx context.Context) {
	c := p.w.client(kgo.StopProducerOnDataLossDetected(), kgo.RecordRetries(1<<30), kgo.ProducerBatchMaxBytes(8<<10))
	defer c.Close()
	rng := rand.New(rand.NewPCG(p.w.seed, uint64(100+p.name)))
	p.send(c, 0, 0)
	_ = c.Flush(context.Background()) // the client asks for its producer id under a lock: nobody else may wait for that, or the clock would stand
	for ctx.Err() == nil {
		for range 1 + rng.IntN(4) {
			p.send(c, int32(rng.IntN(partitions)), rng.IntN(200))
		}
		time.Sleep(time.Duration(10+rng.IntN(400)) * time.Millisecond)
	}
	flushing, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := c.Flush(flushing); err != nil {
		p.w.stuck("producer %d: %d records are still not acknowledged 3 minutes after the faults", p.name, c.BufferedProduceRecords())
	}
}

func (p *producer) send(c *kgo.Client, partition int32, padding int) {
	p.mu.Lock()
	number := p.sent[partition]
	p.sent[partition]++
	p.mu.Unlock()
	value := fmt.Sprintf("%d %d %s", p.name, number, strings.Repeat("x", padding))
	c.Produce(context.Background(), &kgo.Record{Topic: topicName, Partition: partition, Value: []byte(value)}, func(r *kgo.Record, err error) {
		if errors.Is(err, kgo.ErrClientClosed) {
			return // told as a whole
		}
		if err != nil {
			p.w.violation("producer %d: record %d of partition %d: %v", p.name, number, partition, err)
			return
		}
		p.mu.Lock()
		p.acked[partition][number] = r.Offset
		p.mu.Unlock()
		p.w.say("producer %d: record %d of partition %d is at %d", p.name, number, partition, r.Offset)
	})
}

// seen is what a consumer was shown, in the order of offsets from 0.
type seen [partitions][]string

// consume reads all partitions from the start, until ctx ends or the wanted ends are reached.
func (w *world) consume(ctx context.Context, name string, upTo map[int32]int64) *seen {
	offsets := map[int32]kgo.Offset{}
	for p := range int32(partitions) {
		offsets[p] = kgo.NewOffset().At(0)
	}
	c := w.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topicName: offsets}), kgo.FetchMaxWait(500*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), kgo.DisableFetchSessions())
	defer c.Close()
	s := &seen{}
	for ctx.Err() == nil && !s.has(upTo) {
		fetches := c.PollFetches(ctx)
		fetches.EachError(func(_ string, partition int32, err error) {
			if loss := (*kgo.ErrDataLoss)(nil); errors.Is(err, kerr.OffsetOutOfRange) || errors.As(err, &loss) {
				w.violation("%s of partition %d: %v", name, partition, err)
			}
		})
		fetches.EachRecord(func(r *kgo.Record) {
			if at := int64(len(s[r.Partition])); r.Offset != at {
				w.violation("%s of partition %d was shown offset %d, not %d", name, r.Partition, r.Offset, at)
				return
			}
			s[r.Partition] = append(s[r.Partition], string(r.Value))
		})
	}
	return s
}

func (s *seen) has(upTo map[int32]int64) bool {
	for p, end := range upTo {
		if int64(len(s[p])) < end {
			return false
		}
	}
	return upTo != nil
}

// member commits for a group that has no members, always further on.
type member struct {
	w         *world
	committed map[int32]int64 // acknowledged
}

func (m *member) run(ctx context.Context) {
	c := m.w.client()
	defer c.Close()
	admin := kadm.NewClient(c)
	for at := int64(1); ctx.Err() == nil; at++ {
		time.Sleep(300 * time.Millisecond)
		attempt, cancel := context.WithTimeout(ctx, 8*time.Second)
		var offsets kadm.Offsets
		for p := range int32(partitions) {
			offsets.AddOffset(topicName, p, at, -1)
		}
		committed, err := admin.CommitOffsets(attempt, "g", offsets)
		cancel()
		if err != nil || committed.Error() != nil {
			time.Sleep(30 * time.Second) // it may still come true, and must not after a later one
			continue
		}
		for p := range int32(partitions) {
			m.committed[p] = at
		}
	}
}

// churn makes topics and deletes them. What it was told is done must be so in the end; in doubt is nil.
func (w *world) churn(ctx context.Context) map[string]*bool {
	c := w.client(kgo.DisableIdempotentWrite()) // else it asks for a producer id under a lock
	defer c.Close()
	admin := kadm.NewClient(c)
	rng := rand.New(rand.NewPCG(w.seed, 200))
	exists := map[string]*bool{}
	yes, no := true, false
	for n := 0; ctx.Err() == nil; n++ {
		time.Sleep(time.Duration(500+rng.IntN(6000)) * time.Millisecond)
		name := "churn" + strconv.Itoa(n%4)
		attempt, cancel := context.WithTimeout(ctx, 8*time.Second)
		before := exists[name]
		if before != nil && *before || before == nil && rng.IntN(2) == 0 {
			exists[name] = nil
			if _, err := admin.DeleteTopic(attempt, name); err == nil {
				exists[name] = &no
			}
		} else {
			exists[name] = nil
			if _, err := admin.CreateTopic(attempt, int32(1+rng.IntN(3)), 3, nil, name); err == nil {
				exists[name] = &yes
				_ = c.ProduceSync(attempt, &kgo.Record{Topic: name, Value: []byte("a record")}).FirstErr()
			}
		}
		cancel()
	}
	return exists
}
