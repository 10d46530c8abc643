package commitlog

import (
	"testing"

	"milena/internal/record"
	"milena/internal/vfs"
)

func openBench(t testing.TB) *Log {
	cfg := testConfig()
	cfg.SegmentBytes = 1 << 30
	l := mustOpen(t, vfs.OS{}, t.TempDir()+"/topic-0", cfg, OpenOptions{Clean: true})
	t.Cleanup(l.CloseDirty)
	return l
}

// benchBatch is an idempotent producer's batch of about sizeBytes.
func benchBatch(t testing.TB, sizeBytes int) record.Checked {
	return batchOf(t, record.Builder{ProducerID: 9, ProducerEpoch: 0, BaseSequence: 0}, sizeBytes/1024, 1010, nowMs())
}

// sequences goes on with the producer's sequence number; the CRC is not looked at by an append of what was checked before.
func sequences(c record.Checked, next *int32) {
	const position = 53
	for i := range 4 {
		c.Batch[position+i] = byte(*next >> (24 - 8*i))
	}
	*next += c.Batch.Count()
}

func benchmarkAppend(b *testing.B, sizeBytes int) {
	l := openBench(b)
	c := benchBatch(b, sizeBytes)
	next := int32(0)
	b.ReportAllocs()
	b.SetBytes(int64(len(c.Batch)))
	for i := 0; b.Loop(); i++ {
		sequences(c, &next)
		if _, err := l.AppendAsLeader(c, 1, record.FromClient); err != nil {
			b.Fatal(err)
		}
		if l.SizeBytes() > 4<<30 {
			b.StopTimer()
			if err := l.TruncateFullyAndStartAt(l.LogEndOffset()); err != nil {
				b.Fatal(err)
			}
			if err := l.DeleteRenamed(1 << 60); err != nil {
				b.Fatal(err)
			}
			next = 0
			b.StartTimer()
		}
	}
}

func BenchmarkAppend16K(b *testing.B) { benchmarkAppend(b, 16<<10) }
func BenchmarkAppend1M(b *testing.B)  { benchmarkAppend(b, 1<<20) }

func BenchmarkRead(b *testing.B) {
	l := openBench(b)
	c := benchBatch(b, 16<<10)
	next := int32(0)
	for range 4000 {
		sequences(c, &next)
		if _, err := l.AppendAsLeader(c, 1, record.FromClient); err != nil {
			b.Fatal(err)
		}
	}
	end := l.LogEndOffset()
	for name, offset := range map[string]func(i int) int64{
		"tail":   func(int) int64 { return end - 16 },
		"middle": func(i int) int64 { return int64(i*7919) % end },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s, err := l.Read(offset(i), 1<<20, end, true)
				if err != nil || s.SizeBytes == 0 {
					b.Fatal(s.SizeBytes, err)
				}
				s.Release()
			}
		})
	}
}

func TestAllocations(t *testing.T) {
	l := openBench(t)
	c := benchBatch(t, 16<<10)
	next := int32(0)
	appendOne := func() {
		sequences(c, &next)
		if _, err := l.AppendAsLeader(c, 1, record.FromClient); err != nil {
			t.Fatal(err)
		}
	}
	appendOne()
	if n := testing.AllocsPerRun(500, appendOne); n > 0 {
		t.Errorf("an append allocates %v times", n)
	}
	end := l.LogEndOffset()
	for name, offset := range map[string]int64{"tail": end - 16, "middle": end / 2} {
		if n := testing.AllocsPerRun(500, func() {
			s, err := l.Read(offset, 1<<20, end, true)
			if err != nil || s.SizeBytes == 0 {
				t.Fatal(s.SizeBytes, err)
			}
			s.Release()
		}); n > 3 {
			t.Errorf("a read at the %s allocates %v times", name, n)
		}
	}
}
