//go:build crash

package crash

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"milena/test/kafka"
	"milena/test/milena"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// milenaBinary is what all tests run.
var milenaBinary string

func TestMain(m *testing.M) {
	os.Exit(milena.Main(m, "crash", &milenaBinary))
}

// newBroker is a broker that is not started yet, in a directory of its own.
func newBroker(t *testing.T) *milena.Broker {
	port, err := kafka.FreePort()
	must(t, err)
	b := &milena.Broker{Binary: milenaBinary, Dir: t.TempDir(), Port: port}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			log, _ := os.ReadFile(b.LogFile())
			t.Logf("the broker's log:\n%s", log[max(0, len(log)-20000):])
		}
	})
	return b
}

func start(t *testing.T, b *milena.Broker, overrides ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := b.Start(ctx, overrides...); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func client(t *testing.T, b *milena.Broker, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(b.Address()), kgo.AlwaysRetryEOF(), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableClientMetrics(),
		kgo.MetadataMinAge(50 * time.Millisecond), kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
	}, opts...)...)
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

func createTopic(t *testing.T, b *milena.Broker, name string, partitions int32, configs ...string) {
	t.Helper()
	values := map[string]*string{}
	for _, line := range configs {
		key, value, _ := strings.Cut(line, "=")
		values[key] = &value
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := kadm.NewClient(client(t, b)).CreateTopic(ctx, partitions, 1, values, name)
	must(t, err)
}

// await asks done again and again.
func await(t *testing.T, what string, patience time.Duration, done func() bool) {
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

// residentMB is the memory that a process holds.
func residentMB(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	must(t, err)
	for line := range bytes.Lines(status) {
		if text, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			kb, err := strconv.Atoi(strings.Fields(string(text))[0])
			must(t, err)
			return kb / 1024
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
