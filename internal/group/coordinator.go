package group

import (
	"errors"
	"log/slog"
	"math"
	"time"
	"unicode/utf16"

	"milena/internal/config"
	"milena/internal/coordinator"
	"milena/internal/metadata"
	"milena/internal/record"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Topic is the internal topic that holds groups and offsets.
const Topic = "__consumer_offsets"

// Options is what the group coordinator needs.
type Options struct {
	Config   *config.Live
	Metadata *metadata.Cache
	Log      coordinator.Log // of Topic
	Logger   *slog.Logger
}

// Caller is who sends a request.
type Caller struct {
	ClientID, ClientHost string // ClientHost as Kafka shows it: "/127.0.0.1"
}

// Coordinator answers the requests of groups that this broker coordinates. Every method calls reply exactly once, at once or later, from
// any goroutine.
type Coordinator struct {
	options Options
	runtime *coordinator.Runtime[*machine]
}

// New makes a coordinator that has no partition yet.
func New(o Options) *Coordinator {
	c := &Coordinator{options: o}
	c.runtime = coordinator.New(coordinator.Options[*machine]{
		Topic: Topic, Log: o.Log, Logger: o.Logger,
		LoadBufferBytes: func() int { return o.Config.Broker().Groups.OffsetsLoadBufferBytes },
		CommitTimeout: func() time.Duration {
			return time.Duration(o.Config.Broker().Groups.OffsetsCommitTimeoutMs) * time.Millisecond
		},
		Codec: record.Codec(o.Config.Broker().Groups.OffsetsTopicCodec),
		Make:  func(h coordinator.Host) *machine { return newMachine(c, h) },
	})
	return c
}

// PartitionFor is the partition of Topic that a group (or transactional id) belongs to: Java's hash of the string, as Kafka takes it.
func PartitionFor(id string, partitions int32) int32 {
	var hash int32
	for _, r := range id {
		if r >= 0x10000 {
			high, low := utf16.EncodeRune(r)
			hash, r = 31*hash+high, low
		}
		hash = 31*hash + r
	}
	if hash == math.MinInt32 {
		hash = 0
	}
	return max(hash, -hash) % partitions
}

// Elect and Resign tell of the leadership of Topic's partitions.
func (c *Coordinator) Elect(partition, leaderEpoch int32)  { c.runtime.Elect(partition, leaderEpoch) }
func (c *Coordinator) Resign(partition, leaderEpoch int32) { c.runtime.Resign(partition, leaderEpoch) }

// do runs f on the machine of a group's partition; the answer is the error code of a group that this broker does not coordinate, or not
// yet, and f is not called then. A broker may have been told what it leads of a topic before it is told how many partitions there are; until then
// it does not know whose the group is.
func (c *Coordinator) do(groupID string, f func(m *machine) coordinator.Result) (code int16) {
	t := c.options.Metadata.Image().Topics[Topic]
	if t == nil {
		return kerr.NotCoordinator.Code
	}
	return codeOf(c.runtime.Do(PartitionFor(groupID, int32(len(t.Partitions))), f))
}

// codeOf gives the error code that a client of a group gets for what the runtime refuses, and for kerr's errors their own.
func codeOf(err error) int16 {
	var known *kerr.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &known):
		return known.Code
	case errors.Is(err, coordinator.ErrNotCoordinator):
		return kerr.NotCoordinator.Code
	case errors.Is(err, coordinator.ErrLoading):
		return kerr.CoordinatorLoadInProgress.Code
	case errors.Is(err, coordinator.ErrUnavailable), errors.Is(err, coordinator.ErrTimedOut):
		return kerr.CoordinatorNotAvailable.Code
	default:
		return kerr.UnknownServerError.Code
	}
}

// MetadataChanged has consumer groups look at their subscriptions again.
func (c *Coordinator) MetadataChanged() {
	c.runtime.Each(func(_ int32, m *machine) coordinator.Result { return m.consumerMetadataChanged() })
}

// Stop answers those who wait and unloads everything.
func (c *Coordinator) Stop() { c.runtime.Stop() }
