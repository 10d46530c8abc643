package broker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/broker"
	"milena/internal/config"
	"milena/internal/coord/memcoord"
	"milena/internal/netio/simnet"
	"milena/internal/record"
	"milena/internal/vfs/memfs"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

const address = "broker:9092"

// house is one broker with its surroundings: disk, network and store outlive the broker, as they do in life.
type house struct {
	t     *testing.T
	net   *simnet.Network
	fs    *memfs.FS
	store *memcoord.Server
	log   *lines
	// static are the lines of server.properties; tests change them between starts.
	static map[string]string
	broker *broker.Broker
}

// inHouse runs a test under a virtual clock.
func inHouse(t *testing.T, test func(t *testing.T, h *house)) {
	synctest.Test(t, func(t *testing.T) {
		h := &house{
			t: t, net: simnet.New(), fs: memfs.New(), store: memcoord.NewServer(), log: &lines{},
			static: map[string]string{"node.id": "1", "listeners": "PLAINTEXT://" + address, "log.dirs": "/data"},
		}
		must(t, h.fs.MkdirAll("/data"))
		must(t, h.fs.SyncDir("/"))
		defer func() {
			h.stop()
			if t.Failed() {
				t.Log(h.log)
			}
		}()
		test(t, h)
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start brings the broker up on what the last one left.
func (h *house) start() {
	h.t.Helper()
	if err := h.tryStart(); err != nil {
		h.t.Fatalf("start: %v\n%s", err, h.log)
	}
}

func (h *house) tryStart() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return h.tryStartOn(ctx, h.store.Open())
}

// tryStartOn has the broker reach the store by a client that the test has a hand in.
func (h *house) tryStartOn(ctx context.Context, store *memcoord.Client) error {
	cfg, _, err := config.FromStatic(h.static)
	if err != nil {
		return err
	}
	h.broker, err = broker.Start(ctx, broker.Options{
		Config: cfg, Net: h.net.Host("broker"), FS: h.fs, Store: store, Logger: slog.New(slog.NewTextHandler(h.log, nil)),
	})
	return err
}

// tryStop stops cleanly as far as the disk lets it.
func (h *house) tryStop() error {
	err := h.broker.Stop(context.Background())
	h.broker = nil
	return err
}

// stop is a clean stop, as SIGTERM asks for.
func (h *house) stop() {
	h.t.Helper()
	if h.broker == nil {
		return
	}
	if err := h.tryStop(); err != nil {
		h.t.Errorf("stop: %v", err)
	}
}

// wait lets virtual time pass.
func (h *house) wait(d time.Duration) { time.Sleep(d) }

// die ends the broker as a power cut does: nothing more reaches the disk, and of what was not synced the seed decides what is there.
func (h *house) die(seed uint64) {
	h.fs.Stop()
	after := h.fs.Crash(seed)
	h.net.Host("broker").Kill()
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	if h.broker != nil {
		_ = h.broker.Stop(stopped) // ends its goroutines: what it tries to write fails
	}
	h.broker, h.fs = nil, after
}

// client is a franz-go client on a host of its own.
func (h *house) client(opts ...kgo.Opt) *kgo.Client {
	h.t.Helper()
	host := h.net.Host("client")
	c, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(address),
		kgo.Dialer(func(ctx context.Context, _, addr string) (net.Conn, error) { return host.Dial(ctx, addr) }),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.DisableClientMetrics(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MetadataMinAge(10 * time.Millisecond),
	}, opts...)...)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// createTopic makes a topic, with configs "key=value".
func (h *house) createTopic(name string, partitions int32, configs ...string) {
	h.t.Helper()
	c := h.client()
	defer c.Close()
	if err := h.tryCreateTopic(c, name, partitions, configs...); err != nil {
		h.t.Fatalf("create topic %s: %v", name, err)
	}
}

func (h *house) tryCreateTopic(c *kgo.Client, name string, partitions int32, configs ...string) error {
	values := map[string]*string{}
	for _, line := range configs {
		key, value, _ := strings.Cut(line, "=")
		values[key] = &value
	}
	_, err := kadm.NewClient(c).CreateTopic(context.Background(), partitions, 1, values, name)
	return err
}

// produceValues sends values one after another to partition 0, and gives up at the first that fails; it returns how many were acknowledged.
func produceValues(c *kgo.Client, topic string, from, to int) (int, error) {
	for i := from; i < to; i++ {
		if err := c.ProduceSync(context.Background(), &kgo.Record{Topic: topic, Value: value(i)}).FirstErr(); err != nil {
			return i - from, err
		}
	}
	return to - from, nil
}

// produce sends values and demands that all are acknowledged.
func (h *house) produce(c *kgo.Client, topic string, from, to int) {
	h.t.Helper()
	if n, err := produceValues(c, topic, from, to); err != nil {
		h.t.Fatalf("produce %s after %d of %d: %v\n%s", topic, n, to-from, err, h.log)
	}
}

// rawProduce sends one record straight to the broker, whatever metadata says, and returns what the broker answers.
func (h *house) rawProduce(topic string, i int) error {
	h.t.Helper()
	c := h.client(topicsByName)
	defer c.Close()
	return sendTo(h.t, c, 1, topic, record.Builder{ProducerID: -1, ProducerEpoch: -1, BaseSequence: -1}, value(i))
}

// topicsByName is for clients whose requests are made by hand.
var topicsByName = kgo.MaxVersions(kversion.V3_0_0())

// sendTo sends one record in a batch to a broker, and returns what that answers.
func sendTo(t *testing.T, c *kgo.Client, to int, topic string, b record.Builder, value []byte) error {
	t.Helper()
	batch, err := b.Build([]record.Record{{Value: value}})
	must(t, err)
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 1000
	req.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{{Records: batch}}}}
	resp, err := c.Broker(to).Request(context.Background(), req)
	must(t, err)
	return kerr.ErrorForCode(resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode)
}

func value(i int) []byte { return fmt.Appendf(nil, "value-%08d", i) }

// readAll reads partition 0 of a topic from its start to its end.
func (h *house) readAll(topic string) []*kgo.Record {
	h.t.Helper()
	all, err := h.tryReadAll(topic)
	if err != nil {
		h.t.Fatalf("read %s after %d records: %v", topic, len(all), err)
	}
	return all
}

func (h *house) tryReadAll(topic string) (all []*kgo.Record, err error) {
	c := h.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}), kgo.RetryTimeout(20*time.Second))
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ends, err := kadm.NewClient(c).ListEndOffsets(ctx, topic)
	if err = errors.Join(err, ends.Error()); err != nil {
		return nil, err
	}
	starts, err := kadm.NewClient(c).ListStartOffsets(ctx, topic)
	if err = errors.Join(err, starts.Error()); err != nil {
		return nil, err
	}
	start, _ := starts.Lookup(topic, 0)
	end, _ := ends.Lookup(topic, 0)
	for next := start.Offset; next < end.Offset; {
		fetches := c.PollFetches(ctx)
		for _, e := range fetches.Errors() {
			return all, e.Err
		}
		fetches.EachRecord(func(r *kgo.Record) { all, next = append(all, r), r.Offset+1 })
	}
	return all, nil
}

// wantValues demands that a topic holds the values 0 to n-1, each once, in order.
func (h *house) wantValues(topic string, n int) {
	h.t.Helper()
	all := h.readAll(topic)
	for i, r := range all {
		if i < n && string(r.Value) != string(value(i)) {
			h.t.Fatalf("%s at offset %d: %q, want %q", topic, r.Offset, r.Value, value(i))
		}
	}
	if len(all) != n {
		h.t.Errorf("%s has %d records, want %d", topic, len(all), n)
	}
}

// lines keeps what the broker logs.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
