package controller

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// event is something that the reign reacts to. An error ends the reign.
type event interface{ handle(r *reign) error }

// What the watches tell: that something changed, to be read again.
type (
	brokersChanged    struct{}
	topicsChanged     struct{}
	deletionsChanged  struct{}
	isrsChanged       struct{} // Kafka brokers older than AlterPartition
	logDirsFailed     struct{}
	preferredWanted   struct{}
	movesWanted       struct{} // by a tool, in the store
	leadersUnbalanced struct{} // time to move leaders back
)

// What brokers reply.
type (
	leaderAndISRReply struct {
		broker      int32
		brokerEpoch int64
		req         *kmsg.LeaderAndISRRequest
		resp        *kmsg.LeaderAndISRResponse
	}
	stopReplicaReply struct {
		broker      int32
		brokerEpoch int64
		req         *kmsg.StopReplicaRequest
		resp        *kmsg.StopReplicaResponse
	}
)

func (deletionsChanged) handle(r *reign) error {
	requested, err := r.store.TopicDeletions(r.ctx)
	if err != nil {
		return err
	}
	// A topic made and deleted at once may not be known yet.
	if err := (topicsChanged{}).handle(r); err != nil {
		return err
	}
	if _, err := r.acceptDeletions(requested); err != nil {
		return err
	}
	return r.advanceDeletions()
}

func (isrsChanged) handle(r *reign) error {
	ids, err := r.store.ISRChanges(r.ctx, r.epoch)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if p := r.state.partition(id); p != nil && p.state != nil {
			if err := r.refresh(p); err != nil {
				return err
			}
			r.batch.metadata(p)
		}
	}
	return r.completeReady(ids)
}

// handle of logDirsFailed: the broker is told its partitions again, and its reply names the replicas that are offline. What it could not delete
// it is asked to delete again: its disk may be mended.
func (logDirsFailed) handle(r *reign) error {
	brokers, err := r.store.LogDirFailures(r.ctx, r.epoch)
	if err != nil {
		return err
	}
	failed := map[int32]bool{}
	for _, broker := range brokers {
		failed[broker] = r.state.live[broker] != nil
	}
	deleting := false
	for _, id := range r.state.replicasOn(failed) {
		p := r.state.partition(id.PartitionID)
		switch {
		case r.state.topics[id.Topic].deletion != notDeleted:
			deleting = deleting || p.replicas[id.Broker] == replicaDeletionIneligible
		case p.state != nil:
			r.batch.leaderAndISR([]int32{id.Broker}, id.PartitionID, false)
		}
	}
	if !deleting {
		return nil
	}
	return r.advanceDeletions()
}

// handle of leaderAndISRReply passes over what it says of replicas that are being deleted: the request to delete them went out after this one, and
// its reply tells what became of them.
func (e leaderAndISRReply) handle(r *reign) error {
	live := r.state.live[e.broker]
	if live == nil || live.Epoch != e.brokerEpoch {
		return nil
	}
	if e.resp.ErrorCode != 0 {
		r.log.Error("controller: broker refused LeaderAndIsr", "broker", e.broker, "error", kerr.ErrorForCode(e.resp.ErrorCode))
		return nil
	}
	names := map[[16]byte]string{}
	for _, t := range e.req.TopicStates {
		names[t.TopicID] = t.Topic
	}
	var offline, back []replicaID
	for _, t := range e.resp.Topics {
		for _, p := range t.Partitions {
			id := replicaID{PartitionID{Topic: names[t.TopicID], Partition: p.Partition}, e.broker}
			switch topic, known := r.state.topics[id.Topic], r.state.partition(id.PartitionID); {
			case known == nil || topic.deletion != notDeleted:
			case !slices.Contains(known.assignment.Replicas, id.Broker): // moved away since
			case p.ErrorCode == kerr.KafkaStorageError.Code:
				if !r.state.offlineDirs[id] {
					offline = append(offline, id)
				}
			case (p.ErrorCode == 0 || p.ErrorCode == kerr.StaleControllerEpoch.Code) && r.state.offlineDirs[id]:
				// Old news to the broker may be what it has done, and its reply was lost.
				delete(r.state.offlineDirs, id)
				back = append(back, id)
			}
		}
	}
	if len(back) > 0 {
		r.log.Info("controller: replicas are back", "broker", e.broker, "replicas", len(back))
		r.replicasOnline(back)
		if err := r.electWhereNeeded(); err != nil {
			return err
		}
	}
	if len(offline) == 0 {
		return nil
	}
	for _, id := range offline {
		r.state.offlineDirs[id] = true
	}
	r.log.Warn("controller: replicas are offline, their log directory failed", "broker", e.broker, "replicas", len(offline))
	return r.replicasGone(offline)
}

func (e stopReplicaReply) handle(r *reign) error {
	live := r.state.live[e.broker]
	if live == nil || live.Epoch != e.brokerEpoch {
		return nil
	}
	codes := map[PartitionID]int16{}
	for _, p := range e.resp.Partitions {
		codes[PartitionID{Topic: p.Topic, Partition: p.Partition}] = p.ErrorCode
	}
	var deleted, failed []replicaID
	for _, t := range e.req.Topics {
		for _, p := range t.PartitionStates {
			if !p.Delete {
				continue
			}
			id := replicaID{PartitionID{Topic: t.Topic, Partition: p.Partition}, e.broker}
			code, answered := codes[id.PartitionID]
			if e.resp.ErrorCode == 0 && answered && (code == 0 || code == kerr.UnknownTopicOrPartition.Code) {
				deleted = append(deleted, id)
			} else {
				failed = append(failed, id)
			}
		}
	}
	if len(deleted)+len(failed) == 0 {
		return nil
	}
	return r.replicaDeleted(deleted, failed)
}

// topicOf finds a topic by id, or by name where the id is zero.
func (r *reign) topicOf(name string, id [16]byte) *topic {
	if id == ([16]byte{}) {
		return r.state.topics[name]
	}
	return r.state.topicIDs[id]
}
