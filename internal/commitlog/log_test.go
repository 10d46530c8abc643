package commitlog

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math"
	"testing"

	"milena/internal/config"
	"milena/internal/record"
	"milena/internal/vfs"
)

// testConfig is Kafka's defaults with small segments.
func testConfig() *config.Topic {
	return &config.Topic{
		SegmentBytes: 1 << 20, SegmentMs: 7 * 24 * 3600 * 1000, SegmentIndexBytes: 10 << 20, IndexIntervalBytes: 4096,
		RetentionBytes: -1, RetentionMs: 7 * 24 * 3600 * 1000, Delete: true, FlushMessages: math.MaxInt64, FlushMs: math.MaxInt64,
		MaxMessageBytes: 1 << 20, FileDeleteDelayMs: 60000, Codec: record.ProducerCodec,
	}
}

func testEnv(fs vfs.FS) Env {
	return Env{FS: fs, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), ProducerExpiryMs: 24 * 3600 * 1000, Failed: func(error) {}}
}

func mustOpen(t testing.TB, fs vfs.FS, dir string, cfg *config.Topic, opts OpenOptions) *Log {
	t.Helper()
	l, err := Open(testEnv(fs), dir, cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// failer is a testing.TB or a rapid.T.
type failer interface {
	Helper()
	Fatal(args ...any)
}

// batchOf builds a batch of n records of valueBytes, at timestampMs and 1 ms apart.
func batchOf(t failer, b record.Builder, n, valueBytes int, timestampMs int64) record.Checked {
	t.Helper()
	records := make([]record.Record, n)
	for i := range records {
		records[i] = record.Record{Offset: int64(i), TimestampMs: timestampMs + int64(i), Value: bytes.Repeat([]byte{'v'}, valueBytes)}
	}
	batch, err := b.Build(records)
	if err != nil {
		t.Fatal(err)
	}
	return record.Checked{Batch: batch, MaxTimestamp: timestampMs + int64(n-1), MaxTimestampOffsetDelta: int32(n - 1), AppendTimeMs: -1}
}

func plain() record.Builder {
	return record.Builder{ProducerID: -1, ProducerEpoch: -1, BaseSequence: -1}
}

func TestSmoke(t *testing.T) {
	dir := t.TempDir() + "/topic-0"
	l := mustOpen(t, vfs.OS{}, dir, testConfig(), OpenOptions{Clean: true})
	now := nowMs()
	for i := range 1000 {
		a, err := l.AppendAsLeader(batchOf(t, plain(), 10, 1000, now+int64(i)*10), 3, record.FromClient)
		if err != nil {
			t.Fatal(err)
		}
		if a.FirstOffset != int64(i)*10 {
			t.Fatalf("batch %d went to %d", i, a.FirstOffset)
		}
	}
	check := func() {
		t.Helper()
		if l.LogEndOffset() != 10000 {
			t.Fatalf("end %d", l.LogEndOffset())
		}
		for offset := int64(0); offset < 10000; offset += 7 {
			s, err := l.Read(offset, 100, 10000, true)
			if err != nil {
				t.Fatal(err)
			}
			b := make([]byte, s.SizeBytes)
			if _, err := s.Ranges[0].File.ReadAt(b, s.Ranges[0].Offset); err != nil {
				t.Fatal(err)
			}
			s.Release()
			h, err := record.ParseHeader(b)
			if err != nil || h.BaseOffset != offset/10*10 {
				t.Fatalf("read %d gave %d, %v", offset, h.BaseOffset, err)
			}
		}
	}
	check()
	at, ok, err := l.OffsetForTimestamp(now+5555, 10000)
	if err != nil || !ok || at.Offset != 5555 {
		t.Fatalf("%v %v %v", at, ok, err)
	}
	if err := l.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, vfs.OS{}, dir, testConfig(), OpenOptions{Clean: true})
	check()
	l.CloseDirty()
	l = mustOpen(t, vfs.OS{}, dir, testConfig(), OpenOptions{})
	check()
	if e, end := l.EpochEnd(3); e != 3 || end != 10000 {
		t.Fatal(e, end)
	}
	l.CloseDirty()
}
