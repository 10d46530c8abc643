package compact

import (
	"context"
	"fmt"
	"testing"

	"milena/internal/commitlog"
	"milena/internal/record"
	"milena/internal/vfs"
)

// soiled is a log of so many batches of 100 records with 100 bytes each, over some keys.
func soiled(tb testing.TB, batches, keys int, codec record.Codec) *commitlog.Log {
	cfg := testConfig()
	cfg.SegmentBytes, cfg.IndexIntervalBytes = 4<<20, 4096
	tb.Chdir(tb.TempDir())
	l, err := openLog(vfs.OS{}, cfg, commitlog.OpenOptions{Clean: true})
	if err != nil {
		tb.Fatal(err)
	}
	n := 0
	for range batches {
		records := make([]record.Record, 100)
		for i := range records {
			records[i] = record.Record{Offset: int64(i), TimestampMs: firstMs, Key: []byte(fmt.Sprintf("key-%08d", n*7919%keys)), Value: make([]byte, 100)}
			n++
		}
		b, err := record.Builder{Codec: codec, ProducerID: -1, ProducerEpoch: -1, BaseSequence: -1}.Build(records)
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := l.AppendAsLeader(record.Checked{Batch: b, MaxTimestamp: firstMs, AppendTimeMs: -1}, 0, record.FromClient); err != nil {
			tb.Fatal(err)
		}
	}
	l.SetHighWatermark(l.LogEndOffset())
	if err := l.Roll(); err != nil {
		tb.Fatal(err)
	}
	if err := l.SyncSealed(); err != nil {
		tb.Fatal(err)
	}
	l.Checkpointed(l.RecoveryPoint(), l.Generation())
	return l
}

func BenchmarkClean(b *testing.B) {
	for _, codec := range []record.Codec{record.None, record.LZ4} {
		b.Run(codec.String(), func(b *testing.B) {
			l := soiled(b, 2000, 50_000, codec)
			defer l.CloseDirty()
			c := New(Options{MapBytes: 128 << 20, MapLoad: 0.9, IOBytes: 256 << 10, Throttle: &Throttle{}})
			b.ReportAllocs()
			var read int64
			for b.Loop() {
				l.SetCleanedTo(0, l.Generation())
				w, err := Look(l, firstMs)
				if err != nil {
					b.Fatal(err)
				}
				stats, err := c.Clean(context.Background(), w, firstMs)
				if err != nil {
					b.Fatal(err)
				}
				read += stats.MapBytes + stats.BytesRead
			}
			b.SetBytes(read / int64(b.N))
		})
	}
}

// TestCleaningAllocatesLittle: with every batch, not with every record, and of a bounded size.
func TestCleaningAllocatesLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	l := soiled(t, 200, 1000, record.None)
	defer l.CloseDirty()
	c := New(Options{MapBytes: 1 << 20, MapLoad: 0.9, IOBytes: 256 << 10, Throttle: &Throttle{}})
	clean := func() {
		l.SetCleanedTo(0, l.Generation())
		w, err := Look(l, firstMs)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Clean(context.Background(), w, firstMs); err != nil {
			t.Fatal(err)
		}
	}
	clean()
	if n := testing.AllocsPerRun(3, clean); n > 2000 {
		t.Errorf("%.0f allocations for 20,000 records in 200 batches", n)
	}
}
