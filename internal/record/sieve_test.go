package record

import (
	"testing"

	"pgregory.net/rapid"
)

// siftCase takes records out of a batch and compares what is left with what was to be left.
func siftCase(t *rapid.T, s *Sieve, batch []byte, horizonMs int64) {
	h, err := ParseHeader(batch)
	if err != nil {
		t.Fatal(err)
	}
	var before []Record
	for r, err := range Records(batch, 64<<20) {
		if err != nil {
			t.Fatal(err)
		}
		before = append(before, r)
	}
	keep := map[int64]bool{}
	var want []Record
	for _, r := range before {
		if rapid.Bool().Draw(t, "keep") {
			keep[r.Offset] = true
			want = append(want, r)
		}
	}
	i := 0
	check := func(r *Seen) {
		if w := &before[i]; r.Offset != w.Offset || !sameBytes(r.Key, w.Key) || r.HasValue != (w.Value != nil) {
			t.Fatalf("record %d is seen as %+v, it is %+v", i, r, *w)
		}
		i++
	}
	if err := s.Each(batch, &h, func(r *Seen) bool { check(r); return true }); err != nil || i != len(before) {
		t.Fatalf("each: %v, %d of %d records", err, i, len(before))
	}
	i = 0
	sifted, err := s.Sift(batch, &h, func(r *Seen) bool { check(r); return keep[r.Offset] })
	if err != nil || sifted.Read != len(before) || sifted.Kept != len(want) {
		t.Fatalf("sift: %v, %+v, want %d of %d", err, sifted, len(want), len(before))
	}
	if len(want) == 0 {
		return
	}
	out, err := s.Rewrite([]byte("before"), horizonMs)
	if err != nil {
		t.Fatal(err)
	}
	out = out[len("before"):]
	var got []Record
	for len(out) > 0 { // messages that lost their wrapper are several
		head, err := ParseHeader(out)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckCRC(out); err != nil {
			t.Fatal(err)
		}
		for r, err := range Records(out[:head.SizeBytes], 64<<20) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r)
		}
		if h.Magic == 2 {
			sameHead(t, Batch(batch), Batch(out), horizonMs)
		}
		out = out[head.SizeBytes:]
	}
	if len(got) != len(want) {
		t.Fatalf("%d records are left, not %d", len(got), len(want))
	}
	for i := range got {
		if !sameRecord(&got[i], &want[i]) {
			t.Fatalf("record %d is %+v, not %+v", i, got[i], want[i])
		}
	}
}

// sameHead compares what a batch keeps when it loses records.
func sameHead(t *rapid.T, a, b Batch, horizonMs int64) {
	horizon, dated := a.DeleteHorizonMs()
	if horizonMs != 0 {
		horizon, dated = horizonMs, true
	}
	if h, ok := b.DeleteHorizonMs(); ok != dated || ok && h != horizon {
		t.Fatalf("delete horizon %d %v, want %d %v", h, ok, horizon, dated)
	}
	if a.BaseOffset() != b.BaseOffset() || a.LastOffset() != b.LastOffset() || a.LeaderEpoch() != b.LeaderEpoch() ||
		a.ProducerID() != b.ProducerID() || a.ProducerEpoch() != b.ProducerEpoch() || a.LastSequence() != b.LastSequence() ||
		a.Attributes()&^attrDeleteHorizon != b.Attributes()&^attrDeleteHorizon {
		t.Fatalf("the head is % x, was % x", b[:HeaderSize], a[:HeaderSize])
	}
}

func TestSieve(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Sieve
		for range rapid.IntRange(1, 4).Draw(t, "batches") {
			b := Builder{
				Codec: Codec(rapid.IntRange(0, 4).Draw(t, "codec")), TimestampType: TimestampType(rapid.IntRange(0, 1).Draw(t, "type")),
				Transactional: rapid.Bool().Draw(t, "transactional"), BaseOffset: rapid.Int64Range(0, 1<<40).Draw(t, "base"), LeaderEpoch: 7,
				ProducerID: rapid.Int64Range(-1, 3).Draw(t, "producer"), ProducerEpoch: 2, BaseSequence: 11,
			}
			if rapid.Bool().Draw(t, "dated") {
				b.DeleteHorizonMs = 1650000000000
			}
			batch, err := b.Build(drawRecords(t))
			if err != nil {
				t.Fatal(err)
			}
			siftCase(t, &s, batch, rapid.SampledFrom([]int64{0, 1800000000000}).Draw(t, "horizon"))
			empty := Batch(AppendEmpty(nil, batch))
			if err := empty.CheckCRC(); err != nil || empty.Count() != 0 || empty.Codec() != None || empty.BaseOffset() != batch.BaseOffset() ||
				empty.LastOffset() != batch.LastOffset() || empty.LastSequence() != batch.LastSequence() ||
				empty.MaxTimestamp() != batch.MaxTimestamp() || empty.IsTransactional() != batch.IsTransactional() || len(empty) != HeaderSize {
				t.Fatalf("empty % x of % x, %v", empty, batch[:HeaderSize], err)
			}
		}
	})
}

// TestSieveOfOldFormats sifts what Kafka 2.4.1 wrote.
func TestSieveOfOldFormats(t *testing.T) {
	for _, name := range []string{"v1-none", "v1-gzip", "v1-snappy", "v1-lz4", "v0-none", "v0-gzip", "v0-snappy", "v0-lz4"} {
		t.Run(name, func(t *testing.T) {
			batches := golden(t, name)
			rapid.Check(t, func(t *rapid.T) {
				var s Sieve
				for _, b := range batches {
					siftCase(t, &s, b, 0)
				}
			})
		})
	}
}

func FuzzSieve(f *testing.F) {
	for _, name := range []string{"v2-none", "v2-zstd", "v1-gzip", "v0-lz4"} {
		for _, b := range golden(f, name) {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := ParseHeader(data)
		if err != nil || h.SizeBytes > len(data) {
			return
		}
		s := Sieve{MaxBytes: 1 << 20}
		n := 0
		sifted, err := s.Sift(data[:h.SizeBytes], &h, func(r *Seen) bool { n++; return n%2 == 0 })
		if err != nil || sifted.Kept == 0 {
			return
		}
		out, err := s.Rewrite(nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckCRC(out); err != nil {
			t.Fatal(err)
		}
	})
}
