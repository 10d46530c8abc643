package segment

import (
	"encoding/binary"
	"fmt"
	"sync"
	"testing"

	"milena/internal/record"
	"milena/internal/vfs/memfs"
)

var testLimits = Limits{IndexIntervalBytes: 50, IndexBytes: 10 << 20}

func newTestSegment(t testing.TB, cache *FileCache, base int64) (*Segment, *memfs.FS) {
	t.Helper()
	fs := memfs.New()
	if err := fs.MkdirAll("topic-0"); err != nil {
		t.Fatal(err)
	}
	s, err := Create(NewDir(fs, cache, "topic-0"), base, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s, fs
}

func fill(t testing.TB, s *Segment, from, n int64) {
	t.Helper()
	for i := range n {
		b, err := record.Builder{BaseOffset: from + i, ProducerID: -1, ProducerEpoch: -1, BaseSequence: -1}.Build(
			[]record.Record{{TimestampMs: (from + i) * 10, Value: []byte("value")}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Append(b, testLimits, 0); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFileNames(t *testing.T) {
	for name, want := range map[string]string{
		"00000000000000000042.log":             "42 0 \"\" true",
		"00000000000000000042.index":           "42 1 \"\" true",
		"00000000000000000042.timeindex":       "42 2 \"\" true",
		"00000000000000000042.txnindex":        "42 3 \"\" true",
		"00000000000000000042.snapshot":        "42 4 \"\" true",
		"00000000000000000042.log.deleted":     "42 0 \".deleted\" true",
		"00000000000000000042.index.swap":      "42 1 \".swap\" true",
		"42.log":                               "0 0 \"\" false",
		"-0000000000000000042.log":             "0 0 \"\" false",
		"99999999999999999999.log":             "0 0 \"\" false",
		"00000000000000000042.other":           "0 0 \"\" false",
		"leader-epoch-checkpoint":              "0 0 \"\" false",
		"00000000000000000042":                 "0 0 \"\" false",
		"00000000000000000042.log.cleaned.bak": "42 0 \".cleaned.bak\" true",
	} {
		base, kind, suffix, ok := ParseFileName(name)
		if got := fmt.Sprintf("%d %d %q %v", base, kind, suffix, ok); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if name := FileName(1234, Log); name != "00000000000000001234.log" {
		t.Error(name)
	}
}

// TestIndexSearch finds every offset in an index that is partly on disk and partly in memory, and after all of it is on disk.
func TestIndexSearch(t *testing.T) {
	const base, n = 1000, 3000
	s, _ := newTestSegment(t, nil, base)
	fill(t, s, base, n)
	check := func(what string) {
		t.Helper()
		for offset := int64(base); offset < base+n; offset++ {
			f, ok, err := s.Find(offset, s.SizeBytes())
			if err != nil || !ok || f.Header.BaseOffset != offset {
				t.Fatalf("%s: %d is at %+v, %v, %v", what, offset, f, ok, err)
			}
			r, ok, err := s.FindByTimestamp(offset*10-5, base, base+n)
			if err != nil || !ok || r.Offset != offset {
				t.Fatalf("%s: time %d is at %+v, %v, %v", what, offset*10-5, r, ok, err)
			}
		}
		if _, ok, err := s.Find(base+n, s.SizeBytes()); ok || err != nil {
			t.Fatalf("%s: found what is not there, %v", what, err)
		}
		if next, err := s.NextOffset(); err != nil || next != base+n {
			t.Fatalf("%s: next offset is %d, %v", what, next, err)
		}
	}
	check("being written")
	if err := s.Seal(); err != nil {
		t.Fatal(err)
	}
	check("sealed")
	s.CloseFiles()
	check("closed files")
	s = Open(s.Dir(), base, s.SizeBytes(), 0, 0)
	check("opened")
}

// TestPreallocatedIndex: the zeros that Kafka leaves behind its entries when it is killed are no entries.
func TestPreallocatedIndex(t *testing.T) {
	s, fs := newTestSegment(t, nil, 0)
	fill(t, s, 0, 100)
	if err := s.Seal(); err != nil {
		t.Fatal(err)
	}
	want, err := s.offsets.count(s)
	if err != nil || want < 10 {
		t.Fatal(want, err)
	}
	f, err := fs.OpenReadWrite("topic-0/" + FileName(0, OffsetIndex))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(10 << 20); err != nil {
		t.Fatal(err)
	}
	again := Open(s.Dir(), 0, s.SizeBytes(), 0, 0)
	if got, err := again.offsets.count(again); err != nil || got != want {
		t.Errorf("%d entries, %v, want %d", got, err, want)
	}
}

// TestIndexLayout holds the entries' bytes.
func TestIndexLayout(t *testing.T) {
	s, fs := newTestSegment(t, nil, 7)
	fill(t, s, 7, 3)
	if err := s.AddAborted(AbortedTxn{ProducerID: 1, FirstOffset: 7, LastOffset: 8, LastStableOffset: 9}); err != nil {
		t.Fatal(err)
	}
	if err := s.Seal(); err != nil {
		t.Fatal(err)
	}
	batch := uint32(s.SizeBytes() / 3)
	for kind, want := range map[Kind][]uint32{
		OffsetIndex: {1, batch, 2, 2 * batch},
		TimeIndex:   {0, 80, 1, 0, 90, 2},
	} {
		f, err := fs.Open("topic-0/" + FileName(7, kind))
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 4*len(want))
		if size, err := f.Size(); err != nil || size != int64(len(b)) {
			t.Fatalf("%s has %d bytes, %v, want %d", kind.Extension(), size, err, len(b))
		}
		if _, err := f.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		for i, w := range want {
			if got := binary.BigEndian.Uint32(b[4*i:]); got != w {
				t.Errorf("%s: word %d is %d, want %d", kind.Extension(), i, got, w)
			}
		}
	}
	var got []AbortedTxn
	if err := s.Aborted(func(a AbortedTxn) bool { got = append(got, a); return true }); err != nil || len(got) != 1 ||
		got[0] != (AbortedTxn{ProducerID: 1, FirstOffset: 7, LastOffset: 8, LastStableOffset: 9}) {
		t.Errorf("aborted %v, %v", got, err)
	}
}

// TestFileCache: many segments read at the same time through few files.
func TestFileCache(t *testing.T) {
	const limit, segments = 8, 40
	cache := NewFileCache(limit)
	var list []*Segment
	for range segments {
		s, _ := newTestSegment(t, cache, 0)
		fill(t, s, 0, 20)
		list = append(list, s)
	}
	if n := cache.Open(); n > limit {
		t.Errorf("%d files are open", n)
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				s := list[(i*7+worker*13)%segments]
				if f, ok, err := s.Find(int64(i%20), s.SizeBytes()); err != nil || !ok || f.Header.BaseOffset != int64(i%20) {
					t.Errorf("found %+v, %v, %v", f, ok, err)
					return
				}
				if i%100 == 0 {
					s.CloseFiles()
				}
			}
		})
	}
	wg.Wait()
	held := list[0]
	f, err := held.OpenLog()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list[1:] {
		if _, _, err := s.Find(19, s.SizeBytes()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.ReadAt(make([]byte, 10), 0); err != nil {
		t.Errorf("a file in use was closed: %v", err)
	}
	held.CloseLog()
	if n := cache.Open(); n > limit {
		t.Errorf("%d files are open", n)
	}
	cache.SetLimit(limit / 2)
	if n := cache.Open(); n > limit/2 {
		t.Errorf("%d files are open under the lower limit", n)
	}
	for _, s := range list {
		s.Release()
	}
	if n := cache.Open(); n != 0 {
		t.Errorf("%d files are open after the last reference", n)
	}
}
