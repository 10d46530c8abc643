// Package history records what producers, readers and a group of consumers of one topic are told while brokers fail, and holds that against
// what the topic has in the end: nothing acknowledged may be lost, nothing come twice, out of order, or be read and then be gone. It serves the
// suites of test/, and knows nothing of the brokers.
package history

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	producers = 2
	keys      = 2 // of each producer in each partition
	// patience of everything that must come true; a process that was frozen costs a session and some time-outs of clients.
	patience = 60 * time.Second
)

// Topic is what is written and read.
type Topic struct {
	Name       string
	Partitions int
	// Client makes a client of the whole cluster that chooses partitions by hand.
	Client func(opts ...kgo.Opt) *kgo.Client
}

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

// Load produces numbered records, idempotently and with acks=all, and never gives one up.
type Load struct {
	t       *testing.T
	topic   *Topic
	stop    context.CancelFunc
	wait    sync.WaitGroup
	streams []*stream
	flushed [producers]error
	failed  atomic.Int64
	acked   atomic.Int64

	mu      sync.Mutex // guards what follows
	slowest time.Duration
	since   time.Time
	seen    []bool // of a partition: a record sent later than since was acknowledged
}

// Load starts the producers.
func (to *Topic) Load(t *testing.T) *Load {
	ctx, stop := context.WithCancel(context.Background())
	l := &Load{t: t, topic: to, stop: stop, seen: make([]bool, to.Partitions)}
	for range producers * to.Partitions * keys {
		l.streams = append(l.streams, &stream{partition: int32(len(l.streams) / keys % to.Partitions)})
	}
	for n := range producers {
		producer := to.Client(kgo.RequiredAcks(kgo.AllISRAcks()), kgo.MaxBufferedRecords(200_000), kgo.StopProducerOnDataLossDetected(),
			kgo.ProducerLinger(0))
		_, _, err := producer.ProducerID(ctx) // the client does not insist on its first request as it does on records
		must(t, err)
		l.wait.Go(func() { l.produce(ctx, producer, n) })
	}
	t.Cleanup(stop)
	return l
}

// produce sends to each of a producer's streams at a steady pace, more at once from time to time.
func (l *Load) produce(ctx context.Context, producer *kgo.Client, n int) {
	tick := time.NewTicker(8 * time.Millisecond)
	defer tick.Stop()
	each := l.topic.Partitions * keys
	for round := 0; ctx.Err() == nil; round++ {
		for s := n * each; s < (n+1)*each; s++ {
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

func (l *Load) send(producer *kgo.Client, number uint32) {
	s := l.streams[number]
	s.mu.Lock()
	n := len(s.sends)
	s.sends = append(s.sends, outcome{offset: -1})
	s.mu.Unlock()
	key, value := encode(id{number, uint32(n)})
	sent := time.Now()
	record := &kgo.Record{Topic: l.topic.Name, Partition: s.partition, Key: key, Value: value}
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

func (l *Load) note(partition int32, sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slowest = max(l.slowest, time.Since(sent))
	if sent.After(l.since) {
		l.seen[partition] = true
	}
}

// Mark begins a measurement, right after a blow.
func (l *Load) Mark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slowest, l.since, l.seen = 0, time.Now(), make([]bool, l.topic.Partitions)
}

// Settle waits until all that was sent so far has an outcome: what waited through one failure is no part of the next measurement.
func (l *Load) Settle() {
	l.t.Helper()
	sent := make([]int, len(l.streams))
	for i, s := range l.streams {
		s.mu.Lock()
		sent[i] = len(s.sends)
		s.mu.Unlock()
	}
	await(l.t, "outcome of all that was sent", func() bool {
		for i, s := range l.streams {
			if !s.settled(sent[i]) {
				return false
			}
		}
		return true
	})
}

// settled tells whether the first n sends have outcomes; those of one key have them in their order.
func (s *stream) settled(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return n == 0 || s.sends[n-1].offset >= 0 || s.sends[n-1].err != nil
}

// Look has GoesOn wait for records that are sent from now on, in the measurement that Mark has begun.
func (l *Load) Look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.since, l.seen = time.Now(), make([]bool, l.topic.Partitions)
}

// GoesOn waits until each partition has acknowledged a record that was sent since Mark. It gives the pause: the longest time for which a
// record that was acknowledged since Mark had waited for that.
func (l *Load) GoesOn() time.Duration {
	l.t.Helper()
	await(l.t, "acknowledgement in each partition", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return !slices.Contains(l.seen, false)
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.slowest
}

// End stops the producers when all they have sent has an outcome.
func (l *Load) End() {
	l.t.Helper()
	l.stop()
	l.wait.Wait()
	for n, err := range l.flushed {
		if err != nil {
			l.t.Fatalf("producer %d is left with records: %v", n, err)
		}
	}
}

// Acked is how many records were acknowledged.
func (l *Load) Acked() int64 { return l.acked.Load() }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Await asks done again and again, until it tells true; the test fails after patience.
func Await(t *testing.T, what string, patience time.Duration, done func() bool) {
	t.Helper()
	again, late := time.NewTicker(5*time.Millisecond), time.NewTimer(patience)
	defer again.Stop()
	defer late.Stop()
	for !done() {
		select {
		case <-again.C:
		case <-late.C:
			t.Fatalf("no %s after %v", what, patience)
		}
	}
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	Await(t, what, patience, done)
}
