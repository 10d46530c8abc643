package broker_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestReplicationThrottle: a follower that was away catches up at the rate that is set, from the moment it is set, and at full speed when
// it is taken away; those in sync are not slowed.
func TestReplicationThrottle(t *testing.T) {
	for _, side := range []string{"leader", "follower"} {
		t.Run(side, func(t *testing.T) {
			inStreet(t, 3, func(t *testing.T, s *street) { throttled(t, s, side) })
		})
	}
}

func throttled(t *testing.T, s *street, side string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	c := s.client(kgo.ProducerBatchMaxBytes(1100), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(1<<16))
	defer c.Close()
	admin := kadm.NewClient(c)
	_, err := admin.CreateTopic(ctx, 1, 3, nil, "t")
	must(t, err)
	follower := 1 + int(s.isr(c, "t", 0, 3).Leader)%3
	s.houses[follower].static["replica.fetch.max.bytes"] = "16384" // the smaller a fetch, the smoother the rate
	s.houses[follower].stop()
	s.isr(c, "t", 0, 2)
	value := make([]byte, 1000)
	for range 10_000 {
		c.Produce(ctx, &kgo.Record{Topic: "t", Value: value}, nil)
	}
	must(t, c.Flush(ctx))

	const rate = 50_000
	s.setBrokers(admin, side+".replication.throttled.rate", fmt.Sprint(rate))
	s.setTopic(admin, side+".replication.throttled.replicas", "*")
	s.start(follower)
	size := func() int64 {
		dirs, err := admin.DescribeBrokerLogDirs(ctx, int32(follower), nil)
		must(t, err)
		p, _ := dirs["/data"].Topics.Lookup("t", 0)
		return p.Size
	}
	// measure begins before the change, which lets some pass at once.
	measure := func(d time.Duration, want float64, change func()) {
		t.Helper()
		before, began := size(), time.Now()
		change()
		s.houses[1].wait(d)
		got := float64(size()-before) / time.Since(began).Seconds()
		t.Logf("%.0f bytes a second", got)
		if got < 0.9*want || got > 1.1*want {
			t.Errorf("%.0f bytes a second pass, %v were allowed", got, want)
		}
	}
	s.houses[1].wait(12 * time.Second)
	measure(60*time.Second, rate, func() {})
	// Who is in sync goes on as ever, over the same throttled partition.
	began := time.Now()
	must(t, c.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: value}).FirstErr())
	if took := time.Since(began); took > 100*time.Millisecond {
		t.Errorf("an acks=all produce took %v", took)
	}
	measure(30*time.Second, 2*rate, func() { s.setBrokers(admin, side+".replication.throttled.rate", fmt.Sprint(2*rate)) })
	s.setTopic(admin, side+".replication.throttled.replicas", "7:1,0:9") // others
	began = time.Now()
	s.isr(c, "t", 0, 3)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("without the throttle it took %v to catch up", took)
	}
}

// setBrokers changes a configuration of all brokers.
func (s *street) setBrokers(admin *kadm.Client, key, value string) {
	s.t.Helper()
	resp, err := admin.AlterBrokerConfigs(context.Background(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: key, Value: &value}})
	must(s.t, err)
	for _, r := range resp {
		must(s.t, r.Err)
	}
}

// setTopic changes a configuration of topic t.
func (s *street) setTopic(admin *kadm.Client, key, value string) {
	s.t.Helper()
	resp, err := admin.AlterTopicConfigs(context.Background(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: key, Value: &value}}, "t")
	must(s.t, err)
	for _, r := range resp {
		must(s.t, r.Err)
	}
}

// TestStuckFollowerGoesOn: a rate of nothing holds a follower back for as long as it holds, and no longer.
func TestStuckFollowerGoesOn(t *testing.T) {
	for _, side := range []string{"leader", "follower"} {
		t.Run(side, func(t *testing.T) {
			inStreet(t, 3, func(t *testing.T, s *street) {
				ctx := context.Background()
				c := s.withTopic()
				defer c.Close()
				admin := kadm.NewClient(c)
				follower := 1 + int(s.isr(c, "t", 0, 3).Leader)%3
				s.houses[follower].stop()
				s.isr(c, "t", 0, 2)
				for n := range 600 {
					must(t, c.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: make([]byte, 10_000+n)}).FirstErr())
				}
				s.setBrokers(admin, side+".replication.throttled.rate", "0")
				s.setTopic(admin, side+".replication.throttled.replicas", "0:1,0:2,0:3")
				s.start(follower)
				s.houses[1].wait(20 * time.Second)
				s.isr(c, "t", 0, 2)
				s.setBrokers(admin, side+".replication.throttled.rate", "100000000")
				began := time.Now()
				s.isr(c, "t", 0, 3)
				if took := time.Since(began); took > time.Second {
					t.Errorf("it went on after %v", took)
				}
			})
		})
	}
}
