package record

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// batchOf makes a batch of count records with values of size bytes that compress to about half.
func batchOf(t testing.TB, c Codec, count, size int) Batch {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	records := make([]Record, count)
	for i := range records {
		value := make([]byte, size)
		for j := range value {
			value[j] = byte('a' + rng.IntN(16))
		}
		records[i] = Record{TimestampMs: 1700000000000 + int64(i), Value: value}
	}
	b, err := Builder{Codec: c, ProducerID: -1, ProducerEpoch: -1, BaseSequence: -1}.Build(records)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCheckAllocates: nothing, on the way of every produce request.
func TestCheckAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector is on")
	}
	rules := topicRules("plain")
	for c := None; c <= Zstd; c++ {
		b := batchOf(t, c, 16, 1000)
		allocs := testing.AllocsPerRun(100, func() {
			if _, err := Check(b, rules, FromClient, 1700000000000); err != nil {
				t.Fatal(err)
			}
		})
		if limit := map[Codec]float64{Gzip: 1, Zstd: 1}[c]; allocs > limit {
			t.Errorf("%s: %v allocations", c, allocs)
		}
	}
	b := batchOf(t, None, 16, 1000)
	rules = topicRules("append-time")
	var now int64 = 1700000000000
	if allocs := testing.AllocsPerRun(100, func() {
		now++
		if _, err := Check(b, rules, FromClient, now); err != nil {
			t.Fatal(err)
		}
		// As a producer sends it.
		b.SetMaxTimestamp(CreateTime, now)
	}); allocs > 0 {
		t.Errorf("with LogAppendTime: %v allocations", allocs)
	}
}

func TestNextAllocates(t *testing.T) {
	data := append([]byte(nil), batchOf(t, None, 3, 100)...)
	data = append(data, data...)
	if allocs := testing.AllocsPerRun(100, func() {
		for rest := data; len(rest) > 0; {
			b, next, err := Next(rest)
			if err != nil {
				t.Fatal(err)
			}
			h, err := ParseHeader(b)
			if err != nil || h.Count != b.Count() {
				t.Fatal(err)
			}
			b.SetBaseOffset(7)
			b.SetLeaderEpoch(3)
			rest = next
		}
	}); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkCheck(b *testing.B) {
	rules := topicRules("plain")
	for _, size := range []struct{ count, value int }{{16, 1000}, {900, 1000}, {9000, 100}} {
		for c := None; c <= Zstd; c++ {
			batch := batchOf(b, c, size.count, size.value)
			b.Run(fmt.Sprintf("%s/%dx%d", c, size.count, size.value), func(b *testing.B) {
				b.SetBytes(int64(size.count * size.value))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Check(batch, rules, FromClient, 1700000000000); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkCRC(b *testing.B) {
	batch := batchOf(b, None, 16, 1000)
	b.SetBytes(int64(len(batch)))
	for b.Loop() {
		if err := batch.CheckCRC(); err != nil {
			b.Fatal(err)
		}
	}
}
