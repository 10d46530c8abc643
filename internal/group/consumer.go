package group

import (
	"milena/internal/coordinator"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// consumerShare is what the consumer groups of a partition share.
type consumerShare struct{}

func (s *consumerShare) init(*machine) {}

func (m *machine) replayConsumer(kind int16, r *coordinator.Replayed) error { return nil }

func (m *machine) consumerLoaded() {}

// consumerMetadataChanged has the partition's consumer groups look at their subscriptions again.
func (m *machine) consumerMetadataChanged() coordinator.Result { return coordinator.Result{} }

// ConsumerGroupHeartbeat answers a member of a consumer group (KIP-848).
func (c *Coordinator) ConsumerGroupHeartbeat(
	by Caller, req *kmsg.ConsumerGroupHeartbeatRequest, reply func(*kmsg.ConsumerGroupHeartbeatResponse),
) {
	panic("unwritten")
}

// ConsumerGroupDescribe describes consumer groups.
func (c *Coordinator) ConsumerGroupDescribe(
	req *kmsg.ConsumerGroupDescribeRequest, reply func(*kmsg.ConsumerGroupDescribeResponse),
) {
	panic("unwritten")
}
