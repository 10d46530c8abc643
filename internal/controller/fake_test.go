package controller

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"milena/internal/clusterstore"
	"milena/internal/coord/memcoord"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// cluster is a store and fake brokers, each with a controller of its own, inside a synctest bubble.
type cluster struct {
	t      *testing.T
	server *memcoord.Server
	log    *syncWriter

	minInsync int            // of every topic
	kafka     map[int32]bool // who registers as a broker of Kafka's does

	mu      sync.Mutex
	brokers map[int32]*fakeBroker
}

// fakeBroker takes requests as a broker does and keeps what they tell.
type fakeBroker struct {
	id         int32
	cluster    *cluster
	client     *memcoord.Client
	store      *clusterstore.Store
	controller *Controller
	membership *Membership

	mu       sync.Mutex // guards what follows
	down     bool
	requests []string
	leaders  map[PartitionID]kmsg.LeaderAndISRRequestTopicPartition
	meta     map[PartitionID]kmsg.UpdateMetadataRequestTopicPartition
	deleted  []PartitionID
	settled  int                  // how often it heard that its being unclean was taken in
	failed   map[PartitionID]bool // their log directory is offline
	full     map[PartitionID]bool // their disk is full: they cannot be made or appended to, but deleted
	epoch    int32                // highest controller epoch seen
}

// syncWriter is the log of all brokers.
type syncWriter struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *syncWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *syncWriter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{t: t, server: memcoord.NewServer(), log: &syncWriter{}, brokers: map[int32]*fakeBroker{}, kafka: map[int32]bool{}}
	t.Cleanup(func() {
		if strings.Contains(c.log.String(), "invalid transition") {
			t.Errorf("a transition was refused:\n%s", c.log)
		}
	})
	return c
}

// start runs broker id until stop or kill.
func (c *cluster) start(id int32) *fakeBroker { return c.startAs(clusterstore.Broker{ID: id}) }

// startAs runs a broker that may be unclean.
func (c *cluster) startAs(as clusterstore.Broker) *fakeBroker {
	id := as.ID
	c.t.Helper()
	client := c.server.Open()
	b := &fakeBroker{
		id: id, cluster: c, client: client, store: clusterstore.New(client),
		leaders: map[PartitionID]kmsg.LeaderAndISRRequestTopicPartition{}, meta: map[PartitionID]kmsg.UpdateMetadataRequestTopicPartition{},
		failed: map[PartitionID]bool{}, full: map[PartitionID]bool{},
	}
	c.mu.Lock()
	c.brokers[id] = b
	c.mu.Unlock()
	logger := slog.New(slog.NewTextHandler(c.log, nil))
	directory := fmt.Sprintf("dir-%d", id)
	b.controller = New(b.store, Config{
		BrokerID: id, Directory: directory, InterBrokerListener: "PLAINTEXT", Dial: c.dial, Logger: logger,
		DeleteTopics: func() bool { return true }, UncleanElection: func() bool { return false },
		BalanceIntervalMs: 300_000, ImbalancePercent: 10,
		MinInsync: func(context.Context, string) int { return c.minInsync },
	})
	ctx := context.Background()
	if err := b.store.EnsureParents(ctx); err != nil {
		c.t.Fatal(err)
	}
	as.Directory, as.Endpoints = directory, []clusterstore.Endpoint{
		{Listener: "PLAINTEXT", Host: fmt.Sprintf("b%d", id), Port: 9092, Protocol: "PLAINTEXT"}}
	if c.kafka[id] {
		as.Directory = ""
	}
	var err error
	b.membership, err = Join(ctx, b.store, as, 6000, logger, func(s coordSession, _ int64) { b.controller.SetSession(s) }, func() {
		b.mu.Lock()
		b.settled++
		b.mu.Unlock()
	})
	if err != nil {
		c.t.Fatal(err)
	}
	b.controller.Start()
	synctest.Wait()
	return b
}

// kill ends a broker's work without any farewell: its session stays until it expires.
func (b *fakeBroker) kill() {
	b.mu.Lock()
	b.down = true
	b.mu.Unlock()
	b.client.Cut()
	b.membership.stop()
	b.controller.Close()
	synctest.Wait()
}

// stop ends a broker properly.
func (b *fakeBroker) stop() {
	b.mu.Lock()
	b.down = true
	b.mu.Unlock()
	b.controller.Close()
	if err := b.membership.Close(context.Background()); err != nil {
		b.cluster.t.Fatal(err)
	}
	_ = b.client.Close()
	synctest.Wait()
}

type fakeLink struct {
	cluster *cluster
	address string
}

func (c *cluster) dial(address string) Link { return fakeLink{c, address} }

func (l fakeLink) Close() {}

func (l fakeLink) Do(_ context.Context, req kmsg.Request) (kmsg.Response, error) {
	var id int32
	if _, err := fmt.Sscanf(l.address, "b%d:9092", &id); err != nil {
		return nil, err
	}
	l.cluster.mu.Lock()
	b := l.cluster.brokers[id]
	l.cluster.mu.Unlock()
	if b == nil {
		return nil, errors.New("no such broker")
	}
	return b.take(req)
}

func (b *fakeBroker) take(req kmsg.Request) (kmsg.Response, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		return nil, errors.New("connection refused")
	}
	// Requests go through the codec, so that what cannot be encoded is found.
	decoded := kmsg.RequestForKey(req.Key())
	decoded.SetVersion(req.GetVersion())
	if err := decoded.ReadFrom(req.AppendTo(nil)); err != nil {
		return nil, err
	}
	resp := decoded.ResponseKind()
	switch req := decoded.(type) {
	case *kmsg.LeaderAndISRRequest:
		if !b.current(req.ControllerEpoch) {
			resp.(*kmsg.LeaderAndISRResponse).ErrorCode = kerr.StaleControllerEpoch.Code
			return resp, nil
		}
		b.leaderAndISR(req, resp.(*kmsg.LeaderAndISRResponse))
	case *kmsg.UpdateMetadataRequest:
		if !b.current(req.ControllerEpoch) {
			resp.(*kmsg.UpdateMetadataResponse).ErrorCode = kerr.StaleControllerEpoch.Code
			return resp, nil
		}
		b.updateMetadata(req)
	case *kmsg.StopReplicaRequest:
		b.stopReplica(req, resp.(*kmsg.StopReplicaResponse))
	}
	return resp, nil
}

func (b *fakeBroker) current(epoch int32) bool {
	if epoch < b.epoch {
		return false
	}
	b.epoch = epoch
	return true
}

func (b *fakeBroker) leaderAndISR(req *kmsg.LeaderAndISRRequest, resp *kmsg.LeaderAndISRResponse) {
	var parts []string
	for _, t := range req.TopicStates {
		answer := kmsg.LeaderAndISRResponseTopic{TopicID: t.TopicID}
		for _, p := range t.PartitionStates {
			id := PartitionID{Topic: t.Topic, Partition: p.Partition}
			known, again := b.leaders[id]
			b.leaders[id] = p
			code := int16(0)
			switch {
			case b.failed[id] || b.full[id]:
				code = kerr.KafkaStorageError.Code
			case again && known.LeaderEpoch == p.LeaderEpoch && known.ZKVersion == p.ZKVersion:
				code = kerr.StaleControllerEpoch.Code
			}
			answer.Partitions = append(answer.Partitions, kmsg.LeaderAndISRResponseTopicPartition{Partition: p.Partition, ErrorCode: code})
			mark := ""
			if p.IsNew {
				mark = " new"
			}
			if len(p.AddingReplicas)+len(p.RemovingReplicas) > 0 {
				mark += fmt.Sprintf(" replicas=%v adding=%v removing=%v", p.Replicas, p.AddingReplicas, p.RemovingReplicas)
			}
			parts = append(parts, fmt.Sprintf("%s leader=%d epoch=%d isr=%v%s", id, p.Leader, p.LeaderEpoch, p.ISR, mark))
		}
		resp.Topics = append(resp.Topics, answer)
	}
	b.requests = append(b.requests, "LeaderAndIsr "+strings.Join(parts, ", "))
}

func (b *fakeBroker) updateMetadata(req *kmsg.UpdateMetadataRequest) {
	var parts []string
	for _, live := range req.LiveBrokers {
		parts = append(parts, fmt.Sprint(live.ID))
	}
	text := "UpdateMetadata brokers=" + strings.Join(parts, ",")
	for _, t := range req.TopicStates {
		for _, p := range t.PartitionStates {
			id := PartitionID{Topic: t.Topic, Partition: p.Partition}
			b.meta[id] = p
			if p.Leader == leaderDuringDelete {
				delete(b.meta, id)
			}
			text += fmt.Sprintf(" %s=%d", id, p.Leader)
		}
	}
	if req.UnknownTags.Len() > 0 {
		text += " full"
	}
	b.requests = append(b.requests, text)
}

func (b *fakeBroker) stopReplica(req *kmsg.StopReplicaRequest, resp *kmsg.StopReplicaResponse) {
	var parts []string
	for _, t := range req.Topics {
		for _, p := range t.PartitionStates {
			id := PartitionID{Topic: t.Topic, Partition: p.Partition}
			mark, code := "", int16(0)
			if p.Delete {
				mark = " delete"
			}
			if b.failed[id] {
				code = kerr.KafkaStorageError.Code
			} else if p.Delete {
				b.deleted = append(b.deleted, id)
			}
			delete(b.leaders, id)
			parts = append(parts, fmt.Sprintf("%s epoch=%d%s", id, p.LeaderEpoch, mark))
			resp.Partitions = append(resp.Partitions, kmsg.StopReplicaResponsePartition{Topic: t.Topic, Partition: p.Partition, ErrorCode: code})
		}
	}
	b.requests = append(b.requests, "StopReplica "+strings.Join(parts, ", "))
}

// taken gives and forgets the requests taken since the last call.
func (b *fakeBroker) taken() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	requests := b.requests
	b.requests = nil
	return requests
}

// active is the broker whose controller rules.
func (c *cluster) active() *fakeBroker {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found *fakeBroker
	for _, b := range c.brokers {
		if _, active := b.controller.Active(); active {
			if found != nil {
				c.t.Fatal("two controllers rule")
			}
			found = b
		}
	}
	return found
}

func (b *fakeBroker) createTopic(name string, replicas ...[]int32) {
	b.cluster.t.Helper()
	topic := &clusterstore.Topic{Name: name, ID: NewTopicID()}
	for _, r := range replicas {
		topic.Partitions = append(topic.Partitions, clusterstore.Assignment{Replicas: slices.Clone(r)})
	}
	if err := b.store.CreateTopic(context.Background(), topic, nil); err != nil {
		b.cluster.t.Fatal(err)
	}
}
