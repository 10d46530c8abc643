package replica

import (
	"testing"

	"milena/internal/record"
	"milena/internal/vfs/memfs"
)

// The hot path allocates little: what a request needs is used again.

func TestAppendAllocations(t *testing.T) {
	b := start(t, memfs.New())
	defer b.stop()
	b.lead("t", idT, 1, 0)
	data := batch(t, "a record of some length")
	req := &AppendRequest{Acks: -1, TimeoutMs: 1000, Partitions: []AppendPartition{{Topic: "t", Records: data}}}
	var failed error
	done := func(r []AppendResult) {
		if r[0].Err != nil {
			failed = r[0].Err
		}
	}
	n := testing.AllocsPerRun(2000, func() {
		record.Batch(data).SetBaseOffset(0) // the last run stamped it
		b.Append(req, done)
	})
	if failed != nil {
		t.Fatal(failed)
	}
	if n > 1 { // memfs grows its file now and then
		t.Fatalf("%v allocations for an append", n)
	}
}

func TestFetchAllocations(t *testing.T) {
	b := start(t, memfs.New())
	defer b.stop()
	b.lead("t", idT, 1, 0)
	for range 10 {
		<-b.produce(1, "t", "a record of some length")
	}
	req := fetchOf("t", 2)
	done := func(r []FetchResult) { r[0].Slice.Release() }
	if n := testing.AllocsPerRun(2000, func() { b.Fetch(req, done) }); n > 4 {
		t.Fatalf("%v allocations for a fetch", n)
	}
	req = fetchOf("t", 10)
	req.MaxWaitMs = 0
	if n := testing.AllocsPerRun(2000, func() { b.Fetch(req, done) }); n > 0 {
		t.Fatalf("%v allocations for a fetch that finds nothing", n)
	}
}

func BenchmarkAppend(b *testing.B) {
	x := start(b, memfs.New())
	defer x.stop()
	x.lead("t", idT, 1, 0)
	data := batch(b, string(make([]byte, 16<<10)))
	req := &AppendRequest{Acks: -1, TimeoutMs: 1000, Partitions: []AppendPartition{{Topic: "t", Records: data}}}
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for i := 0; b.Loop(); i++ {
		record.Batch(data).SetBaseOffset(0)
		x.Append(req, func([]AppendResult) {})
		if i%10000 == 9999 { // memory is no disk
			b.StopTimer()
			_, _ = x.DeleteRecords("t", 0, -1)
			b.StartTimer()
		}
	}
}
