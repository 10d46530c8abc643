package broker

import (
	"context"
	"time"

	"milena/internal/clusterstore"
	"milena/internal/logdir"
)

const (
	mostAsking     = 4 // questions to the store at a time: who has much refused keeps it from nobody
	askingPatience = 2 * time.Second
)

// leads gives what asks the store whether this broker leads a partition in an epoch (decision 026).
func (b *Broker) leads() func(tp logdir.TopicPartition, leaderEpoch int32) bool {
	asking := make(chan struct{}, mostAsking)
	return func(tp logdir.TopicPartition, leaderEpoch int32) bool {
		ctx, cancel := context.WithTimeout(b.ctx, askingPatience)
		defer cancel()
		select {
		case asking <- struct{}{}:
			defer func() { <-asking }()
		case <-ctx.Done():
			return false
		}
		st, err := b.store.PartitionState(ctx, clusterstore.PartitionID{Topic: tp.Topic, Partition: tp.Partition})
		return err == nil && st.Leader == b.live.Broker().BrokerID && st.LeaderEpoch == leaderEpoch
	}
}
