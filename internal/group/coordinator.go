package group

import (
	"log/slog"

	"milena/internal/config"
	"milena/internal/coordinator"
	"milena/internal/metadata"

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
type Coordinator struct{ options Options }

// New makes a coordinator that has no partition yet.
func New(o Options) *Coordinator { panic("unwritten") }

// PartitionFor is the partition of Topic that a group (or transactional id) belongs to: Java's hash of the string, as Kafka takes it.
func PartitionFor(id string, partitions int32) int32 { panic("unwritten") }

// Elect and Resign tell of the leadership of Topic's partitions.
func (c *Coordinator) Elect(partition, leaderEpoch int32)  { panic("unwritten") }
func (c *Coordinator) Resign(partition, leaderEpoch int32) { panic("unwritten") }

// TopicsDeleted removes the offsets of topics that are gone; MetadataChanged has consumer groups look at their subscriptions again.
func (c *Coordinator) TopicsDeleted(topics []string) { panic("unwritten") }
func (c *Coordinator) MetadataChanged()              { panic("unwritten") }

// Stop answers those who wait and unloads everything.
func (c *Coordinator) Stop() { panic("unwritten") }

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

// Consumer groups (KIP-848).

func (c *Coordinator) ConsumerGroupHeartbeat(
	by Caller, req *kmsg.ConsumerGroupHeartbeatRequest, reply func(*kmsg.ConsumerGroupHeartbeatResponse),
) {
	panic("unwritten")
}

func (c *Coordinator) ConsumerGroupDescribe(
	req *kmsg.ConsumerGroupDescribeRequest, reply func(*kmsg.ConsumerGroupDescribeResponse),
) {
	panic("unwritten")
}
