package controller

import (
	"slices"

	"milena/internal/clusterstore"
	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// alterPartition is a leader's wish to change ISRs. done is called once.
type alterPartition struct {
	req  *kmsg.AlterPartitionRequest
	done func(*kmsg.AlterPartitionResponse)
}

func (e alterPartition) refuse(code int16) {
	resp := e.req.ResponseKind().(*kmsg.AlterPartitionResponse)
	resp.ErrorCode = code
	e.done(resp)
}

// handle checks each partition's wish against what is known, writes the accepted ones, and answers with the states in force.
func (e alterPartition) handle(r *reign) error {
	broker := r.state.live[e.req.BrokerID]
	if broker == nil || broker.Epoch != e.req.BrokerEpoch {
		e.refuse(kerr.StaleBrokerEpoch.Code)
		return nil
	}
	codes := map[PartitionID]int16{}
	r.told = map[PartitionID]int{}
	defer func() { r.told = nil }()
	wishes := map[PartitionID]*clusterstore.PartitionState{}
	for i := range e.req.Topics {
		t := r.topicOf(e.req.Topics[i].Topic, e.req.Topics[i].TopicID)
		for j := range e.req.Topics[i].Partitions {
			wish := &e.req.Topics[i].Partitions[j]
			if t == nil {
				continue
			}
			id := PartitionID{Topic: t.name, Partition: wish.Partition}
			next, code := r.wished(e.req, id, wish)
			if codes[id] = code; next != nil {
				wishes[id] = next
				if count, ok := metadata.MinInsync(&wish.UnknownTags); ok {
					r.told[id] = count
				}
			}
		}
	}
	refused, err := r.write(wishes)
	if err != nil {
		// It may have been written: the leader asks the next controller.
		e.refuse(kerr.NotController.Code)
		return err
	}
	for id := range wishes {
		if refused[id] {
			codes[id] = kerr.InvalidUpdateVersion.Code
			continue
		}
		r.batch.metadata(r.state.partition(id))
	}
	e.done(r.alterReply(e.req, codes))
	return r.completeReady(sortedIDs(wishes))
}

// wished gives the state that a wish leads to, nil where it is in force already, or the code that refuses it.
func (r *reign) wished(
	req *kmsg.AlterPartitionRequest, id PartitionID, wish *kmsg.AlterPartitionRequestTopicPartition,
) (*clusterstore.PartitionState, int16) {
	p := r.state.partition(id)
	if p == nil || p.state == nil {
		return nil, kerr.UnknownTopicOrPartition.Code
	}
	isr := newISR(req, wish)
	switch {
	case wish.LeaderEpoch > p.state.LeaderEpoch || wish.PartitionEpoch > p.state.Version:
		return nil, kerr.NotController.Code // this controller is behind
	case wish.LeaderEpoch < p.state.LeaderEpoch:
		return nil, kerr.FencedLeaderEpoch.Code
	case p.state.Leader != req.BrokerID:
		return nil, kerr.InvalidRequest.Code
	case wish.PartitionEpoch < p.state.Version && !sameMembers(isr, p.state.ISR):
		return nil, kerr.InvalidUpdateVersion.Code
	case wish.PartitionEpoch < p.state.Version:
		// The reply to this very wish was lost, or another way led to what it wants: it is told what is in force.
		return nil, 0
	case len(isr) == 0 || !slices.Contains(isr, p.state.Leader):
		return nil, kerr.InvalidRequest.Code
	case wish.LeaderRecoveryState == 1 && len(isr) > 1, wish.LeaderRecoveryState == 1 && !p.state.Recovering:
		return nil, kerr.InvalidRequest.Code
	}
	for _, member := range isr {
		if !slices.Contains(p.assignment.Replicas, member) {
			return nil, kerr.InvalidRequest.Code
		}
		joins := !slices.Contains(p.state.ISR, member)
		if joins && (!r.state.online(id, member) || r.state.shuttingDown[member] || r.staleReplica(wish, member)) {
			return nil, kerr.IneligibleReplica.Code
		}
	}
	next := *p.state
	next.ISR, next.Recovering, next.ControllerEpoch = isr, wish.LeaderRecoveryState == 1, r.epoch.Number
	return &next, 0
}

func sameMembers(a, b []int32) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// newISR is the ISR of a wish, whatever the request's version.
func newISR(req *kmsg.AlterPartitionRequest, wish *kmsg.AlterPartitionRequestTopicPartition) []int32 {
	if req.Version < 3 {
		return wish.NewISR
	}
	var isr []int32
	for _, member := range wish.NewEpochISR {
		isr = append(isr, member.BrokerID)
	}
	return isr
}

// staleReplica tells a replica named with the epoch of an earlier life of its broker (KIP-903).
func (r *reign) staleReplica(wish *kmsg.AlterPartitionRequestTopicPartition, broker int32) bool {
	for _, member := range wish.NewEpochISR {
		if member.BrokerID == broker && member.BrokerEpoch >= 0 {
			live := r.state.live[broker]
			return live != nil && live.Epoch != member.BrokerEpoch
		}
	}
	return false
}

func (r *reign) alterReply(req *kmsg.AlterPartitionRequest, codes map[PartitionID]int16) *kmsg.AlterPartitionResponse {
	resp := req.ResponseKind().(*kmsg.AlterPartitionResponse)
	for i := range req.Topics {
		asked := &req.Topics[i]
		t := r.topicOf(asked.Topic, asked.TopicID)
		topic := kmsg.AlterPartitionResponseTopic{Topic: asked.Topic, TopidID: asked.TopicID}
		for j := range asked.Partitions {
			answer := kmsg.NewAlterPartitionResponseTopicPartition()
			answer.Partition = asked.Partitions[j].Partition
			switch {
			case t == nil && req.Version >= 2:
				answer.ErrorCode = kerr.UnknownTopicID.Code
			case t == nil:
				answer.ErrorCode = kerr.UnknownTopicOrPartition.Code
			default:
				id := PartitionID{Topic: t.name, Partition: answer.Partition}
				if answer.ErrorCode = codes[id]; answer.ErrorCode == 0 {
					state := r.state.partition(id).state
					answer.LeaderID, answer.LeaderEpoch, answer.ISR, answer.PartitionEpoch = state.Leader, state.LeaderEpoch, state.ISR, state.Version
					if state.Recovering {
						answer.LeaderRecoveryState = 1
					}
					metadata.SetELR(&answer.UnknownTags, state.ELR, state.LastKnownELR)
				}
			}
			topic.Partitions = append(topic.Partitions, answer)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}
