package replica

import (
	"testing"
	"time"

	"milena/internal/vfs/memfs"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const quietPartitions = 5000

func numbers(n int) (all []int32) {
	for i := range int32(n) {
		all = append(all, i)
	}
	return all
}

// BenchmarkQuietFetcher is a follower's part of one round over many partitions where nothing happens.
func BenchmarkQuietFetcher(b *testing.B) {
	r := start(b, memfs.New())
	defer r.stop()
	r.followTwo("t", idT, 0, numbers(quietPartitions)...)
	r.options.Cluster.BrokerEpoch = func() int64 { return 1 }
	f := newFetcher(r.Replicas, 2)
	for tp, h := range r.hosted {
		f.add(&followed{hosted: h, tp: tp})
	}
	answer := kmsg.NewPtrFetchResponse()
	answer.SessionID, answer.Version = 5, fetchByID
	b.ReportAllocs()
	for b.Loop() {
		if req, _ := f.request(time.Now()); req == nil {
			b.Fatal("nothing to ask for")
		}
		if err := f.take(b.Context(), answer); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkQuietFollower is a leader's part of it: a fetch of many partitions that finds nothing, waits, and ends.
func BenchmarkQuietFollower(b *testing.B) {
	r := start(b, memfs.New())
	defer r.stop()
	r.lead("t", idT, quietPartitions, 0)
	req := &FetchRequest{ReplicaID: 2, MaxWaitMs: 500, MinBytes: 1, MaxBytes: 10 << 20}
	for i := range int32(quietPartitions) {
		req.Partitions = append(req.Partitions, FetchPartition{Topic: "t", TopicID: idT, Partition: i, LastFetchedEpoch: -1, MaxBytes: 1 << 20})
	}
	b.ReportAllocs()
	for b.Loop() {
		r.Fetch(req, func([]FetchResult) { b.Fatal("something was found") })()
	}
}
