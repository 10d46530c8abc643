package replica

import (
	"errors"
	"sync"
	"time"

	"milena/internal/logdir"
)

// remakeEvery is how often logs that could not be made are tried again.
const remakeEvery = 2 * time.Second

// unmade are the partitions whose log could not be made: the disk was full. mu guards it; it is taken after changeMu.
type unmade struct {
	mu   sync.Mutex
	logs map[logdir.TopicPartition]becoming
	tell bool // the controller of some that are made by now
}

// noteUnmade keeps a partition in mind whose log could not be made, and forgets one whose log could.
func (r *Replicas) noteUnmade(b *becoming, h *hosted, err error) {
	u := &r.unmade
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil && h != nil && h.part == nil && !errors.Is(err, logdir.ErrOffline) {
		u.logs[b.TopicPartition] = *b
		return
	}
	delete(u.logs, b.TopicPartition)
}

// remake makes logs, when the disk has room again, that could not be made when the controller asked for them, and has the controller say again
// what this broker is to be for their partitions.
func (r *Replicas) remake() {
	tick := time.NewTicker(remakeEvery)
	defer tick.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-tick.C:
		case <-r.handovers.wake:
		}
		if made := r.makeUnmade(); (r.takeBack() || made) && r.options.Cluster.Report != nil {
			err := r.options.Cluster.Report()
			r.unmade.mu.Lock()
			r.unmade.tell = err != nil
			r.unmade.mu.Unlock()
		}
	}
}

// makeUnmade tells whether the controller is to be told of logs that are made by now. While a request of the controller is under way, nothing is
// made.
func (r *Replicas) makeUnmade() bool {
	if !r.changeMu.TryLock() {
		return false
	}
	defer r.changeMu.Unlock()
	u := &r.unmade
	u.mu.Lock()
	defer u.mu.Unlock()
	for tp, b := range u.logs {
		h := r.at(tp)
		if h == nil || h.part != nil { // deleted, or made on another way
			delete(u.logs, tp)
			continue
		}
		if _, err := r.host(h, &b); err != nil {
			continue
		}
		delete(u.logs, tp)
		u.tell = true
		r.options.Logger.Info("a log is made that could not be made before", "topic", tp.Topic, "partition", tp.Partition)
	}
	return u.tell
}
