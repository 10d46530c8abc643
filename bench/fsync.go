package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"

	"milena/bench/load"
	"milena/test/kafka"
)

// synced has a load run twice, the second time with an fsync on every batch, and adds what is left of its rate (bytes a second), and that rate.
func synced(t target, r results, run int, key string, bytes int64, produce func(topic string) (float64, error)) error {
	var rates [2]float64
	for i, configs := range []map[string]string{nil, {"flush.messages": "1"}} {
		topic := fmt.Sprintf("%s-%d-%d", key, run, i)
		if err := load.CreateTopic(t.address(), topic, partitions, configs); err != nil {
			return err
		}
		settle()
		if err := touch(bytes); err != nil {
			return err
		}
		var err error
		if rates[i], err = produce(topic); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	r.add(t.name(), key, rates[1]/rates[0])
	r.add(t.name(), key+"-rate", rates[1]/1e6)
	return nil
}

// perfRecordBytes is the size of the perf producer's records.
const perfRecordBytes = 1024

// fsync measures what a user's producer keeps of its throughput when every batch is synced: kafka-producer-perf-test, in its steady state. Its
// requests hold a batch of each partition, five of them under way.
func fsync(t target, r results, s scale, run int) error {
	for _, c := range []struct {
		key   string
		props []string
	}{
		{"fsync-1m", []string{"batch.size=1000000"}},
		{"fsync-16k", []string{"batch.size=16384", "linger.ms=0"}},
	} {
		err := synced(t, r, run, c.key, 2*int64(s.perfRecords)*perfRecordBytes, func(topic string) (float64, error) {
			return perfProducer(t.address(), topic, s.perfRecords, c.props)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// steadyRate is in the perf producer's line about the records after those that warm it.
var steadyRate = regexp.MustCompile(`steady state records sent, ([0-9.]+) records/sec`)

// perfProducer has Kafka's perf producer send records, and as many before them, as fast as it can, and gives its rate in bytes a second.
func perfProducer(address, topic string, records int, props []string) (float64, error) {
	args := []string{"--topic", topic, "--num-records", strconv.Itoa(2 * records), "--warmup-records", strconv.Itoa(records),
		"--record-size", strconv.Itoa(perfRecordBytes), "--throughput", "-1", "--producer-props", "bootstrap.servers=" + address, "acks=all"}
	out, errs, err := kafka.PerfTool(context.Background(), kafka.V4, kafka.ToolClass(kafka.V4, "producer-perf-test"), append(args, props...)...)
	if err != nil {
		return 0, fmt.Errorf("%w\n%s", err, errs)
	}
	lines := steadyRate.FindAllStringSubmatch(out, -1)
	if lines == nil {
		return 0, fmt.Errorf("the perf producer says no rate:\n%s", out)
	}
	rate, err := strconv.ParseFloat(lines[len(lines)-1][1], 64) // the last one is about all of them
	return rate * perfRecordBytes, err
}

// crowdInFlight is how many batches each producer of a crowd has under way.
const crowdInFlight = 5

// crowdCase has many producers write one batch in each request: that is when a group commit can show what it is worth.
type crowdCase struct {
	key        string
	batchBytes int
	producers  int
	bytes      int64
}

func crowdCases(s scale) []crowdCase {
	return []crowdCase{
		{"crowd-1m", 1_000_000, 32, s.crowdBytes},
		{"crowd-16k", 16_384, 256, s.crowdBytes / 2},
		{"crowd-16k-few", 16_384, 32, s.crowdBytes / 2},
	}
}

// crowd measures what is left of the throughput of many producers, which themselves cost next to nothing, when every batch is synced.
func crowd(t target, r results, s scale, run int) error {
	for _, c := range crowdCases(s) {
		err := synced(t, r, run, c.key, c.bytes, func(topic string) (float64, error) {
			p, err := load.Produce{Topic: topic, Partitions: partitions, RecordBytes: 1024, BatchBytes: c.batchBytes,
				TotalBytes: c.bytes, InFlight: crowdInFlight, Connections: c.producers}.Run(t.address())
			return float64(p.Bytes) / p.Took.Seconds(), err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
