package replica

import (
	"slices"
	"time"

	"milena/internal/config"
	"milena/internal/metrics"
	"milena/internal/partition"
	"milena/internal/quota"
)

// throttles are those of replication (KIP-73): what is sent to followers, and what is fetched as one, of the replicas that the topics'
// configurations name. They hold back only who is not in sync: producers wait for the others.
type throttles struct {
	leader, follower *quota.Replication
}

func newThrottles(cfg *config.Broker) throttles {
	size := time.Duration(cfg.ReplicationQuotaWindowSeconds) * time.Second
	return throttles{
		leader:   quota.NewReplication(cfg.ReplicationQuotaWindows, size, cfg.LeaderThrottledRate),
		follower: quota.NewReplication(cfg.ReplicationQuotaWindows, size, cfg.FollowerThrottledRate),
	}
}

func (t *throttles) report(m *metrics.Metrics) {
	m.Gauge(metrics.LeaderReplicationByteRate, "Bytes a second of throttled replicas that are sent to followers.", t.leader.PerSecond)
	m.Gauge(metrics.FollowerReplicationByteRate, "Bytes a second of throttled replicas that are fetched from leaders.", t.follower.PerSecond)
}

// setRates takes the broker's rates; who was held back goes on.
func (r *Replicas) setRates(cfg *config.Broker) {
	if r.throttles.leader.SetLimit(cfg.LeaderThrottledRate) {
		r.lookAtFetches("")
	}
	if r.throttles.follower.SetLimit(cfg.FollowerThrottledRate) {
		r.lookAtFetchers()
	}
}

// lookAtFetches has fetches that wait for a topic's partitions, or for any, counted anew.
func (r *Replicas) lookAtFetches(topic string) {
	var parts []*partition.Partition
	r.mu.RLock()
	for tp, h := range r.hosted {
		if h.part != nil && (topic == "" || topic == tp.Topic) {
			parts = append(parts, h.part)
		}
	}
	r.mu.RUnlock()
	for _, p := range parts {
		p.LookAgain()
	}
}

// lookAtFetchers has every fetcher look at all its partitions anew.
func (r *Replicas) lookAtFetchers() {
	r.fetchers.mu.Lock()
	defer r.fetchers.mu.Unlock()
	for _, f := range r.fetchers.byID {
		f.look()
	}
}

// throttledChanged has those go on who were held back by a topic's lists.
func (r *Replicas) throttledChanged(topic string, old, now *config.Topic) {
	if !old.LeaderThrottled.Equal(&now.LeaderThrottled) {
		r.lookAtFetches(topic)
	}
	if !old.FollowerThrottled.Equal(&now.FollowerThrottled) {
		r.lookAtFetchers()
	}
}

// countsAsLeader tells whether what is sent of a partition counts against the leader's rate.
func (r *Replicas) countsAsLeader(h *hosted) bool {
	return h.log.Config().LeaderThrottled.Has(h.log.Partition, r.options.BrokerID)
}

// withholds tells whether a follower gets no records of a partition now.
func (r *Replicas) withholds(h *hosted, replica int32) bool {
	return replica >= 0 && r.countsAsLeader(h) && !slices.Contains(h.part.State().ISR, replica) && r.throttles.leader.Exceeded()
}

// holdsBack tells whether a partition is left out of the requests to its leader now.
func (r *Replicas) holdsBack(p *followed) bool {
	return !p.inSync && r.countsAsFollower(p.hosted) && r.throttles.follower.Exceeded()
}

func (r *Replicas) countsAsFollower(h *hosted) bool {
	return h.log.Config().FollowerThrottled.Has(h.log.Partition, r.options.BrokerID)
}

// fetched counts what was fetched of a partition.
func (r *Replicas) fetched(p *followed, sizeBytes int) {
	if sizeBytes == 0 {
		return
	}
	p.traffic.ReplicationBytesIn.Add(int64(sizeBytes))
	if r.countsAsFollower(p.hosted) {
		r.throttles.follower.Record(int64(sizeBytes))
	}
}
