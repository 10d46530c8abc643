package controller

import (
	"maps"
	"slices"

	"milena/internal/clusterstore"
	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Versions of the requests to brokers: those of Kafka 3.9 over ZooKeeper, but for StopReplica, whose v4 has nothing more for brokers without
// KRaft and kmsg writes its fields in another order.
const (
	leaderAndISRVersion   = 7
	updateMetadataVersion = 8
	stopReplicaVersion    = 3
)

// Leader and leader epoch that tell of a topic under deletion, and the epoch where none is known.
const (
	leaderDuringDelete = -2
	epochDuringDelete  = -2
	noLeaderEpoch      = -1
)

// batch gathers, while an event is handled, what the brokers are to be told: one request of a kind for each broker.
type batch struct {
	leaders map[int32]map[PartitionID]bool // broker → partition → is new
	stops   map[int32]map[PartitionID]bool // broker → partition → delete
	update  bool                           // all live brokers are told of each other, and of the partitions in updated
	updated map[PartitionID]bool
	full    map[int32]bool // brokers that are told of all partitions there are
}

func entry[V any](m *map[int32]map[PartitionID]V, broker int32) map[PartitionID]V {
	if *m == nil {
		*m = map[int32]map[PartitionID]V{}
	}
	if (*m)[broker] == nil {
		(*m)[broker] = map[PartitionID]V{}
	}
	return (*m)[broker]
}

// leaderAndISR tells brokers that host a partition of its leader.
func (b *batch) leaderAndISR(brokers []int32, id PartitionID, isNew bool) {
	for _, broker := range brokers {
		e := entry(&b.leaders, broker)
		e[id] = isNew || e[id]
	}
}

// metadata tells all live brokers of a partition, or with nil of the live brokers alone.
func (b *batch) metadata(p *partition) {
	b.update = true
	if p == nil {
		return
	}
	if b.updated == nil {
		b.updated = map[PartitionID]bool{}
	}
	b.updated[p.id] = true
}

// everything tells brokers of all partitions, and that there are no others.
func (b *batch) everything(brokers []int32) {
	if b.full == nil {
		b.full = map[int32]bool{}
	}
	for _, broker := range brokers {
		b.full[broker] = true
	}
}

// stopReplica tells a broker to stop a replica, and to delete it.
func (b *batch) stopReplica(id replicaID, remove bool) {
	e := entry(&b.stops, id.Broker)
	e[id.PartitionID] = remove || e[id.PartitionID]
}

// send hands the requests to the queues of the live brokers and empties the batch.
func (b *batch) send(r *reign) {
	for _, broker := range slices.Sorted(maps.Keys(b.leaders)) {
		if live := r.state.live[broker]; live != nil {
			b.sendLeaderAndISR(r, live)
		}
	}
	b.sendUpdateMetadata(r)
	for _, broker := range slices.Sorted(maps.Keys(b.stops)) {
		if live := r.state.live[broker]; live != nil {
			b.sendStopReplica(r, live)
		}
	}
	*b = batch{}
}

func sortedIDs[V any](m map[PartitionID]V) []PartitionID {
	return slices.SortedFunc(maps.Keys(m), PartitionID.Compare)
}

func (b *batch) sendLeaderAndISR(r *reign, to *clusterstore.Broker) {
	req := &kmsg.LeaderAndISRRequest{
		Version: leaderAndISRVersion, ControllerID: r.cfg.BrokerID, ControllerEpoch: r.epoch.Number, BrokerEpoch: to.Epoch,
	}
	leaders := map[int32]bool{}
	partitions := b.leaders[to.ID]
	for _, id := range sortedIDs(partitions) {
		p := r.state.partition(id)
		if p == nil || p.state == nil {
			continue
		}
		if n := len(req.TopicStates); n == 0 || req.TopicStates[n-1].Topic != id.Topic {
			req.TopicStates = append(req.TopicStates, kmsg.LeaderAndISRRequestTopicState{
				Topic: id.Topic, TopicID: r.state.topics[id.Topic].id,
			})
		}
		topic := &req.TopicStates[len(req.TopicStates)-1]
		topic.PartitionStates = append(topic.PartitionStates, leaderState(p, partitions[id]))
		leaders[p.state.Leader] = true
	}
	if len(req.TopicStates) == 0 {
		return
	}
	for _, leader := range slices.Sorted(maps.Keys(leaders)) {
		if broker := r.state.live[leader]; broker != nil {
			endpoint, _ := broker.EndpointForBrokers(r.cfg.InterBrokerListener)
			req.LiveLeaders = append(req.LiveLeaders, kmsg.LeaderAndISRRequestLiveLeader{
				BrokerID: leader, Host: endpoint.Host, Port: int32(endpoint.Port),
			})
		}
	}
	r.out.send(to.ID, req, func(resp kmsg.Response) {
		r.post(leaderAndISRReply{broker: to.ID, brokerEpoch: to.Epoch, req: req, resp: resp.(*kmsg.LeaderAndISRResponse)})
	})
}

func leaderState(p *partition, isNew bool) kmsg.LeaderAndISRRequestTopicPartition {
	state := kmsg.LeaderAndISRRequestTopicPartition{
		Partition: p.id.Partition, ControllerEpoch: p.state.ControllerEpoch, Leader: p.state.Leader, LeaderEpoch: p.state.LeaderEpoch,
		ISR: p.state.ISR, ZKVersion: p.state.Version, Replicas: p.assignment.Replicas, AddingReplicas: p.assignment.Adding,
		RemovingReplicas: p.assignment.Removing, IsNew: isNew,
	}
	if p.state.Recovering {
		state.LeaderRecoveryState = 1
	}
	metadata.SetELR(&state.UnknownTags, p.state.ELR, p.state.LastKnownELR)
	return state
}

// sendUpdateMetadata makes what is to be told once for all brokers: of a large cluster it is large.
func (b *batch) sendUpdateMetadata(r *reign) {
	if !b.update && len(b.full) == 0 {
		return
	}
	live := r.liveBrokers()
	var updated, all []kmsg.UpdateMetadataRequestTopicState
	if b.update {
		var ps []*partition
		for _, id := range sortedIDs(b.updated) {
			if p := r.state.partition(id); p != nil {
				ps = append(ps, p)
			}
		}
		updated = r.topicStates(ps)
	}
	if len(b.full) > 0 {
		all = r.topicStates(r.state.allPartitions(nil))
	}
	for _, broker := range r.state.liveBrokers() {
		to := r.state.live[broker]
		req := &kmsg.UpdateMetadataRequest{
			Version: updateMetadataVersion, ControllerID: r.cfg.BrokerID, ControllerEpoch: r.epoch.Number, BrokerEpoch: to.Epoch, LiveBrokers: live,
			TopicStates: updated, IsKRaftController: r.cfg.Endpoint != "",
		}
		switch {
		case b.full[broker]:
			req.TopicStates = all
			metadata.SetFull(req)
		case !b.update:
			continue
		}
		r.out.send(broker, req, nil)
	}
}

// topicStates is what UpdateMetadata tells of partitions, which are in order.
func (r *reign) topicStates(ps []*partition) []kmsg.UpdateMetadataRequestTopicState {
	var states []kmsg.UpdateMetadataRequestTopicState
	for _, p := range ps {
		if p.state == nil {
			continue
		}
		topic := r.state.topics[p.id.Topic]
		if n := len(states); n == 0 || states[n-1].Topic != p.id.Topic {
			states = append(states, kmsg.UpdateMetadataRequestTopicState{Topic: p.id.Topic, TopicID: topic.id})
		}
		state := kmsg.UpdateMetadataRequestTopicPartition{
			Partition: p.id.Partition, ControllerEpoch: p.state.ControllerEpoch, Leader: p.state.Leader, LeaderEpoch: p.state.LeaderEpoch,
			ISR: p.state.ISR, ZKVersion: p.state.Version, Replicas: p.assignment.Replicas,
			OfflineReplicas: keep(p.assignment.Replicas, func(broker int32) bool { return !r.state.online(p.id, broker) }),
		}
		metadata.SetELR(&state.UnknownTags, p.state.ELR, p.state.LastKnownELR)
		if topic.deletion != notDeleted {
			state.Leader, state.LeaderEpoch, state.ZKVersion = leaderDuringDelete, 0, 0
		}
		last := &states[len(states)-1]
		last.PartitionStates = append(last.PartitionStates, state)
	}
	return states
}

// liveBrokers are all live brokers with their endpoints, for UpdateMetadata.
func (r *reign) liveBrokers() []kmsg.UpdateMetadataRequestLiveBroker {
	var brokers []kmsg.UpdateMetadataRequestLiveBroker
	for _, id := range r.state.liveBrokers() {
		b := r.state.live[id]
		live := kmsg.UpdateMetadataRequestLiveBroker{ID: id}
		if b.Rack != "" {
			live.Rack = &b.Rack
		}
		for _, e := range b.Endpoints {
			live.Endpoints = append(live.Endpoints, kmsg.UpdateMetadataRequestLiveBrokerEndpoint{
				Host: e.Host, Port: int32(e.Port), ListenerName: e.Listener, SecurityProtocol: protocolNumber(e.Protocol),
			})
		}
		brokers = append(brokers, live)
	}
	return brokers
}

// protocolNumber is Kafka's number of a security protocol.
func protocolNumber(name string) int16 {
	return int16(max(0, slices.Index([]string{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}, name)))
}

func (b *batch) sendStopReplica(r *reign, to *clusterstore.Broker) {
	req := &kmsg.StopReplicaRequest{
		Version: stopReplicaVersion, ControllerID: r.cfg.BrokerID, ControllerEpoch: r.epoch.Number, BrokerEpoch: to.Epoch,
	}
	partitions := b.stops[to.ID]
	for _, id := range sortedIDs(partitions) {
		epoch := int32(noLeaderEpoch)
		if t := r.state.topics[id.Topic]; t != nil && t.deletion != notDeleted {
			epoch = epochDuringDelete
		} else if p := r.state.partition(id); p != nil && p.state != nil {
			epoch = p.state.LeaderEpoch
		}
		if n := len(req.Topics); n == 0 || req.Topics[n-1].Topic != id.Topic {
			req.Topics = append(req.Topics, kmsg.StopReplicaRequestTopic{Topic: id.Topic})
		}
		last := &req.Topics[len(req.Topics)-1]
		last.PartitionStates = append(last.PartitionStates, kmsg.StopReplicaRequestTopicPartitionState{
			Partition: id.Partition, LeaderEpoch: epoch, Delete: partitions[id],
		})
	}
	r.out.send(to.ID, req, func(resp kmsg.Response) {
		r.post(stopReplicaReply{broker: to.ID, brokerEpoch: to.Epoch, req: req, resp: resp.(*kmsg.StopReplicaResponse)})
	})
}
