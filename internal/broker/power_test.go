package broker_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestPowerCutAtEveryChange lets the disk stop at each of the changes that a broker makes on it in its life, from the first start to the stop, and
// has it live again on what is left: with a sync for each batch, everything acknowledged is there, and it works.
func TestPowerCutAtEveryChange(t *testing.T) {
	total := int64(1 << 30)
	step := int64(1)
	if testing.Short() {
		step = 7
	}
	for at := int64(1); at <= total; at += step {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				h.static["log.flush.interval.messages"] = "1"
				before := h.fs.Changes()
				h.fs.StopAt(before + at)
				acked := h.life()
				if !h.fs.Stopped() {
					total = 0 // the life is over before this change
					return
				}
				h.die(uint64(at))
				h.start()
				h.ensureTopic("t")
				all := h.readAll("t")
				for i, r := range all {
					if r.Offset != int64(i) || string(r.Value) != string(value(i)) {
						t.Fatalf("offset %d: %q at %d", i, r.Value, r.Offset)
					}
				}
				if len(all) < acked || len(all) > acked+1 {
					t.Fatalf("%d records, of which %d were acknowledged and one was under way", len(all), acked)
				}
				c := h.client()
				defer c.Close()
				h.produce(c, "t", len(all), len(all)+3)
				h.wantValues("t", len(all)+3)
			})
		})
		if t.Failed() {
			break
		}
	}
}

// life is that of a broker: two starts and clean stops with some records each. It returns how many were acknowledged.
func (h *house) life() (acked int) {
	for range 2 {
		if h.tryStart() != nil {
			return acked
		}
		c := h.client(kgo.RecordDeliveryTimeout(2*time.Second), kgo.RetryTimeout(2*time.Second))
		_ = h.tryCreateTopic(c, "t", 1, "segment.bytes=300")
		n, err := produceValues(c, "t", acked, acked+8)
		acked += n
		c.Close()
		if err != nil || h.tryStop() != nil {
			return acked
		}
	}
	return acked
}

func (h *house) ensureTopic(name string) {
	c := h.client()
	defer c.Close()
	_ = h.tryCreateTopic(c, name, 1)
}

// TestPowerCutsUnderLoad cuts the power again and again while one producer, which never gives up a record, and one consumer go on: with a sync for
// each batch, each record is there once and in order, and none that the consumer has seen is ever gone.
func TestPowerCutsUnderLoad(t *testing.T) {
	seeds := uint64(12)
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				h.static["log.flush.interval.messages"] = "1"
				h.start()
				h.createTopic("t", 1, "segment.bytes=5000")
				l := h.startLoad("t")
				for cut := range uint64(6) {
					h.wait(time.Duration(100+seed*13+cut*7) * time.Millisecond)
					h.fs.StopAt(h.fs.Changes() + int64(1+(seed*31+cut*17)%60))
					for !h.fs.Stopped() {
						h.wait(time.Millisecond)
					}
					h.die(seed*100 + cut)
					h.start()
				}
				h.wait(time.Second)
				n := l.end()
				h.wantValues("t", n)
				if n < 100 {
					t.Errorf("only %d records", n)
				}
			})
		})
	}
}

// simLoad produces numbered records and reads them along.
type simLoad struct {
	h              *house
	stop           context.CancelFunc
	wait           sync.WaitGroup
	producer       *kgo.Client
	consumer       *kgo.Client
	sent, consumed int
}

func (h *house) startLoad(topic string) *simLoad {
	ctx, stop := context.WithCancel(context.Background())
	l := &simLoad{h: h, stop: stop}
	l.producer = h.client(kgo.MaxBufferedRecords(20), kgo.RetryBackoffFn(func(int) time.Duration { return 10 * time.Millisecond }))
	l.wait.Go(func() {
		for ctx.Err() == nil {
			r := &kgo.Record{Topic: topic, Value: value(l.sent)}
			l.sent++
			l.producer.Produce(context.Background(), r, func(_ *kgo.Record, err error) {
				if err != nil {
					h.t.Errorf("produce: %v", err)
				}
			})
			if l.sent%5 == 0 {
				h.wait(time.Millisecond)
			}
		}
		if err := l.producer.Flush(context.Background()); err != nil {
			h.t.Error(err)
		}
	})
	l.consumer = h.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(0)}}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	l.wait.Go(func() {
		for ctx.Err() == nil {
			l.consumer.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				if string(r.Value) != string(value(l.consumed)) || r.Offset != int64(l.consumed) {
					h.t.Errorf("the consumer gets %q at %d, want %q at %d", r.Value, r.Offset, value(l.consumed), l.consumed)
				}
				l.consumed++
			})
		}
	})
	return l
}

// end stops when everything is acknowledged, and returns how many records there were.
func (l *simLoad) end() int {
	l.stop()
	l.wait.Wait()
	l.producer.Close()
	l.consumer.Close()
	return l.sent
}

// TestPowerCutWithoutSync: without syncs a power cut loses the end of what was written, whatever was on the disk by chance; what is there is the
// beginning, in order, and the broker takes more.
func TestPowerCutWithoutSync(t *testing.T) {
	seeds := uint64(40)
	if testing.Short() {
		seeds = 8
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				h.start()
				h.createTopic("t", 1, "segment.bytes=3000")
				n := 0
				for cut := range uint64(3) {
					c := h.client()
					h.produce(c, "t", n, n+int(50+seed*7))
					c.Close()
					if cut == 1 {
						h.wait(2 * time.Minute) // the checkpoints are written
					}
					h.die(seed + cut*1000)
					h.start()
					all := h.readAll("t")
					for i, r := range all {
						if r.Offset != int64(i) || string(r.Value) != string(value(i)) {
							t.Fatalf("cut %d, offset %d: %q at %d", cut, i, r.Value, r.Offset)
						}
					}
					n = len(all)
				}
			})
		})
	}
}
