package broker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// traffic is a producer and a consumer of a topic that is being moved about: neither may see an error, and what is read is what was sent, once
// and in order in each partition.
type traffic struct {
	t          *testing.T
	partitions int
	stop       context.CancelFunc
	running    sync.WaitGroup
	sent       []int // by partition; the sender's own until it has sent all
}

// traffic starts it; opts are the producer's.
func (s *street) traffic(topic string, partitions int, opts ...kgo.Opt) *traffic {
	ctx, cancel := context.WithCancel(context.Background())
	patience, done := context.WithTimeout(context.Background(), time.Hour)
	allSent, sentAll := context.WithCancel(patience)
	l := &traffic{t: s.t, partitions: partitions, stop: cancel, sent: make([]int, partitions)}
	l.running.Go(func() {
		defer sentAll()
		l.send(ctx, s, topic, opts)
	})
	l.running.Go(func() {
		defer done()
		l.read(patience, allSent, s, topic)
	})
	return l
}

func (l *traffic) send(ctx context.Context, s *street, topic string, opts []kgo.Opt) {
	c := s.client(opts...)
	defer c.Close()
	for ; ctx.Err() == nil; s.wait(10 * time.Millisecond) {
		for p := range l.partitions {
			r := &kgo.Record{Topic: topic, Partition: int32(p), Value: fmt.Append(nil, l.sent[p])}
			l.sent[p]++
			c.Produce(context.Background(), r, func(_ *kgo.Record, err error) {
				if err != nil {
					l.t.Errorf("a produce failed: %v", err)
				}
			})
		}
	}
	must(l.t, c.Flush(context.Background()))
}

// read goes on until all that was sent has been read, or patience is at an end. allSent ends a poll too: what was sent last may have been read
// before the sender knew that it was the last, and no other record would wake the reader.
func (l *traffic) read(patience, allSent context.Context, s *street, topic string) {
	all := map[int32]kgo.Offset{}
	for p := range l.partitions {
		all[int32(p)] = kgo.NewOffset().AtStart()
	}
	c := s.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: all}))
	defer c.Close()
	read := make([]int, l.partitions)
	for until := allSent; patience.Err() == nil; {
		if allSent.Err() != nil {
			if slices.Equal(read, l.sent) {
				return
			}
			until = patience
		}
		fetches := c.PollFetches(until)
		for _, e := range fetches.Errors() {
			if !errors.Is(e.Err, context.Canceled) { // by the sender; patience ends otherwise
				l.t.Errorf("a fetch failed: %v", e.Err)
			}
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if string(r.Value) != fmt.Sprint(read[r.Partition]) {
				l.t.Errorf("partition %d: record %s at offset %d, expected %d", r.Partition, r.Value, r.Offset, read[r.Partition])
			}
			read[r.Partition]++
		})
	}
}

// end stops it and waits until all that was sent has been read.
func (l *traffic) end() {
	l.stop()
	l.running.Wait()
}

// TestTrafficEnds: it does where it is stopped between two records, when all that was sent has been read long since.
func TestTrafficEnds(t *testing.T) {
	inStreet(t, 3, func(t *testing.T, s *street) {
		c := s.mover()
		defer c.Close()
		_, err := kadm.NewClient(c).CreateTopic(context.Background(), 1, 3, nil, "t")
		must(t, err)
		load := s.traffic("t", 1, kgo.ProducerLinger(0))
		s.wait(time.Second + 5*time.Millisecond)
		began := time.Now()
		load.end()
		if took := time.Since(began); took > time.Minute {
			t.Errorf("the end took %v", took)
		}
	})
}

// mover is an administrator's client.
func (s *street) mover() *kgo.Client {
	return s.client(kgo.SeedBrokers("broker2:9092", "broker3:9092"))
}

// move reassigns partitions of a topic, again until a controller has taken it up.
func (s *street) move(c *kgo.Client, topic string, targets map[int32][]int32) {
	s.t.Helper()
	req := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	t := kmsg.NewAlterPartitionAssignmentsRequestTopic()
	t.Topic = topic
	for p, target := range targets {
		t.Partitions = append(t.Partitions, kmsg.AlterPartitionAssignmentsRequestTopicPartition{Partition: p, Replicas: target})
	}
	req.Topics = append(req.Topics, t)
	for range 600 {
		resp, err := req.RequestWith(context.Background(), c)
		if err == nil && resp.ErrorCode == 0 {
			for _, p := range resp.Topics[0].Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					s.t.Fatalf("%s-%d: %v", topic, p.Partition, err)
				}
			}
			return
		}
		s.wait(100 * time.Millisecond)
	}
	s.t.Fatal("no controller takes a reassignment")
}

// moved waits until nothing is being reassigned any more.
func (s *street) moved(c *kgo.Client) {
	s.t.Helper()
	for range 6000 {
		if all, err := kadm.NewClient(c).ListPartitionReassignments(context.Background(), nil); err == nil && len(all) == 0 {
			return
		}
		s.wait(100 * time.Millisecond)
	}
	s.t.Fatal("reassignments are not completed")
}

// TestFourthBrokerIn: a broker is added and another drained while a topic is written and read.
func TestFourthBrokerIn(t *testing.T) {
	inStreet(t, 3, func(t *testing.T, s *street) {
		c := s.mover()
		defer c.Close()
		const partitions = 6
		_, err := kadm.NewClient(c).CreateTopic(context.Background(), partitions, 3, map[string]*string{"file.delete.delay.ms": kadm.StringPtr("500")}, "t")
		must(t, err)
		load := s.traffic("t", partitions)
		s.wait(time.Second)
		s.build(4, 3, asBuilt)
		s.know(4)
		targets := map[int32][]int32{}
		for p := range int32(partitions) {
			targets[p] = [][]int32{{4, 2, 3}, {2, 3, 4}, {3, 4, 2}}[p%3]
		}
		s.move(c, "t", targets)
		s.moved(c)
		s.wait(time.Second) // what the client knows of the cluster is old by then; deleted files go after file.delete.delay.ms
		m, err := kadm.NewClient(c).Metadata(context.Background(), "t")
		must(t, err)
		for p, detail := range m.Topics["t"].Partitions {
			slices.Sort(detail.ISR)
			if !slices.Equal(detail.Replicas, targets[p]) || !slices.Equal(detail.ISR, []int32{2, 3, 4}) {
				t.Errorf("partition %d: replicas %v, ISR %v, leader %d", p, detail.Replicas, detail.ISR, detail.Leader)
			}
		}
		entries, err := s.houses[1].fs.ReadDir("/data")
		must(t, err)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), "t-") {
				t.Errorf("broker 1 has kept %s", e.Name())
			}
		}
		s.houses[1].stop()
		s.wait(time.Second)
		load.end()
	})
}
