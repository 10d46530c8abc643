package sim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"milena/internal/clusterstore"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// observe looks at the store and at the leaders' high watermarks until ctx ends: nothing there goes back.
func (w *world) observe(ctx context.Context) (shown map[int32]int64) {
	o := newObserver(w)
	o.client = w.client(kgo.RequestRetries(0))
	defer o.client.Close()
	for ctx.Err() == nil {
		time.Sleep(97 * time.Millisecond)
		o.lookAtStore(ctx)
		for p := range int32(partitions) {
			if st := o.data[p]; st != nil && st.Leader >= 0 {
				o.lookAtLeader(ctx, p, st)
			}
		}
	}
	return o.shown
}

type observer struct {
	*world
	states  map[partitionOf]*clusterstore.PartitionState
	data    [partitions]*clusterstore.PartitionState // those of the topic of data
	leaders map[termOf]int32
	marks   map[string]int64 // by partition and epoch
	shown   map[int32]int64  // the highest high watermark
	client  *kgo.Client
	epoch   int32
}

// partitionOf is a partition of a topic that lives once.
type partitionOf struct {
	topic     [16]byte
	partition int32
}

// termOf is what one leader has.
type termOf struct {
	partitionOf
	epoch int32
}

func newObserver(w *world) *observer {
	return &observer{
		world: w, states: map[partitionOf]*clusterstore.PartitionState{}, leaders: map[termOf]int32{},
		marks: map[string]int64{}, shown: map[int32]int64{},
	}
}

func (o *observer) lookAtStore(ctx context.Context) {
	if e, err := o.look.ControllerEpoch(ctx); err == nil {
		if e.Number < o.epoch {
			o.violation("the controller epoch went from %d back to %d", o.epoch, e.Number)
		}
		o.epoch = e.Number
	}
	topics, err := o.look.Topics(ctx)
	if err != nil {
		return
	}
	states, err := o.look.PartitionStates(ctx, topics)
	if err != nil {
		return
	}
	again, err := o.look.Topics(ctx)
	if err != nil {
		return
	}
	for _, t := range topics {
		if !slices.ContainsFunc(again, func(now *clusterstore.Topic) bool { return now.ID == t.ID }) {
			continue // deleted, and made anew perhaps, while it was looked at
		}
		for i := range t.Partitions {
			id := partitionID(t.Name, i)
			if st := states[id]; st != nil {
				o.judge(t.ID, id, st)
			}
		}
	}
}

// judge holds a partition's state against those seen before. A topic that is made anew under its name is another one; its node is there before
// its states are.
func (o *observer) judge(topic [16]byte, id clusterstore.PartitionID, st *clusterstore.PartitionState) {
	one := partitionOf{topic, id.Partition}
	last := o.states[one]
	if last != nil && (st.LeaderEpoch < last.LeaderEpoch || st.Version < last.Version) {
		o.violation("%s: the state went from %+v back to %+v", id, *last, *st)
	}
	if last == nil || st.Version != last.Version {
		o.say("%s: leader %d, epoch %d, ISR %v, version %d", id, st.Leader, st.LeaderEpoch, st.ISR, st.Version)
	}
	o.states[one] = st
	if id.Topic == topicName {
		o.data[id.Partition] = st
	}
	if st.Leader < 0 {
		return
	}
	term := termOf{one, st.LeaderEpoch}
	if leader, ok := o.leaders[term]; ok && leader != st.Leader {
		o.violation("%s: epoch %d had two leaders, %d and %d", id, st.LeaderEpoch, leader, st.Leader)
	}
	o.leaders[term] = st.Leader
}

// lookAtLeader asks a leader for the high watermark, in its epoch.
func (o *observer) lookAtLeader(ctx context.Context, partition int32, st *clusterstore.PartitionState) {
	ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	one := kmsg.NewListOffsetsRequestTopicPartition()
	one.Partition, one.CurrentLeaderEpoch, one.Timestamp = partition, st.LeaderEpoch, -1
	req.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: topicName, Partitions: []kmsg.ListOffsetsRequestTopicPartition{one}}}
	resp, err := o.client.Broker(int(st.Leader)).Request(ctx, req)
	if err != nil {
		return
	}
	answer := resp.(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0]
	if answer.ErrorCode != 0 {
		return
	}
	key := fmt.Sprint(partition, " ", st.LeaderEpoch)
	if answer.Offset < o.marks[key] {
		o.violation("partition %d: the high watermark of epoch %d went from %d back to %d", partition, st.LeaderEpoch, o.marks[key], answer.Offset)
	}
	o.marks[key] = answer.Offset
	o.shown[partition] = max(o.shown[partition], answer.Offset)
}
