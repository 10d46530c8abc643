package broker_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"milena/internal/record"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestDeposedUnawares: a leader that the controller cannot reach, but the store can, does not hear that another one leads. What its log lacks by then
// it must not tell producers and consumers, who would take it for final.
func TestDeposedUnawares(t *testing.T) {
	inStreet(t, 3, func(t *testing.T, s *street) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		c := s.client(topicsByName)
		defer c.Close()
		brokers, err := kadm.NewClient(c).BrokerMetadata(ctx)
		must(t, err)
		others := slices.DeleteFunc([]int32{1, 2, 3}, func(id int32) bool { return id == brokers.Controller })
		deposed, next := others[0], others[1]
		create := kmsg.NewPtrCreateTopicsRequest()
		create.TimeoutMillis = 10_000
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "t", -1, -1
		topic.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Replicas: []int32{deposed, next, brokers.Controller}}}
		create.Topics = append(create.Topics, topic)
		created, err := create.RequestWith(ctx, c)
		must(t, err)
		must(t, kerr.ErrorForCode(created.Topics[0].ErrorCode))
		s.isr(c, "t", 0, 3)

		send := func(to, sequence int32) error {
			return sendTo(t, c, int(to), "t", record.Builder{ProducerID: 77, BaseSequence: sequence}, []byte("v"))
		}
		for send(deposed, 0) != nil { // it hears of its part a moment after the topic is there
			s.wait(100 * time.Millisecond)
		}
		s.net.CutBoth(hostOf(int(brokers.Controller)), hostOf(int(deposed)))
		s.move(c, "t", map[int32][]int32{0: {next, brokers.Controller}})
		for send(next, 1) != nil {
			s.wait(100 * time.Millisecond)
		}
		if err := send(deposed, 2); err != kerr.NotLeaderForPartition {
			t.Errorf("a producer's next batch, at the one that was deposed: %v", err)
		}
		fetch := kmsg.NewPtrFetchRequest()
		fetch.MaxBytes, fetch.SessionEpoch = 1<<20, -1
		part := kmsg.NewFetchRequestTopicPartition()
		part.FetchOffset, part.PartitionMaxBytes = 2, 1<<20
		fetch.Topics = []kmsg.FetchRequestTopic{{Topic: "t", Partitions: []kmsg.FetchRequestTopicPartition{part}}}
		fetched, err := c.Broker(int(deposed)).Request(ctx, fetch)
		must(t, err)
		if code := fetched.(*kmsg.FetchResponse).Topics[0].Partitions[0].ErrorCode; code != kerr.NotLeaderForPartition.Code {
			t.Errorf("a consumer that has read on: %v", kerr.ErrorForCode(code))
		}
		s.net.HealAll()
		must(t, send(next, 2))
	})
}
