package replica

import (
	"context"
	"errors"

	"milena/internal/logdir"
	"milena/internal/metadata"
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
func (f *fetcher) take(ctx context.Context, due map[logdir.TopicPartition]*followed, resp *kmsg.FetchResponse) error {
	if err := codeError(resp.ErrorCode); err != nil {
		return err
	}
	names := map[metadata.TopicID]string{}
	if resp.Version >= 13 {
		for tp, p := range due {
			names[p.log.TopicID()] = tp.Topic
		}
	}
	for i := range resp.Topics {
		topic := &resp.Topics[i]
		name := topic.Topic
		if resp.Version >= 13 {
			name = names[topic.TopicID]
		}
		for j := range topic.Partitions {
			tp := logdir.TopicPartition{Topic: name, Partition: topic.Partitions[j].Partition}
			if p := due[tp]; p != nil {
				f.settle(tp, p, f.takeOne(ctx, tp, p, &topic.Partitions[j]))
			}
		}
	}
	return nil
}

// takeOne brings one partition forward: appends, or cuts what the leader does not have.
func (f *fetcher) takeOne(
	ctx context.Context, tp logdir.TopicPartition, p *followed, got *kmsg.FetchResponseTopicPartition,
) error {
	switch err := codeError(got.ErrorCode); {
	case errors.Is(err, kerr.OffsetOutOfRange):
		return f.startAnew(ctx, tp, p)
	case err != nil:
		return err
	case got.DivergingEpoch.Epoch >= 0 && got.DivergingEpoch.EndOffset >= 0:
		return p.part.Truncate(p.leaderEpoch, partition.EpochEnd{Epoch: got.DivergingEpoch.Epoch, EndOffset: got.DivergingEpoch.EndOffset})
	}
	return p.part.AppendFetched(p.leaderEpoch, got.RecordBatches, got.HighWatermark, got.LogStartOffset)
}

// settle decides how a partition goes on after a reply.
func (f *fetcher) settle(tp logdir.TopicPartition, p *followed, err error) {
	switch {
	case err == nil:
		p.failures, p.failing = 0, false
	case errors.Is(err, partition.ErrFencedLeaderEpoch), errors.Is(err, kerr.FencedLeaderEpoch), errors.Is(err, partition.ErrOffline):
		// A LeaderAndIsr with a newer epoch was here, or is coming; or the disk is gone, and was told of.
		f.forget(tp, p)
	default:
		f.delay(p)
		expected := errors.Is(err, kerr.NotLeaderForPartition) || errors.Is(err, kerr.UnknownLeaderEpoch) ||
			errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.ReplicaNotAvailable)
		if !p.failing && !expected {
			p.failing = true
			f.replicas.options.Logger.Warn("a partition cannot be fetched from its leader; trying again", "topic", tp.Topic,
				"partition", tp.Partition, "leader", f.leader, "error", err)
		}
	}
}
