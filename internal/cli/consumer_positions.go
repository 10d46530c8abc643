package cli

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// used says that the tool has used a record.
func (c *consumer) used(r *kgo.Record) {
	if c.group != "" {
		c.mu.Lock()
		defer c.mu.Unlock()
		tp := topicPartition{r.Topic, r.Partition}
		if _, ok := c.positions[tp]; ok {
			c.positions[tp] = kgo.EpochOffset{Epoch: r.LeaderEpoch, Offset: r.Offset + 1}
			c.dirty = true
		}
	}
}

// begin takes the offsets that a group's partitions begin with: stored ones, or where exact the first or the next offset, which
// is asked for here. Kafka's consumer commits them too, before a record is used.
func (c *consumer) begin(ctx context.Context, offsets map[string]map[int32]kgo.Offset, exact bool) map[string]map[int32]kgo.Offset {
	unset := map[int64][]topicPartition{}
	for topic, partitions := range offsets {
		for p, offset := range partitions {
			at := offset.EpochOffset()
			if at.Offset >= 0 {
				c.start(topicPartition{topic, p}, at)
			} else if exact {
				unset[at.Offset] = append(unset[at.Offset], topicPartition{topic, p})
			}
		}
	}
	a := &admin{env: c.env, client: c.client, timeout: 10 * time.Second}
	for timestamp, partitions := range unset {
		answers, err := a.listOffsets(ctx, partitions, timestamp)
		if err != nil {
			continue // the client asks once more, by itself
		}
		for _, tp := range partitions {
			if at, ok := answers[tp]; ok && at.err == nil && at.offset >= 0 {
				c.start(tp, kgo.EpochOffset{Epoch: -1, Offset: at.offset})
				offsets[tp.topic][tp.partition] = kgo.NewOffset().At(at.offset)
			}
		}
	}
	return offsets
}

// start sets the position of a partition that has just been assigned.
func (c *consumer) start(tp topicPartition, at kgo.EpochOffset) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.positions[tp] = at
	c.dirty = true
}

func partitionList(partitions map[string][]int32) []topicPartition {
	var list []topicPartition
	for topic, numbers := range partitions {
		for _, p := range numbers {
			list = append(list, topicPartition{topic, p})
		}
	}
	slices.SortFunc(list, topicPartition.compare)
	return list
}

func (c *consumer) onAssigned(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	list := partitionList(partitions)
	c.mu.Lock()
	for _, tp := range list {
		if _, ok := c.positions[tp]; !ok {
			c.positions[tp] = kgo.EpochOffset{Epoch: -1, Offset: -1} // not known before the first record
		}
	}
	c.mu.Unlock()
	if c.assigned != nil {
		c.assigned(list)
	}
}

func (c *consumer) onRevoked(ctx context.Context, _ *kgo.Client, partitions map[string][]int32) {
	if len(partitions) > 0 {
		c.autoCommit(ctx)
	}
	c.forget(partitions)
}

func (c *consumer) onLost(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	c.forget(partitions)
}

func (c *consumer) forget(partitions map[string][]int32) {
	list := partitionList(partitions)
	c.mu.Lock()
	for _, tp := range list {
		delete(c.positions, tp)
	}
	c.mu.Unlock()
	if c.revoked != nil && len(list) > 0 {
		c.revoked(list)
	}
}

// startTimer commits every auto.commit.interval.ms.
func (c *consumer) startTimer() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	c.stop = func() { cancel(); <-ended }
	ticks := time.NewTicker(c.every)
	go func() {
		defer close(ended)
		defer ticks.Stop()
		for {
			select {
			case <-ticks.C:
				c.autoCommit(ctx)
			case <-ctx.Done():
				return
			}
		}
	}()
}

// autoCommit commits all positions, if the consumer does that by itself and there is something new.
func (c *consumer) autoCommit(ctx context.Context) {
	if !c.auto {
		return
	}
	c.mu.Lock()
	positions := map[topicPartition]kgo.EpochOffset{}
	for tp, at := range c.positions {
		if at.Offset >= 0 {
			positions[tp] = at
		}
	}
	fresh := c.dirty && len(positions) > 0
	c.dirty = false
	c.mu.Unlock()
	if !fresh {
		return
	}
	if err := c.commit(ctx, positions); err != nil && ctx.Err() == nil {
		c.env.errorf("WARN Offset commit failed: %v\n", err)
	}
}

// commit stores offsets, without metadata, and waits for the answer.
func (c *consumer) commit(ctx context.Context, positions map[topicPartition]kgo.EpochOffset) error {
	offsets := map[string]map[int32]kgo.EpochOffset{}
	for tp, at := range positions {
		if offsets[tp.topic] == nil {
			offsets[tp.topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[tp.topic][tp.partition] = at
	}
	// This client would write the member's id where Kafka's consumer writes nothing.
	ctx = kgo.PreCommitFnContext(ctx, func(request *kmsg.OffsetCommitRequest) error {
		for i := range request.Topics {
			for j := range request.Topics[i].Partitions {
				request.Topics[i].Partitions[j].Metadata = kmsg.StringPtr("")
			}
		}
		return nil
	})
	var failed error
	c.client.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
		if err != nil {
			failed = fromClient(err)
			return
		}
		for _, topic := range response.Topics {
			for _, p := range topic.Partitions {
				if wrong := codeError(p.ErrorCode, nil); wrong != nil && failed == nil {
					failed = wrong
				}
			}
		}
	})
	return failed
}
