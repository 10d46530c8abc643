package controller

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/clusterstore"
	"milena/internal/coord"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestToolsNodes: what Kafka 2.4's tools write is understood; what nobody understands is removed, and ends no reign.
func TestToolsNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		b1, b2 := c.start(1), c.start(2)
		b1.createTopic("a", []int32{1})
		synctest.Wait()
		write := func(path, body string) {
			t.Helper()
			if _, err := b2.client.Create(ctx, coord.Create{Path: path, Data: []byte(body)}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		for _, path := range []string{clusterstore.ReassignPath, clusterstore.PreferredElectionPath} {
			write(path, `{"version":1,"partitions":[{"topic":"a","partition":"none"`)
			if _, err := b2.client.Get(ctx, path); !errors.Is(err, coord.ErrNoNode) {
				t.Errorf("%s is left: %v", path, err)
			}
		}
		write(clusterstore.ReassignPath, `{"version":1,"partitions":[{"topic":"a","partition":0,"replicas":[2,1]}]}`)
		topic, err := b2.store.Topic(ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		want := clusterstore.Assignment{Replicas: []int32{2, 1}, Adding: []int32{2}}
		if !topic.Partitions[0].Equal(want) {
			t.Errorf("%+v, want %+v", topic.Partitions[0], want)
		}
		if epoch, active := b1.controller.Active(); !active || epoch != 1 {
			t.Errorf("the controller resigned: active %v, epoch %d", active, epoch)
		}
		b1.stop()
		b2.stop()
	})
}

// TestGrowthDuringReassignment: partitions that another broker adds in the same moment are not lost, and are served.
func TestGrowthDuringReassignment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		b1, b2 := c.start(1), c.start(2)
		b1.createTopic("a", []int32{1})
		synctest.Wait()
		topic, err := b2.store.Topic(ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		topic.Partitions = append(topic.Partitions, clusterstore.Assignment{Replicas: []int32{2}})
		// The controller's watch of growth waits for further changes; the reassignment comes before it looks.
		if err := b2.store.GrowTopic(ctx, topic); err != nil {
			t.Fatal(err)
		}
		if err := b2.store.RequestReassignment(ctx, map[PartitionID][]int32{{Topic: "a"}: {2}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if topic, err = b2.store.Topic(ctx, "a"); err != nil || len(topic.Partitions) != 2 || !slices.Equal(topic.Partitions[0].Adding, []int32{2}) {
			t.Errorf("%+v, %v", topic, err)
		}
		if p := b2.leaders[PartitionID{Topic: "a", Partition: 1}]; p.Leader != 2 {
			t.Errorf("the new partition: %+v", p)
		}
		b1.stop()
		b2.stop()
	})
}

// TestStraysLeave: a controller that wrote a topic's node, with fewer replicas, and was gone before it did the rest left members in the ISR that are
// no replicas. The next one takes them out and has their logs deleted, unless they alone are in sync: they are replicas again.
func TestStraysLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		b1, b2, b3 := c.start(1), c.start(2), c.start(3)
		b1.createTopic("a", []int32{2, 3}, []int32{3})
		synctest.Wait()
		topic, err := b2.store.Topic(ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		topic.Partitions = []clusterstore.Assignment{{Replicas: []int32{2}}, {Replicas: []int32{2}}}
		if err := b2.store.GrowTopic(ctx, topic); err != nil {
			t.Fatal(err)
		}
		b1.stop()
		synctest.Wait()
		for number, want := range [][]int32{{2}, {3}} {
			state, err := b2.store.PartitionState(ctx, PartitionID{Topic: "a", Partition: int32(number)})
			if err != nil || !slices.Equal(state.ISR, want) {
				t.Errorf("partition %d: %+v, %v, want an ISR of %v", number, state, err, want)
			}
		}
		if p := b2.leaders[PartitionID{Topic: "a"}]; p.LeaderEpoch == 0 || !slices.Equal(p.Replicas, []int32{2}) {
			t.Errorf("the leader was told %+v", p)
		}
		if want := []PartitionID{{Topic: "a"}}; !slices.Equal(b3.deleted, want) {
			t.Errorf("%v deleted, want %v", b3.deleted, want)
		}
		b2.stop()
		b3.stop()
	})
}

// TestUnwantedGoFirst: what a reassignment was adding leaves before the topic's node says so. A controller that comes to its end between the two
// leaves nobody in an ISR whom the next one would not know.
func TestUnwantedGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		b1, b2, b3 := c.start(1), c.start(2), c.start(3)
		b1.createTopic("a", []int32{2, 1})
		synctest.Wait()
		id := PartitionID{Topic: "a"}
		if err := b2.store.RequestReassignment(ctx, map[PartitionID][]int32{id: {2, 3}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		req := kmsg.NewPtrAlterPartitionAssignmentsRequest()
		req.Topics = []kmsg.AlterPartitionAssignmentsRequestTopic{{Topic: "a", Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{{}}}}
		b1.controller.AlterReassignments(req, func(*kmsg.AlterPartitionAssignmentsResponse) {})
		synctest.Wait()
		state, err := b2.store.PartitionState(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		node, err := b2.client.Get(ctx, clusterstore.TopicPath("a"))
		if err != nil {
			t.Fatal(err)
		}
		if state.ModID >= node.Stat.ModID {
			t.Errorf("the state was written at %d, the topic's node before, at %d", state.ModID, node.Stat.ModID)
		}
		b1.stop()
		b2.stop()
		b3.stop()
	})
}

// TestStraysComeBack: where no replica that is in sync lives, or came back with all it had, those in the ISR that are no replicas any more are
// replicas until one is: nothing that only they have is deleted.
func TestStraysComeBack(t *testing.T) {
	for _, unclean := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t)
			b1, b2, b3 := c.start(1), c.start(2), c.start(3)
			b1.createTopic("a", []int32{2, 3})
			synctest.Wait()
			id := PartitionID{Topic: "a"}
			topic, err := b3.store.Topic(ctx, "a")
			if err != nil {
				t.Fatal(err)
			}
			topic.Partitions = []clusterstore.Assignment{{Replicas: []int32{2}}}
			if err := b3.store.GrowTopic(ctx, topic); err != nil {
				t.Fatal(err)
			}
			b1.kill()
			b2.stop()
			start := func() { b2 = c.startAs(clusterstore.Broker{ID: 2, Unclean: unclean}) }
			if unclean {
				start()
			}
			pass(10 * time.Second)
			if !unclean {
				start()
			}
			state, err := b3.store.PartitionState(ctx, id)
			if err != nil || state.Leader != 3 || !slices.Equal(state.ISR, []int32{3}) || b3.leaders[id].LeaderEpoch != state.LeaderEpoch {
				t.Fatalf("unclean %v: %+v, %v; broker 3 was told %+v", unclean, state, err, b3.leaders[id])
			}
			if topic, err = b3.store.Topic(ctx, "a"); err != nil ||
				!topic.Partitions[0].Equal(clusterstore.Assignment{Replicas: []int32{2, 3}, Removing: []int32{3}}) {
				t.Errorf("%+v, %v", topic, err)
			}
			if len(b3.deleted) > 0 {
				t.Errorf("%v deleted", b3.deleted)
			}
			(&script{c}).join(t, 2, id)
			if topic, err = b3.store.Topic(ctx, "a"); err != nil || !topic.Partitions[0].Equal(clusterstore.Assignment{Replicas: []int32{2}}) {
				t.Errorf("once it has caught up: %+v, %v", topic, err)
			}
			if want := []PartitionID{id}; !slices.Equal(b3.deleted, want) {
				t.Errorf("%v deleted, want %v", b3.deleted, want)
			}
			b2.stop()
			b3.stop()
		})
	}
}

// TestLateReply: a broker answers what it was told of a replica when that has been moved away.
func TestLateReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		b1, b2, b3 := c.start(1), c.start(2), c.start(3)
		b1.createTopic("a", []int32{2, 3})
		synctest.Wait()
		topic, err := b1.store.Topic(ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		id := PartitionID{Topic: "a"}
		if err := b2.store.RequestReassignment(ctx, map[PartitionID][]int32{id: {2}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		req, resp := kmsg.NewPtrLeaderAndISRRequest(), kmsg.NewPtrLeaderAndISRResponse()
		req.TopicStates = []kmsg.LeaderAndISRRequestTopicState{{Topic: "a", TopicID: topic.ID}}
		resp.Topics = []kmsg.LeaderAndISRResponseTopic{{
			TopicID: topic.ID, Partitions: []kmsg.LeaderAndISRResponseTopicPartition{{ErrorCode: kerr.KafkaStorageError.Code}},
		}}
		b1.controller.postNow(leaderAndISRReply{broker: 3, brokerEpoch: b3.membership.Epoch(), req: req, resp: resp})
		synctest.Wait()
		if strings.Contains(c.log.String(), "directory failed") {
			t.Errorf("broker 3 has no replica:\n%s", c.log)
		}
		for _, b := range []*fakeBroker{b1, b2, b3} {
			b.stop()
		}
	})
}
