package controller

import (
	"slices"

	"milena/internal/clusterstore"
	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Versions of the requests to brokers: those of Kafka 3.9 over ZooKeeper.
const (
	leaderAndISRVersion   = 7
	updateMetadataVersion = 8
	stopReplicaVersion    = 4
)

// Leader and leader epoch that tell of a topic under deletion, and the epoch where none is known.
const (
	leaderDuringDelete = -2
	epochDuringDelete  = -2
	noLeaderEpoch      = -1
)

// batch gathers, while an event is handled, what the brokers are to be told: one request of a kind for each broker.
type batch struct {
	leaders map[int32]map[PartitionID]bool     // broker → partition → is new
	updates map[int32]map[PartitionID]struct{} // broker → partitions (none: brokers alone)
	stops   map[int32]map[PartitionID]bool     // broker → partition → delete
	full    map[int32]bool                     // brokers whose update lists all partitions there are
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

// metadata tells brokers of a partition, or with nil of the live brokers alone.
func (b *batch) metadata(brokers []int32, p *partition) {
	for _, broker := range brokers {
		e := entry(&b.updates, broker)
		if p != nil {
			e[p.id] = struct{}{}
		}
	}
}

// everything tells brokers of all partitions, and that there are no others.
func (b *batch) everything(brokers []int32, s *clusterState) {
	if b.full == nil {
		b.full = map[int32]bool{}
	}
	b.metadata(brokers, nil)
	for _, broker := range brokers {
		b.full[broker] = true
	}
	for _, p := range s.allPartitions(nil) {
		b.metadata(brokers, p)
	}
}

// stopReplica tells a broker to stop a replica, and to delete it.
func (b *batch) stopReplica(id replicaID, remove bool) {
	e := entry(&b.stops, id.Broker)
	e[id.PartitionID] = remove || e[id.PartitionID]
}

// send hands the requests to the queues of the live brokers and empties the batch.
func (b *batch) send(r *reign) {
	for _, broker := range sortedKeys(b.leaders) {
		if live := r.state.live[broker]; live != nil {
			b.sendLeaderAndISR(r, live)
		}
	}
	for _, broker := range sortedKeys(b.updates) {
		if live := r.state.live[broker]; live != nil {
			b.sendUpdateMetadata(r, live)
		}
	}
	for _, broker := range sortedKeys(b.stops) {
		if live := r.state.live[broker]; live != nil {
			b.sendStopReplica(r, live)
		}
	}
	*b = batch{}
}

func sortedIDs[V any](m map[PartitionID]V) []PartitionID {
	ids := make([]PartitionID, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, PartitionID.Compare)
	return ids
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
	for _, leader := range sortedKeys(leaders) {
		if broker := r.state.live[leader]; broker != nil {
			endpoint, _ := broker.Endpoint(r.cfg.InterBrokerListener)
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
	return state
}

func (b *batch) sendUpdateMetadata(r *reign, to *clusterstore.Broker) {
	req := &kmsg.UpdateMetadataRequest{
		Version: updateMetadataVersion, ControllerID: r.cfg.BrokerID, ControllerEpoch: r.epoch.Number, BrokerEpoch: to.Epoch,
		LiveBrokers: r.liveBrokers(),
	}
	for _, id := range sortedIDs(b.updates[to.ID]) {
		p := r.state.partition(id)
		if p == nil || p.state == nil {
			continue
		}
		topic := r.state.topics[id.Topic]
		if n := len(req.TopicStates); n == 0 || req.TopicStates[n-1].Topic != id.Topic {
			req.TopicStates = append(req.TopicStates, kmsg.UpdateMetadataRequestTopicState{Topic: id.Topic, TopicID: topic.id})
		}
		state := kmsg.UpdateMetadataRequestTopicPartition{
			Partition: id.Partition, ControllerEpoch: p.state.ControllerEpoch, Leader: p.state.Leader, LeaderEpoch: p.state.LeaderEpoch,
			ISR: p.state.ISR, ZKVersion: p.state.Version, Replicas: p.assignment.Replicas,
			OfflineReplicas: keep(p.assignment.Replicas, func(broker int32) bool { return !r.state.online(id, broker) }),
		}
		if topic.deletion != notDeleted {
			state.Leader, state.LeaderEpoch, state.ZKVersion = leaderDuringDelete, 0, 0
		}
		last := &req.TopicStates[len(req.TopicStates)-1]
		last.PartitionStates = append(last.PartitionStates, state)
	}
	if b.full[to.ID] {
		metadata.SetFull(req)
	}
	r.out.send(to.ID, req, nil)
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
