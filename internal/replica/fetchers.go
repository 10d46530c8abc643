package replica

import (
	"context"
	"hash/fnv"
	"slices"
	"strconv"
	"sync"

	"milena/internal/logdir"
	"milena/internal/partition"
	"milena/internal/peer"
)

// Cluster is the way to the other brokers. The zero value is that of a broker alone.
type Cluster struct {
	// Dial makes a connection to a broker's listener between brokers; false while its address is not known.
	Dial func(broker int32) (*peer.Conn, bool)
	// BrokerEpoch is the epoch of this broker's registration.
	BrokerEpoch func() int64
	// AlterPartition asks the controller for other ISRs.
	AlterPartition ISRChanger
	// Report has the controller tell this broker of its partitions again, and hear which of them are out of service.
	Report func() error
	// Leads asks the coordination store whether this broker leads a partition in that epoch, and waits; false where the store does not answer in time.
	// nil: it does.
	Leads func(tp logdir.TopicPartition, leaderEpoch int32) bool
}

// fetcherID names one fetcher: each leader has num.replica.fetchers of them, a partition always the same one.
type fetcherID struct {
	leader int32
	number uint32
}

// fetchers is the set of fetchers. mu guards both maps.
type fetchers struct {
	mu       sync.Mutex
	byID     map[fetcherID]*fetcher
	fetching map[logdir.TopicPartition]*fetcher // which of them has a partition
	running  sync.WaitGroup
	closed   bool
}

// follow brings the fetching of partitions in line with their states: a follower of a known leader is fetched from it, any other is not. Each
// fetcher hears of its partitions at once, for every time it hears of some it gives up the request under way. The caller holds changeMu.
func (r *Replicas) follow(tps []logdir.TopicPartition) {
	if r.options.Cluster.Dial == nil {
		return
	}
	of := map[fetcherID][]*followed{}
	for _, tp := range tps {
		r.unfollow(tp)
		h := r.at(tp)
		if st := h.part.State(); st.Role == partition.Follower && st.Leader >= 0 {
			id := fetcherID{st.Leader, fetcherNumber(tp, r.options.Config.Broker().NumReplicaFetchers)}
			// Who is in the ISR holds up what is committed: it must not be held back when only the epoch is another.
			inSync := slices.Contains(st.ISR, r.options.BrokerID)
			of[id] = append(of[id], &followed{hosted: h, tp: tp, leaderEpoch: st.LeaderEpoch, inSync: inSync})
		}
	}
	for id, followed := range of {
		r.fetchWith(id, followed)
	}
}

// fetchWith has a fetcher pull partitions, and starts it where it does not run.
func (r *Replicas) fetchWith(id fetcherID, partitions []*followed) {
	s := &r.fetchers
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	f := s.byID[id]
	if f == nil {
		f = newFetcher(r, id.leader)
	}
	for _, p := range partitions {
		s.fetching[p.tp] = f
	}
	f.add(partitions...)
	if s.byID[id] == nil {
		ctx, stop := context.WithCancel(context.Background())
		f.stop = stop
		s.byID[id] = f
		s.running.Go(func() { f.run(ctx) })
	}
}

// stands tells of a follower that is not fetched: it was stopped.
func (r *Replicas) stands(tp logdir.TopicPartition, h *hosted) bool {
	if st := h.part.State(); r.options.Cluster.Dial == nil || st.Role != partition.Follower || st.Leader < 0 {
		return false
	}
	s := &r.fetchers
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetching[tp] == nil
}

// unfollow ends a partition's fetching. What its fetcher may just be appending is refused by the partition's role and epoch.
func (r *Replicas) unfollow(tp logdir.TopicPartition) {
	s := &r.fetchers
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.fetching[tp]
	if f == nil {
		return
	}
	delete(s.fetching, tp)
	if f.remove(tp) {
		return
	}
	for id, other := range s.byID { // the last one: so does the fetcher
		if other == f {
			delete(s.byID, id)
		}
	}
	f.stop()
}

// stopFetchers ends all fetching.
func (r *Replicas) stopFetchers() {
	s := &r.fetchers
	s.mu.Lock()
	s.closed = true
	for _, f := range s.byID {
		f.stop()
	}
	s.mu.Unlock()
	s.running.Wait()
}

func fetcherNumber(tp logdir.TopicPartition, of int) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(tp.Topic + "-" + strconv.Itoa(int(tp.Partition))))
	return h.Sum32() % uint32(max(1, of))
}
