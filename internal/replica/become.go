package replica

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"milena/internal/logdir"
	"milena/internal/metadata"
	"milena/internal/partition"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// becoming is one partition of a LeaderAndIsr request.
type becoming struct {
	logdir.TopicPartition
	id     [16]byte
	isNew  bool
	change partition.Change
	code   int16
}

// BecomeLeaderOrFollower applies the controller's LeaderAndIsr. A controller older than the last one heard is refused as a whole
// (STALE_CONTROLLER_EPOCH); each partition carries its own code: STALE_CONTROLLER_EPOCH for an old or unchanged leader epoch, as
// Kafka says it, INCONSISTENT_TOPIC_ID, KAFKA_STORAGE_ERROR, UNKNOWN_TOPIC_OR_PARTITION where this broker is not one of the
// replicas.
func (r *Replicas) BecomeLeaderOrFollower(req *kmsg.LeaderAndISRRequest) *kmsg.LeaderAndISRResponse {
	r.changeMu.Lock()
	defer r.changeMu.Unlock()
	if req.ControllerEpoch < r.controllerEpoch {
		return RefuseLeaderAndISR(req, kerr.StaleControllerEpoch.Code)
	}
	r.controllerEpoch = req.ControllerEpoch
	resp := kmsg.NewPtrLeaderAndISRResponse()
	resp.Version = req.Version
	all := changesOf(req)
	inParallel(len(all), func(i int) { all[i].code = r.become(&all[i]) })
	var changed []logdir.TopicPartition
	for i := range all {
		answerChange(resp, &all[i])
		if all[i].code == 0 {
			changed = append(changed, all[i].TopicPartition)
		}
	}
	r.follow(changed)
	for _, tp := range changed {
		r.disputeELR(tp)
		r.tellLeadershipOf(tp)
	}
	return resp
}

// RefuseLeaderAndISR refuses a whole request; its partitions carry the code too.
func RefuseLeaderAndISR(req *kmsg.LeaderAndISRRequest, code int16) *kmsg.LeaderAndISRResponse {
	resp := kmsg.NewPtrLeaderAndISRResponse()
	resp.Version, resp.ErrorCode = req.Version, code
	all := changesOf(req)
	for i := range all {
		all[i].code = code
		answerChange(resp, &all[i])
	}
	return resp
}

// UpdateMetadata takes a controller's picture of the cluster; one of an old controller is refused (STALE_CONTROLLER_EPOCH).
func (r *Replicas) UpdateMetadata(req *kmsg.UpdateMetadataRequest) *kmsg.UpdateMetadataResponse {
	r.changeMu.Lock()
	defer r.changeMu.Unlock()
	resp := kmsg.NewPtrUpdateMetadataResponse()
	resp.Version = req.Version
	if req.ControllerEpoch < r.controllerEpoch {
		resp.ErrorCode = kerr.StaleControllerEpoch.Code
		return resp
	}
	r.controllerEpoch = req.ControllerEpoch
	before := r.options.Metadata.Image().Brokers
	r.options.Metadata.Update(req)
	if metadata.TellsOfPartitions(req) {
		r.endLeaderships()
	}
	for broker := range before {
		if !r.lives(broker) {
			// What leaders commit may have waited for it, as one that was about to join their ISRs.
			r.checkISRs(func(string) bool { return true })
			break
		}
	}
	return resp
}

// endLeaderships ends those that are others' by now, of partitions that this broker is no replica of any more, and did not hear so: it was away, or
// the controller that would have stopped it is gone. Where it is a replica, the LeaderAndIsr has come before.
func (r *Replicas) endLeaderships() {
	image := r.options.Metadata.Image()
	var over []*partition.Partition
	r.mu.RLock()
	for tp, h := range r.hosted {
		if h.part == nil {
			continue
		}
		st, now := h.part.State(), image.Partition(tp.Topic, tp.Partition)
		if st.Role == partition.Leader && now != nil && now.LeaderEpoch > st.LeaderEpoch && now.Leader != r.options.BrokerID {
			over = append(over, h.part)
		}
	}
	r.mu.RUnlock()
	for _, p := range over {
		p.Retire()
		r.tellLeadership(p)
	}
}

// changesOf gives the request's partitions, whatever its version.
func changesOf(req *kmsg.LeaderAndISRRequest) []becoming {
	var all []becoming
	add := func(topic string, id [16]byte, p *kmsg.LeaderAndISRRequestTopicPartition) {
		elr, _ := metadata.ELR(&p.UnknownTags)
		all = append(all, becoming{
			TopicPartition: logdir.TopicPartition{Topic: topic, Partition: p.Partition}, id: id, isNew: p.IsNew,
			change: partition.Change{
				Leader: p.Leader, LeaderEpoch: p.LeaderEpoch, PartitionEpoch: p.ZKVersion, Replicas: p.Replicas, Adding: p.AddingReplicas,
				ISR: p.ISR, ELR: elr,
			},
		})
	}
	for i := range req.PartitionStates {
		add(req.PartitionStates[i].Topic, [16]byte{}, &req.PartitionStates[i])
	}
	for t := range req.TopicStates {
		topic := &req.TopicStates[t]
		for i := range topic.PartitionStates {
			add(topic.Topic, topic.TopicID, &topic.PartitionStates[i])
		}
	}
	return all
}

func answerChange(resp *kmsg.LeaderAndISRResponse, b *becoming) {
	p := kmsg.NewLeaderAndISRResponseTopicPartition()
	p.Topic, p.Partition, p.ErrorCode = b.Topic, b.Partition, b.code
	if resp.Version < 5 {
		resp.Partitions = append(resp.Partitions, p)
		return
	}
	if n := len(resp.Topics); n == 0 || resp.Topics[n-1].TopicID != b.id {
		topic := kmsg.NewLeaderAndISRResponseTopic()
		topic.TopicID = b.id
		resp.Topics = append(resp.Topics, topic)
	}
	last := &resp.Topics[len(resp.Topics)-1]
	last.Partitions = append(last.Partitions, p)
}

// become applies one partition's change and gives its code.
func (r *Replicas) become(b *becoming) int16 {
	h := r.at(b.TopicPartition)
	if h != nil && h.part != nil {
		if known := h.log.TopicID(); b.id != ([16]byte{}) && known != ([16]byte{}) && known != b.id {
			return kerr.InconsistentTopicID.Code
		}
	}
	if !slices.Contains(b.change.Replicas, r.options.BrokerID) {
		return kerr.UnknownTopicOrPartition.Code
	}
	refuses, back := r.handsOver(b)
	if refuses {
		return r.becomeWithoutRoom(h, b)
	}
	h, err := r.host(h, b)
	r.noteUnmade(b, h, err)
	if err == nil {
		err = h.part.Become(b.change)
	}
	if errors.Is(err, partition.ErrFencedLeaderEpoch) && (back || r.stands(b.TopicPartition, h)) {
		if st := h.part.State(); st.LeaderEpoch == b.change.LeaderEpoch && st.PartitionEpoch == b.change.PartitionEpoch {
			return 0 // it was applied when there was no room, or before the replica was stopped
		}
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, partition.ErrFencedLeaderEpoch):
		return kerr.StaleControllerEpoch.Code
	case errors.Is(err, partition.ErrOffline):
		return kerr.KafkaStorageError.Code // was told when it happened
	}
	r.options.Logger.Error("partition cannot be served", "topic", b.Topic, "partition", b.Partition, "error", err)
	return kerr.KafkaStorageError.Code
}

// host gives the hosted partition with its log, making it where this is the first that is heard of it.
func (r *Replicas) host(h *hosted, b *becoming) (*hosted, error) {
	if h != nil && h.part != nil {
		return h, r.options.Dirs.AssignTopicID(h.log, b.id)
	}
	l, err := r.logOf(b.TopicPartition, b.id, b.isNew)
	made := &hosted{log: l, traffic: r.options.Metrics.Topic(b.Topic)}
	if err == nil {
		made.part = partition.New(b.Topic, b.Partition, r.options.BrokerID, l, l.HighWatermark)
		made.part.SetReplication(r.replication(l))
	}
	r.mu.Lock()
	r.hosted[b.TopicPartition] = made
	r.mu.Unlock()
	if err == nil && l.Dir().Offline() {
		made.part.GoOffline() // it failed while it was not in the map for directoryFailed to find
	}
	return made, err
}

// inParallel calls f for 0..n-1, on several goroutines where there are many: each may wait for the disk.
func inParallel(n int, f func(int)) {
	workers := min(n/8+1, 4*runtime.GOMAXPROCS(0))
	if workers == 1 {
		for i := range n {
			f(i)
		}
		return
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wait.Wait()
}
