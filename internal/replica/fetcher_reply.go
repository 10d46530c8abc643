package replica

import (
	"context"
	"errors"

	"milena/internal/logdir"
	"milena/internal/partition"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// codeError is the error of a reply's code; nil for none.
func codeError(code int16) error {
	if code == 0 {
		return nil
	}
	return kerr.ErrorForCode(code)
}

// take appends what a reply brought, partition by partition. The error is one of the whole reply.
func (f *fetcher) take(ctx context.Context, resp *kmsg.FetchResponse) error {
	s := &f.session
	if err := s.answered(resp); err != nil {
		return err
	}
	for i := range resp.Topics {
		topic := &resp.Topics[i]
		name := topic.Topic
		if resp.Version >= 13 {
			name = s.names[topic.TopicID]
		}
		for j := range topic.Partitions {
			p := s.members[logdir.TopicPartition{Topic: name, Partition: topic.Partitions[j].Partition}]
			if p != nil && (resp.Version < 13 || p.id == topic.TopicID) {
				f.settle(p, f.takeOne(ctx, p, &topic.Partitions[j]))
				f.mark(p)
			}
		}
	}
	return nil
}

// takeOne brings one partition forward: appends, or cuts what the leader does not have.
func (f *fetcher) takeOne(ctx context.Context, p *followed, got *kmsg.FetchResponseTopicPartition) error {
	switch err := codeError(got.ErrorCode); {
	case errors.Is(err, kerr.OffsetOutOfRange):
		return f.startAnew(ctx, p)
	case err != nil:
		return err
	case got.DivergingEpoch.Epoch >= 0 && got.DivergingEpoch.EndOffset >= 0:
		return p.part.Truncate(p.leaderEpoch, partition.EpochEnd{Epoch: got.DivergingEpoch.Epoch, EndOffset: got.DivergingEpoch.EndOffset})
	}
	err := p.part.AppendFetched(p.leaderEpoch, got.RecordBatches, got.HighWatermark, got.LogStartOffset)
	if err == nil {
		f.replicas.fetched(p, len(got.RecordBatches))
		p.inSync = p.log.LogEndOffset() >= got.HighWatermark
	}
	return err
}

// settle decides how a partition goes on after a reply.
func (f *fetcher) settle(p *followed, err error) {
	switch {
	case err == nil:
		p.failures, p.failing = 0, false
	case errors.Is(err, partition.ErrFencedLeaderEpoch), errors.Is(err, kerr.FencedLeaderEpoch), errors.Is(err, partition.ErrOffline):
		// A LeaderAndIsr with a newer epoch was here, or is coming; or the disk is gone, and was told of.
		f.forget(p)
	default:
		f.delay(p)
		f.replicas.noRoom(p.hosted, err)
		expected := errors.Is(err, kerr.NotLeaderForPartition) || errors.Is(err, kerr.UnknownLeaderEpoch) ||
			errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.ReplicaNotAvailable)
		if !p.failing && !expected {
			p.failing = true
			f.replicas.options.Logger.Warn("a partition cannot be fetched from its leader; trying again", "topic", p.tp.Topic,
				"partition", p.tp.Partition, "leader", f.leader, "error", err)
		}
	}
}
