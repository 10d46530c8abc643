//go:build chaos

package chaos

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	topic      = "t"
	partitions = 6
	producers  = 2
	keys       = 2 // of each producer in each partition
)

// id names a record: the stream (producer, partition, key) and its number there, from 0 on.
type id struct {
	stream uint32
	number uint32
}

func (i id) String() string { return fmt.Sprintf("%d of stream %d", i.number, i.stream) }

func encode(i id) (key, value []byte) {
	value = make([]byte, 8, 8+int(i.number%200))
	binary.BigEndian.PutUint32(value, i.stream)
	binary.BigEndian.PutUint32(value[4:], i.number)
	return fmt.Append(nil, i.stream), value[:cap(value)]
}

func decode(r *kgo.Record) (id, error) {
	if len(r.Value) >= 8 {
		i := id{binary.BigEndian.Uint32(r.Value), binary.BigEndian.Uint32(r.Value[4:])}
		if key, value := encode(i); string(key) == string(r.Key) && string(value) == string(r.Value) {
			return i, nil
		}
	}
	return id{}, fmt.Errorf("partition %d, offset %d: not a record of ours: key %q, value %x", r.Partition, r.Offset, r.Key, r.Value)
}

// outcome is what a producer was told of a record.
type outcome struct {
	offset int64 // where acknowledged; else -1
	err    error // where failed; neither: unknown
}

// stream is the history of the sends of one key.
type stream struct {
	partition int32
	mu        sync.Mutex // guards sends
	sends     []outcome
}

// load produces numbered records, idempotently and with acks=all, and never gives one up.
type load struct {
	t       *testing.T
	stop    context.CancelFunc
	wait    sync.WaitGroup
	streams []*stream
	flushed [producers]error
	failed  atomic.Int64
	acked   atomic.Int64

	mu      sync.Mutex // guards what follows
	slowest time.Duration
	since   time.Time
	seen    [partitions]bool // a record sent later than since was acknowledged
}

func startLoad(t *testing.T, c *cluster) *load {
	ctx, stop := context.WithCancel(context.Background())
	l := &load{t: t, stop: stop}
	for range producers * partitions * keys {
		l.streams = append(l.streams, &stream{partition: int32(len(l.streams) / keys % partitions)})
	}
	for n := range producers {
		producer := client(t, c, kgo.RequiredAcks(kgo.AllISRAcks()), kgo.MaxBufferedRecords(200_000), kgo.StopProducerOnDataLossDetected(),
			kgo.ProducerLinger(0))
		_, _, err := producer.ProducerID(ctx) // the client does not insist on its first request as it does on records
		must(t, err)
		l.wait.Go(func() { l.produce(ctx, producer, n) })
	}
	t.Cleanup(stop)
	return l
}

// produce sends to each of a producer's streams at a steady pace, more at once from time to time.
func (l *load) produce(ctx context.Context, producer *kgo.Client, n int) {
	tick := time.NewTicker(8 * time.Millisecond)
	defer tick.Stop()
	for round := 0; ctx.Err() == nil; round++ {
		for s := n * partitions * keys; s < (n+1)*partitions*keys; s++ {
			for range 1 + 9*((round+s)%50/49) {
				l.send(producer, uint32(s))
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	flush, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	l.flushed[n] = producer.Flush(flush)
}

func (l *load) send(producer *kgo.Client, number uint32) {
	s := l.streams[number]
	s.mu.Lock()
	n := len(s.sends)
	s.sends = append(s.sends, outcome{offset: -1})
	s.mu.Unlock()
	key, value := encode(id{number, uint32(n)})
	sent := time.Now()
	record := &kgo.Record{Topic: topic, Partition: s.partition, Key: key, Value: value}
	producer.Produce(context.Background(), record, func(r *kgo.Record, err error) {
		s.mu.Lock()
		if err != nil {
			s.sends[n].err = err
			if l.failed.Add(1) == 1 {
				l.t.Logf("%s: the first to fail: partition %d, %v: %v", time.Now().UTC().Format("15:04:05.000"), s.partition,
					id{number, uint32(n)}, err)
			}
		} else {
			l.acked.Add(1)
			s.sends[n].offset = r.Offset
		}
		s.mu.Unlock()
		l.note(s.partition, sent)
	})
}

func (l *load) note(partition int32, sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slowest = max(l.slowest, time.Since(sent))
	if sent.After(l.since) {
		l.seen[partition] = true
	}
}

// mark begins a measurement, right after a blow.
func (l *load) mark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slowest, l.since, l.seen = 0, time.Now(), [partitions]bool{}
}

// look has goesOn wait for records that are sent from now on, in the measurement that mark has begun.
func (l *load) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.since, l.seen = time.Now(), [partitions]bool{}
}

// goesOn waits until each partition has acknowledged a record that was sent since mark. It gives the pause: the longest time for which a
// record that was acknowledged since mark had waited for that.
func (l *load) goesOn() time.Duration {
	l.t.Helper()
	await(l.t, "acknowledgement in each partition", patience, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.seen == [partitions]bool{true, true, true, true, true, true}
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.slowest
}

// end stops the producers when all they have sent has an outcome.
func (l *load) end() {
	l.t.Helper()
	l.stop()
	l.wait.Wait()
	for n, err := range l.flushed {
		if err != nil {
			l.t.Fatalf("producer %d is left with records: %v", n, err)
		}
	}
}
