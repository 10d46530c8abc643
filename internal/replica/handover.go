package replica

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"milena/internal/commitlog"
	"milena/internal/logdir"

	"github.com/twmb/franz-go/pkg/kerr"
)

// handovers are the partitions in whose ISR this broker is with others, and for which a full disk has refused an append. The controller is told
// of them as of replicas whose directory failed: others lead, and what is committed does not wait for this one. When there is room it is told
// once more, and takes them back. mu guards it; it is taken after changeMu.
type handovers struct {
	mu   sync.Mutex
	open map[logdir.TopicPartition]handover
	wake chan struct{} // of remake; one place
}

// handover is one of them.
type handover struct {
	of      *hosted
	epoch   int32     // the leader epoch in which there was no room
	at      time.Time // the last append that was refused
	refused bool      // the controller was told that the replica is out of service
	back    bool      // there is room again
}

// noRoom is told of an append that failed. Where nobody else is in sync a leader goes on: what is there can be read. A follower outside the ISR
// holds nobody up.
func (r *Replicas) noRoom(hs *hosted, err error) {
	if !errors.Is(err, commitlog.ErrNoSpace) {
		return
	}
	tp, st, h := hs.log.TopicPartition, hs.part.State(), &r.handovers
	if len(st.ISR) < 2 || !slices.Contains(st.ISR, r.options.BrokerID) {
		return
	}
	h.mu.Lock()
	one, known := h.open[tp]
	if known = known && one.epoch == st.LeaderEpoch && !one.back; !known {
		one = handover{of: hs, epoch: st.LeaderEpoch}
	}
	one.at = time.Now()
	h.open[tp] = one
	h.mu.Unlock()
	if known {
		return
	}
	r.options.Logger.Warn("the disk has no room for a partition: the replicas that are in sync go on without this one", "topic", tp.Topic,
		"partition", tp.Partition, "leader", st.Leader, "leaderEpoch", st.LeaderEpoch)
	select {
	case h.wake <- struct{}{}:
	default: // it will look
	}
}

func hasRoom(d *logdir.Dir, bytes int64) bool {
	space, err := d.Space()
	return err == nil && space.UsableBytes >= bytes
}

// handsOver tells whether the controller's word is answered with KAFKA_STORAGE_ERROR: while there is no room, unless this broker is to lead in a
// new epoch or nobody else is in sync; and whether the replica comes back with it.
func (r *Replicas) handsOver(b *becoming) (refuses, back bool) {
	h := &r.handovers
	h.mu.Lock()
	defer h.mu.Unlock()
	one, is := h.open[b.TopicPartition]
	leads := b.change.Leader == r.options.BrokerID
	switch {
	case !is:
		return false, false
	case one.back, leads && (b.change.LeaderEpoch > one.epoch || len(b.change.ISR) < 2):
		delete(h.open, b.TopicPartition)
		return false, one.back
	}
	one.refused = true
	h.open[b.TopicPartition] = one
	return true, false
}

// becomeWithoutRoom applies what the controller says of a replica that is handed over, but for the fetching.
func (r *Replicas) becomeWithoutRoom(h *hosted, b *becoming) int16 {
	if h != nil && h.part != nil && b.change.Leader != r.options.BrokerID && h.part.Become(b.change) == nil {
		r.unfollow(b.TopicPartition)
		r.tellLeadershipOf(b.TopicPartition)
	}
	return kerr.KafkaStorageError.Code
}

// takeBack looks which replicas have room again, and tells whether the controller is to be told of any: of these, or of those that it has not
// heard of. One that it has not heard of is over when no append has failed for a while.
func (r *Replicas) takeBack() (tell bool) {
	h := &r.handovers
	h.mu.Lock()
	defer h.mu.Unlock()
	enough := int64(r.options.Config.Broker().ReplicaFetchResponseMaxBytes)
	r.mu.RLock()
	maps.DeleteFunc(h.open, func(tp logdir.TopicPartition, one handover) bool { return r.hosted[tp] != one.of }) // deleted, or moved away
	r.mu.RUnlock()
	for tp, one := range h.open {
		if !one.refused && time.Since(one.at) > 2*remakeEvery {
			delete(h.open, tp)
			continue
		}
		if one.refused && !one.back && hasRoom(one.of.log.Dir(), enough) {
			one.back = true
			h.open[tp] = one
			r.options.Logger.Info("the disk has room again for a partition", "topic", tp.Topic, "partition", tp.Partition)
		}
		tell = tell || !one.refused || one.back
	}
	return tell
}
