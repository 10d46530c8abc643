//go:build crash

package crash

import (
	"context"
	"errors"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"milena/test/milena"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestFullDisk fills a real volume under the broker: produce is refused, everything is still served, the broker can be stopped, killed and started
// on it, and a deleted topic makes room for the others.
func TestFullDisk(t *testing.T) {
	b := newBroker(t)
	unmount, err := b.MountVolume("160m")
	must(t, err)
	t.Cleanup(func() { must(t, unmount()) })
	t.Cleanup(func() { _ = b.Kill() })
	overrides := []string{"log.retention.check.interval.ms=1000", "log.segment.delete.delay.ms=1000"}
	start(t, b, overrides...)
	createTopic(t, b, "keep", 1)
	createTopic(t, b, "large", 1, "segment.bytes=10000000")
	kept := produceUntilRefused(t, b, "keep", 100)
	produceUntilRefused(t, b, "large", 1<<30)
	_, err = b.FillVolume()
	must(t, err)
	full := func(when string) {
		t.Helper()
		if n := produceUntilRefused(t, b, "keep", 1); n != 0 {
			t.Errorf("%s: the full disk took a record of 100 kB", when)
		}
		readKept(t, b, kept)
		if free := freeBytes(t, b.DataDir()); free > 100_000 {
			t.Errorf("%s: %d bytes are free", when, free)
		}
	}
	full("at first")
	must(t, b.Kill())
	start(t, b, overrides...)
	full("after a kill")
	stopFull(t, b)
	start(t, b, overrides...)
	full("after a stop")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err = kadm.NewClient(client(t, b)).DeleteTopic(ctx, "large")
	must(t, err)
	await(t, "room after the deletion of a topic", 20*time.Second, func() bool { return freeBytes(t, b.DataDir()) > 10_000_000 })
	if n := produceUntilRefused(t, b, "keep", 10); n != 10 {
		t.Errorf("of 10 records %d were taken when there was room again", n)
	}
	readKept(t, b, kept+10)
	must(t, b.Stop())
}

// stopFull stops the broker on the full disk. It may find no room for what a clean stop writes, and says so.
func stopFull(t *testing.T, b *milena.Broker) {
	t.Helper()
	err := b.Stop()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
		t.Fatal(err)
	}
}

// produceUntilRefused sends records of 100 kB one by one, at most n, and returns how many were acknowledged before one was refused.
func produceUntilRefused(t *testing.T, b *milena.Broker, topic string, n int) int {
	t.Helper()
	c := client(t, b, kgo.RecordRetries(1), kgo.RecordDeliveryTimeout(10*time.Second), kgo.DisableIdempotentWrite(),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	for i := range n {
		err := c.ProduceSync(context.Background(), &kgo.Record{Topic: topic, Value: make([]byte, 100_000)}).FirstErr()
		if errors.Is(err, kerr.KafkaStorageError) {
			return i
		}
		if err != nil {
			t.Fatalf("record %d of %s: %v", i, topic, err)
		}
	}
	return n
}

// readKept reads the topic that is kept, and demands so many records.
func readKept(t *testing.T, b *milena.Broker, n int) {
	t.Helper()
	c := client(t, b, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"keep": {0: kgo.NewOffset().At(0)}}))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for got := 0; got < n; {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatalf("%d of %d records: %v", got, n, err)
		}
		got += fetches.NumRecords()
	}
}

func freeBytes(t *testing.T, dir string) int64 {
	t.Helper()
	var stat syscall.Statfs_t
	must(t, syscall.Statfs(dir, &stat))
	return int64(stat.Bavail) * stat.Bsize
}
