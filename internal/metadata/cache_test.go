package metadata

import (
	"reflect"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func state(topic string, id byte, partitions ...kmsg.UpdateMetadataRequestTopicPartition) kmsg.UpdateMetadataRequestTopicState {
	return kmsg.UpdateMetadataRequestTopicState{Topic: topic, TopicID: TopicID{id}, PartitionStates: partitions}
}

func partition(number, leader, epoch int32) kmsg.UpdateMetadataRequestTopicPartition {
	return kmsg.UpdateMetadataRequestTopicPartition{
		Partition: number, Leader: leader, LeaderEpoch: epoch, Replicas: []int32{1}, ISR: []int32{1}, ZKVersion: epoch,
	}
}

func update(topics ...kmsg.UpdateMetadataRequestTopicState) *kmsg.UpdateMetadataRequest {
	return &kmsg.UpdateMetadataRequest{
		Version: 8, ControllerID: 1, ControllerEpoch: 3, TopicStates: topics,
		LiveBrokers: []kmsg.UpdateMetadataRequestLiveBroker{{ID: 1, Endpoints: []kmsg.UpdateMetadataRequestLiveBrokerEndpoint{
			{Host: "h", Port: 9092, ListenerName: "PLAINTEXT"}}}},
	}
}

func TestUpdateChangesOnlyListedPartitions(t *testing.T) {
	c := NewCache("cluster")
	changed := c.Changed()
	c.Update(update(state("a", 1, partition(0, 1, 0), partition(1, 1, 0)), state("b", 2, partition(0, 1, 0))))
	select {
	case <-changed:
	default:
		t.Fatal("the update was not signalled")
	}
	before := c.Image()
	c.Update(update(state("a", 1, partition(1, -1, 5))))
	if got := before.Topics["a"].Partitions[1].LeaderEpoch; got != 0 {
		t.Fatalf("an image that was read changed: epoch %d", got)
	}
	now := c.Image()
	if p := now.Partition("a", 0); p == nil || p.Leader != 1 || p.LeaderEpoch != 0 {
		t.Errorf("a-0 changed: %+v", p)
	}
	if p := now.Partition("a", 1); p == nil || p.Leader != -1 || p.LeaderEpoch != 5 || p.PartitionEpoch != 5 {
		t.Errorf("a-1 did not change: %+v", p)
	}
	if now.Topics["b"] != before.Topics["b"] {
		t.Error("b changed")
	}
	if now.HasLeaders("a", 2) || !now.HasLeaders("b", 1) || now.HasLeaders("b", 2) || now.HasLeaders("c", 0) {
		t.Error("HasLeaders is wrong")
	}
	if e := now.Brokers[1].Endpoints["PLAINTEXT"]; e != (Endpoint{Host: "h", Port: 9092}) {
		t.Errorf("endpoint %+v", e)
	}
}

func TestUpdateRemovesAndReplaces(t *testing.T) {
	c := NewCache("cluster")
	c.Update(update(state("a", 1, partition(0, 1, 0), partition(1, 1, 0))))
	c.Update(update(state("a", 9, partition(0, 1, 7))))
	if n := len(c.Image().Topics["a"].Partitions); n != 1 || c.Image().ByID[TopicID{1}] != nil || c.Image().ByID[TopicID{9}] == nil {
		t.Errorf("a topic made again kept %d partitions or its old id", n)
	}
	removed := c.Update(update(state("a", 9, partition(0, -2, 7))))
	if !reflect.DeepEqual(removed, []string{"a-0"}) {
		t.Errorf("removed %v", removed)
	}
	if len(c.Image().Topics) != 0 || len(c.Image().ByID) != 0 {
		t.Error("the deleted topic is still there")
	}
}

func TestUpdateToleratesGapsAndOldVersions(t *testing.T) {
	c := NewCache("cluster")
	c.Update(update(state("a", 1, partition(2, 1, 0))))
	if i := c.Image(); i.Partition("a", 0) != nil || i.Partition("a", 2) == nil || i.HasLeaders("a", 3) {
		t.Error("a partition not told of counts as known")
	}
	old := &kmsg.UpdateMetadataRequest{Version: 4, PartitionStates: []kmsg.UpdateMetadataRequestTopicPartition{partition(0, 1, 0)}}
	old.PartitionStates[0].Topic = "b"
	c.Update(old)
	if c.Image().Partition("b", 0) == nil {
		t.Error("partitions of version 4 are not read")
	}
}

// TestFullUpdate: what a request does not list is gone when it says that it lists everything.
func TestFullUpdate(t *testing.T) {
	c := NewCache("cluster")
	c.Update(update(state("a", 1, partition(0, 1, 0)), state("b", 2, partition(0, 1, 0), partition(1, 1, 0))))
	full := update(state("a", 1, partition(0, 1, 1)))
	SetFull(full)
	raw := full.AppendTo(nil)
	received := &kmsg.UpdateMetadataRequest{Version: 8}
	if err := received.ReadFrom(raw); err != nil {
		t.Fatal(err)
	}
	removed := c.Update(received)
	if !reflect.DeepEqual(removed, []string{"b-0", "b-1"}) {
		t.Errorf("removed %v", removed)
	}
	now := c.Image()
	if len(now.Topics) != 1 || len(now.ByID) != 1 || now.Partition("a", 0).LeaderEpoch != 1 {
		t.Errorf("topics %v, ids %v", now.Topics, now.ByID)
	}
	none := update()
	SetFull(none)
	if c.Update(none); len(c.Image().Topics) != 0 {
		t.Errorf("topics %v", c.Image().Topics)
	}
}

// TestGoneSince: a topic is gone when it is not there or another has its name; not when its id is told for the first time, or by an older
// controller, not.
func TestGoneSince(t *testing.T) {
	c := NewCache("cluster")
	for _, step := range []struct {
		what string
		id   byte
		gone []string
	}{
		{"made", 0, nil}, {"given an id", 1, nil}, {"told without it", 0, nil}, {"told with it", 1, nil}, {"made again", 2, []string{"a"}},
	} {
		before := c.Image()
		c.Update(update(state("a", step.id, partition(0, 1, 0))))
		if gone := c.Image().GoneSince(before); !reflect.DeepEqual(gone, step.gone) {
			t.Errorf("%s: gone are %v, not %v", step.what, gone, step.gone)
		}
	}
	before := c.Image()
	c.Update(update(state("a", 2, partition(0, -2, 1))))
	if gone := c.Image().GoneSince(before); !reflect.DeepEqual(gone, []string{"a"}) {
		t.Errorf("deleted: gone are %v", gone)
	}
}
