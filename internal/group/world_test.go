package group

import (
	"bytes"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"milena/internal/config"
	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// world is a coordinator of one partition, in a synctest bubble.
type world struct {
	t     testing.TB
	log   *fakeLog
	cache *metadata.Cache
	c     *Coordinator
	words *words
	ids   byte
}

// words are the lines of the log.
type words struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *words) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(b)
}

// take gives the lines since the last time.
func (w *words) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.b.String()
	w.b.Reset()
	return s
}

func newWorld(t testing.TB, settings ...string) *world {
	t.Helper()
	cfg, _, err := config.Load("", settings)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, log: newFakeLog(), cache: metadata.NewCache("cluster"), words: &words{}}
	plain := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "partition" {
			return slog.Attr{}
		}
		return a
	}
	w.c = New(Options{
		Config: config.NewLive(cfg), Metadata: w.cache, Log: w.log,
		Logger: slog.New(slog.NewTextHandler(w.words, &slog.HandlerOptions{ReplaceAttr: plain})),
	})
	w.topic(Topic, 1)
	w.c.Elect(0, 0)
	synctest.Wait()
	return w
}

// topic makes a topic, or makes it anew under another id.
func (w *world) topic(name string, partitions int32) {
	w.ids++
	state := kmsg.UpdateMetadataRequestTopicState{Topic: name, TopicID: metadata.TopicID{w.ids}}
	for p := range partitions {
		state.PartitionStates = append(state.PartitionStates, kmsg.UpdateMetadataRequestTopicPartition{
			Partition: p, Leader: 1, Replicas: []int32{1}, ISR: []int32{1},
		})
	}
	w.cache.Update(&kmsg.UpdateMetadataRequest{Version: 8, TopicStates: []kmsg.UpdateMetadataRequestTopicState{state}})
}

// dropTopic deletes a topic.
func (w *world) dropTopic(name string) {
	t := w.cache.Image().Topics[name]
	state := kmsg.UpdateMetadataRequestTopicState{Topic: name, TopicID: t.ID}
	for p := range t.Partitions {
		state.PartitionStates = append(state.PartitionStates, kmsg.UpdateMetadataRequestTopicPartition{Partition: int32(p), Leader: -2})
	}
	w.cache.Update(&kmsg.UpdateMetadataRequest{Version: 8, TopicStates: []kmsg.UpdateMetadataRequestTopicState{state}})
	w.c.TopicsDeleted([]string{name})
}

// move has the partition led elsewhere and come back: what is not in the log is gone.
func (w *world) move() {
	w.c.Resign(0, w.log.epoch+1)
	synctest.Wait()
	w.log.lose()
	w.log.epoch += 2
	w.c.Elect(0, w.log.epoch)
	synctest.Wait()
}

// inherit has another coordinator lead the partition, whose log has what is not committed too.
func (w *world) inherit() {
	w.log.mu.Lock()
	w.log.epoch++
	w.log.mu.Unlock()
	w.c.Elect(0, w.log.epoch)
	synctest.Wait()
}

// subscription is what a consumer says in JoinGroup.
func subscription(topics []string) []byte {
	b := []byte{0, 0, 0, 0, 0, byte(len(topics))}
	for _, t := range topics {
		b = append(append(b, 0, byte(len(t))), t...)
	}
	return append(b, 255, 255, 255, 255)
}

// topicsOf shows a subscription, or what else a member says.
func topicsOf(b []byte) string {
	topics := map[string]struct{}{}
	if !addSubscription(topics, b) {
		return strconv.Quote(string(b))
	}
	return "topics(" + strings.Join(slices.Sorted(maps.Keys(topics)), " ") + ")"
}

func text(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func fields(s, by string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, by)
}
