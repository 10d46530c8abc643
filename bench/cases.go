package main

import (
	"fmt"
	"time"

	"milena/bench/load"
)

const (
	partitions = 6
	gigabyte   = 1e9
)

// scale is how much each case does.
type scale struct {
	loadBytes      int64 // of each produce and consume case
	warmBytes      int64 // before the first measured load
	latency        time.Duration
	crowdBytes     int64 // no more than warmed memory lasts for, see touch
	perfRecords    int   // of each load of Kafka's perf producer, and as many before them
	manyPartitions int32 // 0: left out
	commits        int   // of 1,000 groups
	storedOffsets  int   // loaded at a start
	members        int32 // of a group that restarts one by one; each has five partitions
	rollWithin     time.Duration
	compactBytes   int64 // of a compacted topic
	clusterBytes   int64 // of three brokers' produce load with large batches; a fifth of it with small ones
	// clusterPartitions are created at once.
	clusterPartitions int32
	runs              int
}

// throughput measures CPU of produce and consume, and record rate, on a running target.
func throughput(t target, r results, s scale, run int) error {
	topic := fmt.Sprintf("load-%d", run)
	_, isFloor := t.(*floor)
	if !isFloor {
		if err := load.CreateTopic(t.address(), topic, partitions, nil); err != nil {
			return err
		}
	}
	produce := func(recordBytes, batchBytes int, totalBytes int64) (load.Produced, error) {
		return load.Produce{Topic: topic, Partitions: partitions, RecordBytes: recordBytes, BatchBytes: batchBytes,
			TotalBytes: totalBytes, InFlight: 5, Floor: isFloor}.Run(t.address())
	}
	if _, err := produce(1024, 1_000_000, s.warmBytes); err != nil {
		return err
	}
	if _, err := produce(1024, 16_384, s.warmBytes/8); err != nil {
		return err
	}
	for _, c := range []struct {
		key                     string
		recordBytes, batchBytes int
		bytes                   int64
	}{{"produce-1m", 1024, 1_000_000, s.loadBytes}, {"produce-16k", 1024, 16_384, s.loadBytes / 2}, {"produce-100b", 100, 1_000_000, s.loadBytes / 2}} {
		settle()
		if err := touch(c.bytes); err != nil {
			return err
		}
		var p load.Produced
		cpu, err := cpuDuring(t.pid(), func() (err error) { p, err = produce(c.recordBytes, c.batchBytes, c.bytes); return err })
		if err != nil {
			return fmt.Errorf("%s: %w", c.key, err)
		}
		if c.key == "produce-100b" {
			r.add(t.name(), c.key, float64(p.Records)/p.Took.Seconds())
			continue
		}
		r.add(t.name(), c.key, cpu.Seconds()/float64(p.Bytes)*gigabyte)
	}
	return consume(t, r, s, topic, isFloor)
}

func consume(t target, r results, s scale, topic string, isFloor bool) error {
	var got load.Consumed
	read := func() (err error) {
		if isFloor {
			got, err = load.ConsumeFloor(t.address(), 4*s.loadBytes)
		} else {
			got, err = load.Consume{Topic: topic, Partitions: partitions, TotalBytes: 4 * s.loadBytes}.Run(t.address())
		}
		return err
	}
	if err := read(); err != nil { // warm
		return err
	}
	settle()
	cpu, err := cpuDuring(t.pid(), read)
	if err != nil {
		return fmt.Errorf("consume: %w", err)
	}
	r.add(t.name(), "consume", cpu.Seconds()/float64(got.Bytes)*gigabyte)
	return nil
}

// latency measures acknowledgements at a steady pace.
func latency(t target, r results, s scale, run int) error {
	topic := fmt.Sprintf("pace-%d", run)
	if err := load.CreateTopic(t.address(), topic, 1, nil); err != nil {
		return err
	}
	pace := load.Latency{Topic: topic, RecordBytes: 1024, PerSecond: 2000, For: s.latency}
	if _, err := pace.Run(t.address()); err != nil { // warm
		return err
	}
	settle()
	var acked load.Acked
	cpu, err := cpuDuring(t.pid(), func() (err error) { acked, err = pace.Run(t.address()); return err })
	if err != nil {
		return fmt.Errorf("latency: %w", err)
	}
	r.add(t.name(), "ack-p50", acked.P50.Seconds()*1000)
	r.add(t.name(), "ack-p99", acked.P99.Seconds()*1000)
	r.add(t.name(), "ack-cpu", cpu.Seconds()/acked.Took.Seconds()*100)
	return nil
}

// many measures starts with many partitions.
func many(t target, r results, s scale, overrides []string) error {
	const perTopic = 1000
	topics := map[string]int{}
	for left, i := s.manyPartitions, 0; left > 0; left, i = left-perTopic, i+1 {
		topic, count := fmt.Sprintf("many-%d", i), min(left, perTopic)
		if err := load.CreateTopic(t.address(), topic, count, nil); err != nil {
			return err
		}
		topics[topic] = int(count)
	}
	for _, c := range []struct {
		key string
		end func() error
	}{{"many-killed", t.kill}, {"many-clean", t.stop}} {
		if err := c.end(); err != nil {
			return err
		}
		begin := time.Now()
		if _, err := t.start(overrides...); err != nil {
			return fmt.Errorf("%s: %w", c.key, err)
		}
		for topic, count := range topics { // ready is when every partition is led
			if err := load.AwaitLeaders(t.address(), topic, count); err != nil {
				return fmt.Errorf("%s: %w", c.key, err)
			}
		}
		r.add(t.name(), c.key, time.Since(begin).Seconds())
	}
	rss, err := memoryMB(t.pid(), rssNow)
	r.add(t.name(), "many-rss", rss)
	return err
}
