package replica

import (
	"slices"
	"time"

	"milena/internal/commitlog"
	"milena/internal/metadata"
	"milena/internal/partition"
)

// FetchRequest is a consumer's or follower's fetch, sessions already resolved.
type FetchRequest struct {
	ReplicaID     int32 // -1: consumer; -2: Kafka's debugging consumer, which reads to the log's end
	ReplicaEpoch  int64
	MaxWaitMs     int32
	MinBytes      int32
	MaxBytes      int32
	ReadCommitted bool
	Rack          string // the consumer's
	Listener      string // by which it came
	Partitions    []FetchPartition
	// AnyReplica lets a consumer read from a follower too (KIP-392: Fetch from v11).
	AnyReplica bool
}

// FetchPartition is where to read one partition.
type FetchPartition struct {
	Topic              string
	TopicID            metadata.TopicID // zero: not checked
	Partition          int32
	CurrentLeaderEpoch int32 // -1: not checked
	FetchOffset        int64
	LastFetchedEpoch   int32 // -1 none
	LogStartOffset     int64 // of a follower
	MaxBytes           int32
}

// FetchResult answers one FetchPartition, at the same index. With an error the offsets are -1.
type FetchResult struct {
	Err              error
	HighWatermark    int64
	LastStableOffset int64
	LogStartOffset   int64
	Aborted          []commitlog.AbortedTxn
	Diverging        *EpochEnd // follower must truncate
	Preferred        int32     // preferred read replica, -1 none
	Slice            commitlog.Slice
}

// EpochEnd is a leader epoch and the offset where it ends.
type EpochEnd = partition.EpochEnd

// fetching is one fetch request; used again when it was answered without waiting.
type fetching struct {
	reader  reader
	results []FetchResult
	slots   []fetchSlot
}

// fetchSlot is one partition of it.
type fetchSlot struct {
	*hosted   // nil: refused, see the result
	read      partition.ReadRequest
	available int64 // bytes counted so far
	watch     partition.Watch
}

func nothingToRelease() {}

// Fetch reads, and calls done once: at once when MinBytes are there, an error is, or MaxWaitMs is 0; else when they have come or
// the time is over. cancel ends the wait early (its results are then released, done is not called); it is nil where done was
// called already. done must not block; the results are its own only until it returns, the slices until it releases them.
func (r *Replicas) Fetch(req *FetchRequest, done func([]FetchResult)) (cancel func()) {
	f := r.fetches.Get().(*fetching)
	f.begin(len(req.Partitions))
	f.reader = r.reader(req)
	r.findForFetch(req, f)
	sizeBytes, now := f.read(r, req.MaxBytes, req.ReplicaID)
	if req.ReplicaID >= 0 {
		f.noteFollower(req)
		now = now || r.propagates() && f.highWatermarkIsNews(req.ReplicaID)
	}
	if now || sizeBytes >= int64(req.MinBytes) || req.MaxWaitMs <= 0 || len(req.Partitions) == 0 {
		f.count(r, req.ReplicaID)
		done(f.results)
		clear(f.results)
		clear(f.slots)
		r.fetches.Put(f)
		return nil
	}
	f.release()
	return r.parkFetch(req, f, done)
}

func (f *fetching) begin(n int) {
	if cap(f.results) < n {
		f.results, f.slots = make([]FetchResult, n), make([]fetchSlot, n)
	}
	f.results, f.slots = f.results[:n], f.slots[:n]
}

// findForFetch finds all partitions under one lock.
func (r *Replicas) findForFetch(req *FetchRequest, f *fetching) {
	isolation := partition.UpToHighWatermark
	switch {
	case req.ReplicaID != -1:
		isolation = partition.UpToLogEnd
	case req.ReadCommitted:
		isolation = partition.UpToLastStable
	}
	leaderOnly := req.ReplicaID >= 0 || req.ReplicaID == -1 && !req.AnyReplica
	r.mu.RLock()
	defer r.mu.RUnlock()
	for i := range req.Partitions {
		p, slot := &req.Partitions[i], &f.slots[i]
		var err error
		slot.hosted, err = r.find(p.Topic, p.Partition, p.TopicID)
		if err == nil && req.ReplicaID >= 0 && !slices.Contains(slot.part.State().Replicas, req.ReplicaID) {
			slot.hosted, err = nil, ErrUnknownReplica
		}
		if f.results[i].Err = err; err == nil {
			slot.traffic.FetchRequests.Inc()
		}
		slot.read = partition.ReadRequest{
			Offset: p.FetchOffset, CurrentLeaderEpoch: p.CurrentLeaderEpoch, LastFetchedEpoch: p.LastFetchedEpoch,
			MaxBytes: int(p.MaxBytes), Isolation: isolation, LeaderOnly: leaderOnly,
		}
	}
}

// read reads every partition in order as far as maxBytes goes. The first one that has anything gives at least one batch, however
// large. now says that the answer cannot wait: an error, or a divergence.
func (f *fetching) read(r *Replicas, maxBytes, replica int32) (sizeBytes int64, now bool) {
	left, first := int64(maxBytes), true
	for i := range f.slots {
		slot, result := &f.slots[i], &f.results[i]
		if slot.hosted == nil {
			*result = FetchResult{Err: result.Err}
			result.refused(result.Err)
			now = true
			continue
		}
		read := slot.read
		read.MaxBytes, read.AtLeastOne = int(max(0, min(int64(read.MaxBytes), left))), first
		if r.withholds(slot.hosted, replica) {
			read.MaxBytes, read.AtLeastOne = 0, false
		}
		preferred := r.preferred(f.reader, slot.hosted, read.Offset)
		if preferred >= 0 {
			read.MaxBytes, read.AtLeastOne = 0, false
		}
		var got partition.ReadResult
		st := slot.part.State()
		if err := slot.part.Read(&read, &got); err != nil {
			if replica < 0 { // a follower's request tells of its leader epoch, and what is told to it is checked by that
				err = r.judged(slot.log.TopicPartition, st, err)
			}
			slot.traffic.FailedFetchRequests.Inc()
			result.refused(err)
			now = true
			continue
		}
		*result = FetchResult{
			HighWatermark: got.HighWatermark, LastStableOffset: got.LastStableOffset, LogStartOffset: got.LogStartOffset,
			Aborted: got.Aborted, Diverging: got.Diverging, Preferred: preferred, Slice: got.Slice,
		}
		now = now || got.Diverging != nil || preferred >= 0
		if got.Slice.SizeBytes > 0 {
			first = false
			sizeBytes += int64(got.Slice.SizeBytes)
			left -= int64(got.Slice.SizeBytes)
		}
	}
	return sizeBytes, now
}

// noteFollower tells the partitions where a follower is, and the follower of the high watermark that this has made.
func (f *fetching) noteFollower(req *FetchRequest) {
	for i := range f.slots {
		slot, result := &f.slots[i], &f.results[i]
		if slot.hosted == nil || result.Err != nil || result.Diverging != nil {
			continue
		}
		p := &req.Partitions[i]
		slot.part.Fetched(req.ReplicaID, p.CurrentLeaderEpoch, p.FetchOffset, p.LogStartOffset, req.ReplicaEpoch)
		result.HighWatermark = slot.part.HighWatermark()
	}
}

// highWatermarkIsNews tells whether a follower has not been sent some partition's high watermark.
func (f *fetching) highWatermarkIsNews(replica int32) bool {
	for i := range f.slots {
		if slot := &f.slots[i]; slot.hosted != nil && !slot.part.KnowsHighWatermark(replica) {
			return true
		}
	}
	return false
}

func (r *FetchResult) refused(err error) {
	*r = FetchResult{
		Err: err, HighWatermark: -1, LastStableOffset: -1, LogStartOffset: -1, Preferred: -1, Slice: commitlog.Slice{Release: nothingToRelease},
	}
}

func (f *fetching) release() {
	for i := range f.results {
		if release := f.results[i].Slice.Release; release != nil {
			release()
		}
		f.results[i] = FetchResult{}
	}
}

func wait(ms int32) time.Duration { return time.Duration(max(0, ms)) * time.Millisecond }
