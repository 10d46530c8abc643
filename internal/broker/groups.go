package broker

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"milena/internal/commitlog"
	"milena/internal/coordinator"
	"milena/internal/group"
	"milena/internal/logdir"
	"milena/internal/metrics"
	"milena/internal/partition"
	"milena/internal/record"
	"milena/internal/replica"
)

// startGroups makes the group coordinator. It coordinates nothing until the controller has this broker lead partitions of its topic.
func (b *Broker) startGroups() {
	b.groups = group.New(group.Options{
		Config: b.live, Metadata: b.metadata, Log: coordinatorLog{b.replicas.TopicLog(group.Topic)}, Logger: b.options.Logger,
	})
	b.metrics.Gauge(metrics.GroupCount, "Groups that this broker coordinates.", func() float64 { return float64(b.groups.Counts().Groups) })
	b.metrics.Gauge(metrics.GroupOffsetCount, "Committed offsets of those groups.", func() float64 { return float64(b.groups.Counts().Offsets) })
	for _, state := range []string{"PreparingRebalance", "CompletingRebalance", "Stable", "Empty"} {
		b.metrics.Gauge(metrics.GroupCount+strings.ToLower(state), "Groups in state "+state+".",
			func() float64 { return float64(b.groups.Counts().ByState[state]) })
	}
}

// leadership brings the partitions of internal topics to their coordinators.
func (b *Broker) leadership(topic string, partition int32, leads bool, leaderEpoch int32) {
	switch {
	case topic != group.Topic:
	case leads:
		b.groups.Elect(partition, leaderEpoch)
	default:
		b.groups.Resign(partition, leaderEpoch)
	}
}

// followMetadata tells the groups what has become of the topics that they consume, until the broker stops.
func (b *Broker) followMetadata() {
	known := b.metadata.Image()
	for {
		changed := b.metadata.Changed()
		image := b.metadata.Image()
		if image != known {
			if gone := image.GoneSince(known); len(gone) > 0 {
				b.groups.TopicsDeleted(gone)
			}
			b.groups.MetadataChanged()
			known = image
		}
		select {
		case <-changed:
		case <-b.ctx.Done():
			return
		}
	}
}

// coordinatorLog is an internal topic with the errors that a coordinator knows.
type coordinatorLog struct{ *replica.TopicLog }

func (l coordinatorLog) Append(index, leaderEpoch int32, batch record.Batch) (int64, error) {
	end, err := l.TopicLog.Append(index, leaderEpoch, batch)
	return end, forCoordinator(err)
}

func (l coordinatorLog) WhenCommitted(index, leaderEpoch int32, end int64, timeout time.Duration, done func(error)) {
	l.TopicLog.WhenCommitted(index, leaderEpoch, end, timeout, func(err error) { done(forCoordinator(err)) })
}

// forCoordinator says an error of the log in a coordinator's terms. A partition on a failed disk is as good as one that is led elsewhere: its
// clients look for another coordinator, and there will be one if there can be.
func forCoordinator(err error) error {
	if err == nil {
		return nil
	}
	for _, gone := range []error{
		partition.ErrNotLeaderOrFollower, partition.ErrFencedLeaderEpoch, partition.ErrUnknownLeaderEpoch, partition.ErrOffline,
		replica.ErrUnknownTopicOrPartition, logdir.ErrOffline, commitlog.ErrStorage,
	} {
		if errors.Is(err, gone) && !errors.Is(err, commitlog.ErrNoSpace) {
			return fmt.Errorf("%w: %w", coordinator.ErrNotCoordinator, err)
		}
	}
	var refusal *record.Refusal
	switch {
	case errors.Is(err, replica.ErrTimedOut):
		return fmt.Errorf("%w: %w", coordinator.ErrTimedOut, err)
	case errors.Is(err, commitlog.ErrRecordListTooLarge), errors.As(err, &refusal) && refusal.Reason == record.TooLarge:
		return fmt.Errorf("%w: %w", coordinator.ErrTooLarge, err)
	}
	return fmt.Errorf("%w: %w", coordinator.ErrUnavailable, err)
}
