package commitlog

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"milena/internal/record"
	"milena/internal/vfs/memfs"

	"pgregory.net/rapid"
)

// logFiles are the records and indexes of a log, by name.
func logFiles(t *rapid.T, fs *memfs.FS, dir string) map[string]string {
	entries, err := fs.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".log") && !strings.HasSuffix(e.Name(), "index") && !strings.HasSuffix(e.Name(), ".snapshot") {
			continue
		}
		f, err := fs.Open(dir + "/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		size, err := f.Size()
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, size)
		if _, err := f.ReadAt(b, 0); err != nil && len(b) > 0 {
			t.Fatal(err)
		}
		files[e.Name()] = string(b)
		_ = f.Close()
	}
	return files
}

// TestFollowersWriteTogetherWhatTheyGot: a follower that gets many batches at once, and writes them together, ends up with the same segments,
// indexes and producers as one that gets them one by one.
func TestFollowersWriteTogetherWhatTheyGot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs, cfg := memfs.New(), *testConfig()
		cfg.SegmentBytes = rapid.IntRange(1000, 20_000).Draw(t, "segment.bytes")
		cfg.IndexIntervalBytes = rapid.IntRange(1, 1000).Draw(t, "index.interval.bytes")
		cfg.SegmentIndexBytes = rapid.IntRange(4, 30).Draw(t, "index entries") * 12
		cfg.SegmentMs = int64(rapid.IntRange(100, 5000).Draw(t, "segment.ms"))
		open := func(dir string) *Log {
			l, err := Open(testEnv(fs), dir, &cfg, OpenOptions{Clean: true})
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		byOne, byMany := open("one-0"), open("many-0")
		defer byOne.CloseDirty()
		defer byMany.CloseDirty()
		at, next, sequence := nowMs(), int64(0), int32(0)
		var all []byte
		for range rapid.IntRange(1, 60).Draw(t, "batches") {
			b := plain()
			n := rapid.IntRange(1, 5).Draw(t, "records")
			if rapid.Bool().Draw(t, "idempotent") {
				b = record.Builder{ProducerID: 7, BaseSequence: sequence}
				sequence += int32(n)
			}
			at += int64(rapid.IntRange(0, 200).Draw(t, "later"))
			batch := record.Batch(batchOf(t, b, n, rapid.IntRange(0, 300).Draw(t, "bytes"), at).Batch)
			batch.SetBaseOffset(next)
			batch.SetLeaderEpoch(int32(next / 50))
			next += int64(n)
			if rapid.IntRange(0, 9).Draw(t, "cleaned") == 0 { // the leader's cleaner has left a gap
				next += 3
			}
			if _, err := byOne.AppendAsFollower(bytes.Clone(batch)); err != nil {
				t.Fatal(err)
			}
			all = append(all, batch...)
		}
		for len(all) > 0 {
			n := rapid.IntRange(1, len(all)).Draw(t, "got")
			if _, err := byMany.AppendAsFollower(all[:n]); err != nil {
				t.Fatal(err)
			}
			all = all[byMany.SizeBytes()-(byOne.SizeBytes()-int64(len(all))):]
			if rapid.Bool().Draw(t, "whole") && len(all) > 0 {
				if _, err := byMany.AppendAsFollower(all); err != nil {
					t.Fatal(err)
				}
				all = nil
			}
		}
		if byOne.LogEndOffset() != byMany.LogEndOffset() || byOne.SizeBytes() != byMany.SizeBytes() {
			t.Fatalf("ends %d and %d", byOne.LogEndOffset(), byMany.LogEndOffset())
		}
		if s, err := byMany.Read(byMany.LogStartOffset(), 1, byMany.LogEndOffset(), true); err != nil || s.SizeBytes == 0 {
			t.Fatalf("read: %d bytes, %v", s.SizeBytes, err)
		} else {
			s.Release()
		}
		for _, l := range []*Log{byOne, byMany} {
			if err := l.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		want, got := logFiles(t, fs, "one-0"), logFiles(t, fs, "many-0")
		if !maps.Equal(want, got) {
			names := func(m map[string]string) (out []string) {
				for _, name := range slices.Sorted(maps.Keys(m)) {
					out = append(out, fmt.Sprintf("%s: %d bytes", name, len(m[name])))
				}
				return out
			}
			t.Fatalf("one by one:\n%s\ntogether:\n%s", strings.Join(names(want), "\n"), strings.Join(names(got), "\n"))
		}
	})
}
