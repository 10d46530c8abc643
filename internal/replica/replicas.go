// Package replica holds the partitions hosted by this broker: append and read over many of them, become leader or follower as the
// controller tells, checkpoints of high watermarks, deletion. It imports partition, logdir, metadata, config, metrics.
package replica

import (
	"context"

	"milena/internal/commitlog"
	"milena/internal/record"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Replicas is the set of hosted partitions.
type Replicas struct{}

// AppendRequest is a produce request (or a coordinator's append).
type AppendRequest struct {
	Acks       int16 // -1, 0, 1
	TimeoutMs  int32
	Origin     record.Origin
	Partitions []AppendPartition
}

// AppendPartition is one partition's records, changed in place.
type AppendPartition struct {
	Topic     string
	Partition int32
	Records   []byte
}

// AppendResult answers one AppendPartition, at the same index.
type AppendResult struct {
	Err            error // mapped in api; nil where appended
	BaseOffset     int64
	AppendTimeMs   int64 // -1 with CreateTime
	LogStartOffset int64
}

// Append appends, and calls done once: at once for acks 0 and 1, and for acks -1 when the whole ISR has the records or the time is over.
// done may run on the caller's goroutine or another; it must not block.
func (r *Replicas) Append(req *AppendRequest, done func([]AppendResult)) { panic("unwritten") }

// FetchRequest is a consumer's or follower's fetch, sessions already resolved.
type FetchRequest struct {
	ReplicaID     int32 // -1: consumer
	ReplicaEpoch  int64
	MaxWaitMs     int32
	MinBytes      int32
	MaxBytes      int32
	ReadCommitted bool
	Rack          string
	Partitions    []FetchPartition
}

// FetchPartition is where to read one partition.
type FetchPartition struct {
	Topic              string
	Partition          int32
	CurrentLeaderEpoch int32 // -1: not checked
	FetchOffset        int64
	LastFetchedEpoch   int32 // -1 none
	LogStartOffset     int64 // of a follower
	MaxBytes           int32
}

// FetchResult answers one FetchPartition, at the same index.
type FetchResult struct {
	Err              error
	HighWatermark    int64
	LastStableOffset int64
	LogStartOffset   int64
	Aborted          []commitlog.AbortedTxn
	Diverging        *EpochEnd // follower must truncate
	Preferred        int32     // preferred read replica, -1 none
	Slice            commitlog.Slice
}

// EpochEnd is a leader epoch and the offset where it ends.
type EpochEnd struct {
	Epoch     int32
	EndOffset int64
}

// Fetch reads, and calls done once: at once when MinBytes are there, an error is, or MaxWaitMs is 0; else when they have come or the time is
// over. cancel ends the wait early (its results are then released, done is not called). done must not block.
func (r *Replicas) Fetch(req *FetchRequest, done func([]FetchResult)) (cancel func()) {
	panic("unwritten")
}

// BecomeLeaderOrFollower, StopReplicas apply the controller's requests; replies carry Kafka's codes by partition.
func (r *Replicas) BecomeLeaderOrFollower(req *kmsg.LeaderAndISRRequest) *kmsg.LeaderAndISRResponse {
	panic("unwritten")
}
func (r *Replicas) StopReplicas(req *kmsg.StopReplicaRequest) *kmsg.StopReplicaResponse {
	panic("unwritten")
}

// SetTopicConfig tells every hosted partition of a topic of its changed overrides.
func (r *Replicas) SetTopicConfig(topic string, overrides map[string]string) { panic("unwritten") }

// Close flushes and closes everything for a clean shutdown.
func (r *Replicas) Close(ctx context.Context) error { panic("unwritten") }
