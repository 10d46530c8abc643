package group

import (
	"errors"
	"log/slog"
	"math"
	"unicode/utf16"

	"milena/internal/config"
	"milena/internal/coordinator"
	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
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
		Make: func(h coordinator.Host) *machine { return newMachine(c, h) },
	})
	return c
}

// PartitionFor is the partition of Topic that a group (or transactional id) belongs to: Java's hash of the string, as Kafka takes it.
func PartitionFor(id string, partitions int32) int32 {
	var hash int32
	for _, unit := range utf16.Encode([]rune(id)) {
		hash = 31*hash + int32(unit)
	}
	if hash == math.MinInt32 {
		hash = 0
	}
	return max(hash, -hash) % partitions
}

// Elect and Resign tell of the leadership of Topic's partitions.
func (c *Coordinator) Elect(partition, leaderEpoch int32)  { c.runtime.Elect(partition, leaderEpoch) }
func (c *Coordinator) Resign(partition, leaderEpoch int32) { c.runtime.Resign(partition, leaderEpoch) }

// Stop answers those who wait and unloads everything.
func (c *Coordinator) Stop() { c.runtime.Stop() }

// do runs f on the machine of a group's partition; the answer is the error code of a group that this broker does not coordinate, or not
// yet, and f is not called then.
func (c *Coordinator) do(groupID string, f func(m *machine) coordinator.Result) (code int16) {
	partitions := int32(1)
	if t := c.options.Metadata.Image().Topics[Topic]; t != nil {
		partitions = int32(len(t.Partitions))
	}
	return codeOf(c.runtime.Do(PartitionFor(groupID, partitions), f))
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

// TopicsDeleted removes the offsets of topics that are gone; MetadataChanged has consumer groups look at their subscriptions again.
func (c *Coordinator) TopicsDeleted(topics []string) { panic("unwritten") }
func (c *Coordinator) MetadataChanged() {
	c.runtime.Each(func(_ int32, m *machine) coordinator.Result { return m.consumerMetadataChanged() })
}

// Classic groups.

func (c *Coordinator) JoinGroup(by Caller, req *kmsg.JoinGroupRequest, reply func(*kmsg.JoinGroupResponse)) {
	panic("unwritten")
}

func (c *Coordinator) SyncGroup(by Caller, req *kmsg.SyncGroupRequest, reply func(*kmsg.SyncGroupResponse)) {
	panic("unwritten")
}

func (c *Coordinator) Heartbeat(by Caller, req *kmsg.HeartbeatRequest, reply func(*kmsg.HeartbeatResponse)) {
	panic("unwritten")
}

func (c *Coordinator) LeaveGroup(by Caller, req *kmsg.LeaveGroupRequest, reply func(*kmsg.LeaveGroupResponse)) {
	panic("unwritten")
}

// Offsets.

func (c *Coordinator) OffsetCommit(by Caller, req *kmsg.OffsetCommitRequest, reply func(*kmsg.OffsetCommitResponse)) {
	panic("unwritten")
}

func (c *Coordinator) OffsetFetch(req *kmsg.OffsetFetchRequest, reply func(*kmsg.OffsetFetchResponse)) {
	panic("unwritten")
}

func (c *Coordinator) OffsetDelete(req *kmsg.OffsetDeleteRequest, reply func(*kmsg.OffsetDeleteResponse)) {
	panic("unwritten")
}

// Every kind of group.

func (c *Coordinator) DescribeGroups(req *kmsg.DescribeGroupsRequest, reply func(*kmsg.DescribeGroupsResponse)) {
	panic("unwritten")
}

func (c *Coordinator) ListGroups(req *kmsg.ListGroupsRequest, reply func(*kmsg.ListGroupsResponse)) {
	panic("unwritten")
}

func (c *Coordinator) DeleteGroups(req *kmsg.DeleteGroupsRequest, reply func(*kmsg.DeleteGroupsResponse)) {
	panic("unwritten")
}
