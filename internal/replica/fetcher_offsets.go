package replica

import (
	"context"
	"errors"

	"milena/internal/partition"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// offset asks the leader for its log's earliest or latest offset.
func (f *fetcher) offset(ctx context.Context, p *followed, timestamp int64) (int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.Version, req.ReplicaID = 7, f.replicas.options.BrokerID
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = p.tp.Topic
	one := kmsg.NewListOffsetsRequestTopicPartition()
	one.Partition, one.CurrentLeaderEpoch, one.Timestamp = p.tp.Partition, p.leaderEpoch, timestamp
	topic.Partitions = append(topic.Partitions, one)
	req.Topics = append(req.Topics, topic)
	resp, err := f.conn.Do(ctx, req)
	if err != nil {
		return 0, err
	}
	for _, t := range resp.(*kmsg.ListOffsetsResponse).Topics {
		for _, answer := range t.Partitions {
			if t.Topic == p.tp.Topic && answer.Partition == p.tp.Partition {
				return answer.Offset, codeError(answer.ErrorCode)
			}
		}
	}
	return 0, errNotAnswered
}

var errNotAnswered = errors.New("replica: the leader did not answer for this partition")

// startAnew is for a follower whose end is outside of the leader's log: where the leader has less, which only an unclean election can
// bring about, what is above goes; where the leader's log begins later, the follower's begins there too.
func (f *fetcher) startAnew(ctx context.Context, p *followed) error {
	position, err := p.part.FetchPosition(p.leaderEpoch)
	if err != nil {
		return err
	}
	latest, err := f.offset(ctx, p, partition.TimestampLatest)
	if err != nil {
		return err
	}
	if latest < position.Offset {
		f.replicas.options.Logger.Warn("the leader's log ends before this follower's: truncating", "topic", p.tp.Topic, "partition", p.tp.Partition,
			"leader", f.leader, "from", position.Offset, "to", latest)
		return p.part.CutTo(p.leaderEpoch, latest)
	}
	earliest, err := f.offset(ctx, p, partition.TimestampEarliest)
	if err != nil || earliest <= position.Offset {
		return err
	}
	f.replicas.options.Logger.Info("the leader's log begins after this follower's end: starting there", "topic", p.tp.Topic,
		"partition", p.tp.Partition, "leader", f.leader, "from", position.Offset, "to", earliest)
	return p.part.StartAt(p.leaderEpoch, earliest)
}
