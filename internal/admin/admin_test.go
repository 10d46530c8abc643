package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/clusterstore"
	"milena/internal/config"
	"milena/internal/coord"
	"milena/internal/coord/memcoord"
	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// bench is an Admin over a store in memory, with a controller that makes every topic's first brokers leaders at once.
type bench struct {
	t     *testing.T
	admin *Admin
	store *clusterstore.Store
	cache *metadata.Cache
	log   *strings.Builder
	watch []coord.Watch
	lazy  bool // the controller does nothing
}

var ctx = context.Background()

func newBench(t *testing.T, brokers int32) *bench {
	t.Helper()
	client := memcoord.Open()
	b := &bench{t: t, store: clusterstore.New(client), cache: metadata.NewCache("c"), log: &strings.Builder{}}
	if err := b.store.EnsureParents(ctx); err != nil {
		t.Fatal(err)
	}
	broker, _, err := config.FromStatic(map[string]string{"broker.id": "1", "num.partitions": "2"})
	if err != nil {
		t.Fatal(err)
	}
	var ids atomic.Int32
	b.admin = New(Options{
		Store: b.store, Metadata: b.cache, Config: config.NewLive(broker), Logger: slog.New(slog.NewTextHandler(b.log, nil)),
		NewID: func() [16]byte { return [16]byte{byte(ids.Add(1))} }, Random: func(int) int { return 0 }, Loggers: NewLoggers(new(slog.LevelVar)),
	})
	req := &kmsg.UpdateMetadataRequest{Version: 8}
	for id := int32(1); id <= brokers; id++ {
		req.LiveBrokers = append(req.LiveBrokers, kmsg.UpdateMetadataRequestLiveBroker{ID: id})
	}
	b.cache.Update(req)
	for _, path := range []string{clusterstore.TopicsPath, clusterstore.DeleteTopicsPath} {
		watch, err := client.Watch(path, coord.WatchTree)
		if err != nil {
			t.Fatal(err)
		}
		b.watch = append(b.watch, watch)
		go func() {
			for range watch.C() {
				if !b.lazy {
					b.control(req)
				}
			}
		}()
	}
	return b
}

func (b *bench) close() {
	b.admin.Close()
	for _, w := range b.watch {
		w.Close()
	}
	_ = b.store.Coord().Close()
}

// control brings the metadata in line with the store.
func (b *bench) control(brokers *kmsg.UpdateMetadataRequest) {
	req := *brokers
	deleting, err := b.store.TopicDeletions(ctx)
	if err != nil {
		return
	}
	topics, err := b.store.Topics(ctx)
	if err != nil {
		return
	}
	for _, t := range topics {
		state := kmsg.UpdateMetadataRequestTopicState{Topic: t.Name, TopicID: t.ID}
		gone := slices.Contains(deleting, t.Name)
		for n, p := range t.Partitions {
			leader := p.Replicas[0]
			if gone {
				leader = -2
			}
			state.PartitionStates = append(state.PartitionStates, kmsg.UpdateMetadataRequestTopicPartition{
				Partition: int32(n), Leader: leader, Replicas: p.Replicas, ISR: p.Replicas,
			})
		}
		req.TopicStates = append(req.TopicStates, state)
		if gone {
			_ = b.store.Coord().Delete(ctx, clusterstore.TopicPath(t.Name), coord.AnyVersion)
			_ = b.store.Coord().Delete(ctx, clusterstore.DeleteTopicsPath+"/"+t.Name, coord.AnyVersion)
		}
	}
	b.cache.Update(&req)
}

// refused checks reason and text of an error.
func refused(t *testing.T, err error, reason Reason, text string) {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) || r.Reason != reason || r.Text != text {
		t.Errorf("got %d %v, want %d %q", reasonOf(err), err, reason, text)
	}
}

func reasonOf(err error) Reason {
	var r *Refusal
	errors.As(err, &r)
	if r == nil {
		return 0
	}
	return r.Reason
}

func topic(name string, partitions int32, replicas int16) []NewTopic {
	return []NewTopic{{Name: name, Partitions: partitions, ReplicationFactor: replicas}}
}

func TestTopicLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 3)
		defer b.close()
		value := "100"
		request := []NewTopic{{Name: "a.b", Partitions: -1, ReplicationFactor: -1, Configs: map[string]*string{"retention.ms": &value}}}
		made := b.admin.CreateTopics(ctx, request, 1000, false)
		if made[0].Err != nil || made[0].Partitions != 2 || made[0].ReplicationFactor != 1 || made[0].ID == ([16]byte{}) {
			t.Fatalf("%+v", made[0])
		}
		if overrides, err := b.store.Config(ctx, clusterstore.TopicEntity("a.b")); err != nil || overrides["retention.ms"] != "100" {
			t.Errorf("%v, %v", overrides, err)
		}
		refused(t, b.admin.CreateTopics(ctx, topic("a.b", 1, 1), 1000, false)[0].Err, TopicExists, "Topic 'a.b' already exists.")
		refused(t, b.admin.CreateTopics(ctx, topic("a_b", 1, 1), 1000, false)[0].Err, InvalidTopic, "Topic 'a_b' collides with existing topic: a.b")

		if err := b.admin.CreatePartitions(ctx, []Growth{{Topic: "a.b", Count: 4}}, 1000, true)[0]; err != nil {
			t.Fatal(err)
		}
		if n := len(b.cache.Image().Topics["a.b"].Partitions); n != 2 {
			t.Errorf("validating alone made %d partitions", n)
		}
		if err := b.admin.CreatePartitions(ctx, []Growth{{Topic: "a.b", Count: 4}}, 1000, false)[0]; err != nil {
			t.Fatal(err)
		}
		var leaders []int32
		for _, p := range b.cache.Image().Topics["a.b"].Partitions {
			leaders = append(leaders, p.Leader)
		}
		if fmt.Sprint(leaders) != "[1 2 3 1]" {
			t.Errorf("leaders %v", leaders)
		}
		if err := b.admin.DeleteTopics(ctx, []string{"a.b"}, 1000)[0]; err != nil {
			t.Fatal(err)
		}
		refused(t, b.admin.DeleteTopics(ctx, []string{"a.b"}, 1000)[0], UnknownTopic, "This server does not host this topic-partition.")
		if err := b.admin.CreateTopics(ctx, topic("a.b", 1, 3), 1000, false)[0].Err; err != nil {
			t.Errorf("made again at once: %v", err)
		}
	})
}

func TestTimeOuts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1)
		defer b.close()
		b.lazy = true
		began := time.Now()
		refused(t, b.admin.CreateTopics(ctx, topic("a", 1, 1), 700, false)[0].Err, TimedOut, "")
		if waited := time.Since(began); waited != 700*time.Millisecond {
			t.Errorf("waited %v", waited)
		}
		refused(t, b.admin.CreateTopics(ctx, topic("b", 1, 1), -1, false)[0].Err, TimedOut, "")
		refused(t, b.admin.CreatePartitions(ctx, []Growth{{Topic: "a", Count: 4}}, 5, false)[0], TimedOut, "")
		refused(t, b.admin.DeleteTopics(ctx, []string{"a"}, 5)[0], TimedOut, "")
		refused(t, b.admin.CreateTopics(ctx, topic("a", 1, 1), 1000, false)[0].Err, TopicExists, "Topic 'a' is marked for deletion.")
		answered := make(chan error, 1)
		cancel := b.admin.Go(func(ctx context.Context) {
			answered <- b.admin.CreateTopics(ctx, topic("c", 1, 1), 60_000, false)[0].Err
		})
		synctest.Wait()
		cancel()
		refused(t, <-answered, TimedOut, "")
	})
}

func TestCreateRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1)
		defer b.close()
		overlap := int32(0)
		manual := func(lists map[int32][]int32) NewTopic {
			return NewTopic{Name: "t", Partitions: -1, ReplicationFactor: -1, Assignment: lists}
		}
		both := manual(map[int32][]int32{0: {1}})
		both.ReplicationFactor = 1
		twice := manual(map[int32][]int32{0: {1}})
		twice.Overlap = &overlap
		bad := "x"
		for _, c := range []struct {
			topic  NewTopic
			reason Reason
			text   string
		}{
			{NewTopic{Name: ""}, InvalidTopic, "Topic name is invalid: the empty string is not allowed"},
			{NewTopic{Name: ".."}, InvalidTopic, "Topic name is invalid: '..' is not allowed"},
			{NewTopic{Name: "a b"}, InvalidTopic,
				"Topic name is invalid: 'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"},
			{NewTopic{Name: strings.Repeat("a", 250)}, InvalidTopic,
				"Topic name is invalid: the length of '" + strings.Repeat("a", 250) + "' is longer than the max allowed length 249"},
			{NewTopic{Name: "t", Partitions: 0, ReplicationFactor: 1}, InvalidPartitions, "Number of partitions was set to an invalid non-positive value."},
			{NewTopic{Name: "t", Partitions: 1, ReplicationFactor: 0}, InvalidReplicationFactor,
				"Replication factor must be larger than 0, or -1 to use the default value."},
			{NewTopic{Name: "t", Partitions: 1, ReplicationFactor: 2}, InvalidReplicationFactor, "Unable to replicate the partition 2 time(s): " +
				"The target replication factor of 2 cannot be reached because only 1 broker(s) are registered or some brokers have all their log " +
				"directories cordoned."},
			{both, InvalidRequest, "A manual partition assignment was specified, but replication factor was not set to -1."},
			{twice, InvalidAssignment, "Found multiple manual partition assignments for partition 0"},
			{manual(map[int32][]int32{0: {1}, 2: {1}}), InvalidAssignment, "partitions should be a consecutive 0-based integer sequence"},
			{manual(map[int32][]int32{0: {}}), InvalidAssignment, "The manual partition assignment includes an empty replica list."},
			{manual(map[int32][]int32{0: {1, 1}}), InvalidAssignment, "The manual partition assignment includes the broker 1 more than once."},
			{manual(map[int32][]int32{0: {9}}), InvalidAssignment,
				"The manual partition assignment includes broker 9, but no such broker is registered."},
			{NewTopic{Name: "t", Partitions: 1, ReplicationFactor: 1, Configs: map[string]*string{"retention.ms": &bad}}, InvalidConfig,
				"Invalid value x for configuration retention.ms: Not a number of type LONG"},
			{NewTopic{Name: "t", Partitions: 1, ReplicationFactor: 1, Configs: map[string]*string{"retention.ms": nil}}, InvalidConfig,
				"Null value not supported for topic configs: retention.ms"},
			{NewTopic{Name: "t", Partitions: 1, ReplicationFactor: 1, Configs: map[string]*string{"nosuch": &bad}}, InvalidConfig,
				"Unknown topic config name: nosuch"},
		} {
			refused(t, b.admin.CreateTopics(ctx, []NewTopic{c.topic}, 1000, false)[0].Err, c.reason, c.text)
		}
	})
}

func TestAutoCreate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1)
		defer b.close()
		for range 2 {
			if errs := b.admin.AutoCreate([]string{"a", "b"}); errs[0] != nil || errs[1] != nil {
				t.Fatal(errs)
			}
		}
		refused(t, b.admin.AutoCreate([]string{"no good"})[0], InvalidTopic,
			"Topic name is invalid: 'no good' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'")
		synctest.Wait()
		if !b.cache.Image().HasLeaders("a", 2) || !b.cache.Image().HasLeaders("b", 2) {
			t.Error("not made")
		}
		if err := b.admin.AutoCreate([]string{"a"})[0]; err != nil {
			t.Errorf("a topic that is there: %v", err)
		}
		if log := b.log.String(); log != "" {
			t.Errorf("logged %s", log)
		}
		offsets := b.admin.defaultTopic(OffsetsTopic)
		if offsets.Partitions != 50 || offsets.ReplicationFactor != 3 || *offsets.Configs["cleanup.policy"] != "compact" {
			t.Errorf("%+v", offsets)
		}
	})
}
