package replica

import (
	"errors"

	"milena/internal/commitlog"
	"milena/internal/metrics"
	"milena/internal/partition"
	"milena/internal/record"
)

// report offers what can be counted at scrape time.
func (r *Replicas) report(m *metrics.Metrics) {
	count := func(counts func(*partition.State) bool) func() float64 {
		return func() float64 {
			r.mu.RLock()
			defer r.mu.RUnlock()
			n := 0
			for _, h := range r.hosted {
				if h.part != nil && counts(h.part.State()) {
					n++
				}
			}
			return float64(n)
		}
	}
	m.Gauge(metrics.PartitionCount, "Partitions hosted by this broker.", count(func(*partition.State) bool { return true }))
	m.Gauge(metrics.LeaderCount, "Partitions led by this broker.", count(func(s *partition.State) bool { return s.Role == partition.Leader }))
	m.Gauge(metrics.UnderReplicatedPartitions, "Partitions led by this broker whose ISR lacks replicas.",
		count((*partition.State).UnderReplicated))
	m.Gauge(metrics.OfflineLogDirectoryCount, "Log directories out of service.", func() float64 {
		n := 0
		for _, d := range r.options.Dirs.Dirs() {
			if d.Offline() {
				n++
			}
		}
		return float64(n)
	})
	reportCleaner(m, r.options.Dirs)
	m.LogSizes(func(yield func(topic string, partition int32, sizeBytes int64) bool) {
		for _, l := range r.options.Dirs.All() {
			if !yield(l.Topic, l.Partition, l.SizeBytes()) {
				return
			}
		}
	})
}

// refused counts an append that was not done.
func (s *appendSlot) refused(err error, sizeBytes int) {
	s.traffic.FailedProduceRequests.Inc()
	var refusal *record.Refusal
	switch {
	case errors.As(err, &refusal) && refusal.Reason == record.TooLarge, errors.Is(err, commitlog.ErrRecordListTooLarge):
		s.traffic.BytesRejected.Add(int64(sizeBytes))
	case errors.As(err, &refusal) && refusal.Reason == record.Corrupt:
		s.traffic.InvalidCRC.Inc()
	case errors.As(err, &refusal) && refusal.Reason == record.InvalidRecord:
		s.traffic.InvalidOffsetOrRecords.Inc()
	}
}

// count adds what a fetch gives to the topics' counters, and notes what a follower is told.
func (f *fetching) count(r *Replicas, replicaID int32) {
	propagates := replicaID >= 0 && r.propagates()
	for i := range f.slots {
		if propagates && f.slots[i].hosted != nil && f.results[i].Err == nil {
			f.slots[i].part.ToldHighWatermark(replicaID, f.results[i].HighWatermark)
		}
		size := int64(f.results[i].Slice.SizeBytes)
		if size == 0 {
			continue
		}
		if replicaID >= 0 {
			f.slots[i].traffic.ReplicationBytesOut.Add(size)
			if r.countsAsLeader(f.slots[i].hosted) {
				r.throttles.leader.Record(size)
			}
		} else {
			f.slots[i].traffic.BytesOut.Add(size)
		}
	}
}
