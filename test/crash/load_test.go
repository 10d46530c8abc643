//go:build crash

package crash

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"milena/test/milena"

	"github.com/twmb/franz-go/pkg/kgo"
)

const partitions = 3

// load produces numbered records to each partition of a topic, idempotently and with acks=all, and never gives one up. A consumer reads along.
type load struct {
	t      *testing.T
	topic  string
	stop   context.CancelFunc
	wait   sync.WaitGroup
	acked  atomic.Int64
	sent   [partitions]int64 // each belongs to its goroutine until wait
	failed atomic.Pointer[error]
}

func startLoad(t *testing.T, b *milena.Broker, topic string) *load {
	return startPacedLoad(t, b, topic, 0)
}

// startPacedLoad waits after each record; where that is 0, it goes as fast as it can.
func startPacedLoad(t *testing.T, b *milena.Broker, topic string, pause time.Duration) *load {
	ctx, stop := context.WithCancel(context.Background())
	l := &load{t: t, topic: topic, stop: stop}
	c := client(t, b, kgo.RequiredAcks(kgo.AllISRAcks()), kgo.MaxBufferedRecords(2000), kgo.ProducerBatchMaxBytes(4000),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	for p := range int32(partitions) {
		l.wait.Go(func() {
			for ctx.Err() == nil && l.failed.Load() == nil {
				r := &kgo.Record{Topic: topic, Partition: p, Value: numbered(l.sent[p])}
				l.sent[p]++
				c.Produce(context.Background(), r, func(_ *kgo.Record, err error) {
					if err != nil {
						l.fail(fmt.Errorf("produce to partition %d: %w", p, err))
					}
					l.acked.Add(1)
				})
				if pause > 0 {
					<-time.After(pause)
				}
			}
			if err := c.Flush(context.Background()); err != nil {
				l.fail(err)
			}
		})
	}
	t.Cleanup(stop)
	return l
}

func (l *load) fail(err error) { l.failed.CompareAndSwap(nil, &err) }

// progress waits until so many more records are acknowledged.
func (l *load) progress(n int64) {
	l.t.Helper()
	goal := l.acked.Load() + n
	await(l.t, fmt.Sprintf("%d acknowledgements, only %d", goal, l.acked.Load()), 30*time.Second, func() bool {
		if err := l.failed.Load(); err != nil {
			l.t.Fatal(*err)
		}
		return l.acked.Load() >= goal
	})
}

// end stops the producer when all it has sent is acknowledged.
func (l *load) end() {
	l.t.Helper()
	l.stop()
	l.wait.Wait()
	if err := l.failed.Load(); err != nil {
		l.t.Fatal(*err)
	}
}

func numbered(n int64) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 0, 100), uint64(n))[:100]
}

func number(value []byte) int64 {
	if len(value) != 100 {
		return -1
	}
	return int64(binary.BigEndian.Uint64(value))
}

// verify reads everything: each number once and in order.
func (l *load) verify(b *milena.Broker) {
	l.t.Helper()
	r := startReader(l.t, b, l.topic)
	for p := range l.sent {
		r.reach(p, l.sent[p])
	}
	if l.acked.Load() == 0 {
		l.t.Error("nothing was produced")
	}
}

// reader reads all partitions of a topic from their start, and demands the numbers from 0 on.
type reader struct {
	t      *testing.T
	next   [partitions]atomic.Int64
	failed atomic.Pointer[string]
}

func startReader(t *testing.T, b *milena.Broker, topic string) *reader {
	r := &reader{t: t}
	offsets := map[int32]kgo.Offset{}
	for p := range int32(partitions) {
		offsets[p] = kgo.NewOffset().At(0)
	}
	c := client(t, b, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	ctx, stop := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	t.Cleanup(func() { stop(); wait.Wait() })
	wait.Go(func() {
		for ctx.Err() == nil && r.failed.Load() == nil {
			c.PollFetches(ctx).EachRecord(r.take)
		}
	})
	return r
}

func (r *reader) take(record *kgo.Record) {
	want := r.next[record.Partition].Add(1) - 1
	if got := number(record.Value); got != want || record.Offset != want {
		text := fmt.Sprintf("partition %d, offset %d: number %d, want %d", record.Partition, record.Offset, got, want)
		r.failed.CompareAndSwap(nil, &text)
	}
}

// reach waits until the partition was read up to a number, and demands that nothing follows what was read.
func (r *reader) reach(partition int, n int64) {
	r.t.Helper()
	await(r.t, fmt.Sprintf("record %d of partition %d", n, partition), 60*time.Second, func() bool {
		if text := r.failed.Load(); text != nil {
			r.t.Fatal(*text)
		}
		return r.next[partition].Load() >= n
	})
	if got := r.next[partition].Load(); got > n {
		r.t.Errorf("partition %d has %d records, %d were sent", partition, got, n)
	}
}
