package replica

import (
	"errors"

	"milena/internal/logdir"
	"milena/internal/partition"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Leader epochs of a StopReplica that stand for no epoch: a topic under deletion, and requests before v3.
const (
	epochDuringDelete int32 = -2
	noEpoch           int32 = -1
)

// stopping is one partition of a StopReplica request.
type stopping struct {
	logdir.TopicPartition
	leaderEpoch int32
	remove      bool
}

// StopReplicas applies the controller's StopReplica: partitions to delete are taken out of service, renamed and removed later. An
// old controller is refused as a whole (STALE_CONTROLLER_EPOCH), an old leader epoch by partition (FENCED_LEADER_EPOCH).
func (r *Replicas) StopReplicas(req *kmsg.StopReplicaRequest) *kmsg.StopReplicaResponse {
	r.changeMu.Lock()
	defer r.changeMu.Unlock()
	if req.ControllerEpoch < r.controllerEpoch {
		return RefuseStopReplica(req, kerr.StaleControllerEpoch.Code)
	}
	r.controllerEpoch = req.ControllerEpoch
	resp := kmsg.NewPtrStopReplicaResponse()
	resp.Version = req.Version
	deleted := map[string]bool{}
	for _, s := range stopsOf(req) {
		code := r.stopOne(&s)
		answerStop(resp, &s, code)
		if code == 0 {
			r.tellStopped(&s)
		}
		if s.remove {
			deleted[s.Topic] = true
		}
	}
	for topic := range deleted {
		r.forgetTopic(topic)
	}
	return resp
}

// RefuseStopReplica refuses a whole request; its partitions carry the code too.
func RefuseStopReplica(req *kmsg.StopReplicaRequest, code int16) *kmsg.StopReplicaResponse {
	resp := kmsg.NewPtrStopReplicaResponse()
	resp.Version, resp.ErrorCode = req.Version, code
	for _, s := range stopsOf(req) {
		answerStop(resp, &s, code)
	}
	return resp
}

func answerStop(resp *kmsg.StopReplicaResponse, s *stopping, code int16) {
	p := kmsg.NewStopReplicaResponsePartition()
	p.Topic, p.Partition, p.ErrorCode = s.Topic, s.Partition, code
	resp.Partitions = append(resp.Partitions, p)
}

// stopsOf gives the request's partitions, whatever its version.
func stopsOf(req *kmsg.StopReplicaRequest) []stopping {
	var all []stopping
	for t := range req.Topics {
		topic := &req.Topics[t]
		add := func(number, epoch int32, remove bool) {
			all = append(all, stopping{logdir.TopicPartition{Topic: topic.Topic, Partition: number}, epoch, remove})
		}
		switch {
		case req.Version == 0:
			add(topic.Partition, noEpoch, req.DeletePartitions)
		case req.Version < 3:
			for _, number := range topic.Partitions {
				add(number, noEpoch, req.DeletePartitions)
			}
		default:
			for i := range topic.PartitionStates {
				add(topic.PartitionStates[i].Partition, topic.PartitionStates[i].LeaderEpoch, topic.PartitionStates[i].Delete)
			}
		}
	}
	return all
}

func (r *Replicas) stopOne(s *stopping) int16 {
	h := r.at(s.TopicPartition)
	if r.options.Dirs.Broken(s.TopicPartition) != nil {
		return kerr.KafkaStorageError.Code
	}
	if h != nil && h.part != nil {
		if h.part.State().Role == partition.Offline {
			return kerr.KafkaStorageError.Code
		}
		if s.leaderEpoch != epochDuringDelete && s.leaderEpoch != noEpoch && s.leaderEpoch < h.part.State().LeaderEpoch {
			return kerr.FencedLeaderEpoch.Code
		}
	}
	r.unfollow(s.TopicPartition)
	if !s.remove {
		return 0 // the log stays, and the partition with it
	}
	if h != nil {
		if h.part != nil {
			h.part.Retire()
		}
		r.mu.Lock()
		delete(r.hosted, s.TopicPartition)
		r.mu.Unlock()
	}
	if err := r.options.Dirs.Delete(s.TopicPartition); err != nil {
		if !errors.Is(err, logdir.ErrOffline) {
			r.options.Logger.Error("log cannot be deleted", "topic", s.Topic, "partition", s.Partition, "error", err)
		}
		return kerr.KafkaStorageError.Code
	}
	return 0
}
