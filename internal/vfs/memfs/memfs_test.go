package memfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/vfs"
	"milena/internal/vfs/memfs"

	"pgregory.net/rapid"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t testing.TB, m vfs.FS, name string, data []byte, sync bool) vfs.File {
	t.Helper()
	f, err := m.Create(name)
	must(t, err)
	_, err = f.WriteAt(data, 0)
	must(t, err)
	if sync {
		must(t, f.Sync())
	}
	return f
}

func fill(b byte, n int) []byte { return bytes.Repeat([]byte{b}, n) }

func TestCrashKeepsWhatWasSynced(t *testing.T) {
	m := memfs.New()
	must(t, m.MkdirAll("a/b"))
	must(t, m.SyncDir("/"))
	must(t, m.SyncDir("/a"))
	f := create(t, m, "a/b/log", fill('s', 1500), true)
	must(t, m.SyncDir("a/b"))
	_, err := f.WriteAt(fill('u', 1500), 1500)
	must(t, err)
	lengths := make(map[int]bool)
	for seed := range uint64(200) {
		got, err := vfs.ReadFile(m.Crash(seed), "/a/b/log")
		must(t, err)
		if len(got) < 1500 || !bytes.Equal(got[:1500], fill('s', 1500)) {
			t.Fatalf("seed %d: synced bytes are gone: %d bytes", seed, len(got))
		}
		for i, b := range got[1500:] {
			if b != 'u' && b != 0 {
				t.Fatalf("seed %d: byte %d is %q", seed, 1500+i, b)
			}
		}
		lengths[len(got)] = true
		again, err := vfs.ReadFile(m.Crash(seed), "/a/b/log")
		must(t, err)
		if !bytes.Equal(got, again) {
			t.Fatalf("seed %d gives two answers", seed)
		}
	}
	for _, length := range []int{1500, 1536, 2048, 3000} {
		if !lengths[length] {
			t.Errorf("no seed cuts at %d: %v", length, lengths)
		}
	}
}

func TestCrashLosesUnsyncedNames(t *testing.T) {
	m := memfs.New()
	create(t, m, "new", []byte("x"), true)
	must(t, m.MkdirAll("dir"))
	create(t, m, "dir/f", []byte("y"), true)
	must(t, m.SyncDir("dir"))
	outcomes := make(map[string]bool)
	for seed := range uint64(50) {
		after := m.Crash(seed)
		_, err1 := after.Stat("new")
		data, err2 := vfs.ReadFile(after, "dir/f")
		if err2 == nil && string(data) != "y" {
			t.Fatalf("seed %d: dir/f has %q", seed, data)
		}
		outcomes[fmt.Sprint(err1 == nil, err2 == nil)] = true
	}
	if len(outcomes) != 4 {
		t.Errorf("outcomes %v, want all four", outcomes)
	}
}

func TestCrashInAtomicWrite(t *testing.T) {
	old, fresh := fill('o', 2000), fill('n', 3000)
	start := memfs.New()
	must(t, vfs.WriteFileAtomic(start, "cp", old))
	whole := start.Kill()
	must(t, vfs.WriteFileAtomic(whole, "cp", fresh))
	changes := whole.Changes()
	if changes != 5 {
		t.Fatalf("an atomic write is %d changes, want create, write, sync, rename, syncdir", changes)
	}
	for at := int64(1); at <= changes+1; at++ {
		for seed := range uint64(40) {
			m := start.Kill()
			m.StopAt(at)
			err := vfs.WriteFileAtomic(m, "cp", fresh)
			if (err == nil) != (at > changes) {
				t.Fatalf("stopped at %d: %v", at, err)
			}
			got, readErr := vfs.ReadFile(m.Crash(seed), "cp")
			must(t, readErr)
			if !bytes.Equal(got, fresh) && (err == nil || !bytes.Equal(got, old)) {
				t.Fatalf("stopped at %d, seed %d: %d bytes, neither old nor new", at, seed, len(got))
			}
		}
	}
}

func TestKillKeepsThePageCache(t *testing.T) {
	m := memfs.New()
	create(t, m, "f", []byte("unsynced"), false)
	l, err := m.Lock("lock")
	must(t, err)
	next := m.Kill()
	m.Stop()
	if got, err := vfs.ReadFile(next, "f"); err != nil || string(got) != "unsynced" {
		t.Fatalf("%q, %v", got, err)
	}
	_, err = next.Lock("lock")
	must(t, err)
	if _, err := vfs.ReadFile(next.Crash(0), "f"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a crash after a kill must still lose the file: %v", err)
	}
	if _, err := m.Open("f"); !errors.Is(err, memfs.ErrStopped) {
		t.Fatalf("stopped, but %v", err)
	}
	must(t, l.Close())
}

func TestFailedSyncLoses(t *testing.T) {
	m := memfs.New()
	f := create(t, m, "f", []byte("old"), true)
	must(t, m.SyncDir("/"))
	_, err := f.WriteAt([]byte("new"), 0)
	must(t, err)
	m.SetFault(memfs.FailKind(memfs.OpSync, "f", syscall.EIO))
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	m.SetFault(nil)
	must(t, f.Sync())
	if got, _ := vfs.ReadFile(m, "f"); string(got) != "new" {
		t.Errorf("the page cache has %q", got)
	}
	if got, _ := vfs.ReadFile(m.Crash(1), "f"); string(got) != "old" {
		t.Errorf("the disk has %q", got)
	}
}

func TestFullVolume(t *testing.T) {
	m := memfs.New()
	m.SetCapacity(1000)
	f := create(t, m, "f", fill('a', 900), false)
	n, err := f.WriteAt(fill('b', 200), 900)
	if n != 100 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("%d, %v", n, err)
	}
	if err := f.Truncate(2000); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	_, err = f.WriteAt(fill('c', 1000), 0) // in place
	must(t, err)
	must(t, m.Remove("f"))
	if space, _ := m.Space("/"); space.UsableBytes != 0 || space.TotalBytes != 1000 {
		t.Errorf("an open file keeps its bytes: %+v", space)
	}
	must(t, f.Close())
	if space, _ := m.Space("/"); space.UsableBytes != 1000 {
		t.Errorf("removed and closed: %+v", space)
	}
}

func TestFaults(t *testing.T) {
	m := memfs.New()
	m.Record()
	m.SetFault(memfs.FailChange(2, syscall.EIO))
	f, err := m.Create("f")
	must(t, err)
	if n, err := f.WriteAt([]byte("x"), 0); n != 0 || !errors.Is(err, syscall.EIO) {
		t.Fatal(n, err)
	}
	_, err = f.WriteAt([]byte("x"), 7)
	must(t, err)
	log := m.Log()
	want := memfs.Op{N: 3, Kind: memfs.OpWrite, Name: "f", Offset: 7, Size: 1}
	if len(log) != 3 || log[2] != want {
		t.Errorf("log %v", log)
	}
	synctest.Test(t, func(t *testing.T) {
		m := memfs.New()
		m.SetFault(func(memfs.Op) error { time.Sleep(time.Second); return nil })
		begin := time.Now()
		create(t, m, "slow", []byte("x"), true)
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("three slow operations took %v", took)
		}
	})
}

// TestTornFileAgainstModel keeps, for each byte, the values it may have after a crash: the durable one, the present one, and
// 0 where a sector was lost beyond the durable end.
func TestTornFileAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := memfs.New()
		f, err := m.Create("f")
		must(t, err)
		must(t, m.SyncDir("/"))
		var now, durable []byte
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0, 1:
				at := rapid.IntRange(0, 2000).Draw(rt, "at")
				data := fill(byte(rapid.IntRange(1, 255).Draw(rt, "byte")), rapid.IntRange(1, 1500).Draw(rt, "n"))
				_, err := f.WriteAt(data, int64(at))
				must(t, err)
				if grow := at + len(data) - len(now); grow > 0 {
					now = append(now, make([]byte, grow)...)
				}
				copy(now[at:], data)
			case 2:
				size := rapid.IntRange(0, 3000).Draw(rt, "size")
				must(t, f.Truncate(int64(size)))
				now = append(now[:min(size, len(now))], make([]byte, max(0, size-len(now)))...)
			case 3:
				must(t, f.Sync())
				durable = bytes.Clone(now)
			}
		}
		if got, err := vfs.ReadFile(m, "f"); err != nil || !bytes.Equal(got, now) {
			rt.Fatalf("reads %d bytes, want %d: %v", len(got), len(now), err)
		}
		got, err := vfs.ReadFile(m.Crash(rapid.Uint64().Draw(rt, "seed")), "f")
		must(t, err)
		if len(got) < min(len(now), len(durable)) || len(got) > max(len(now), len(durable)) {
			rt.Fatalf("%d bytes after the crash, between %d and %d expected", len(got), len(now), len(durable))
		}
		for i, b := range got {
			ok := i < len(durable) && b == durable[i] || i < len(now) && b == now[i] || i >= len(durable) && b == 0
			if !ok {
				rt.Fatalf("byte %d is %d", i, b)
			}
		}
	})
}

// TestSpaceAddsUp moves, overwrites and removes at random, and recounts.
func TestSpaceAddsUp(t *testing.T) {
	m := memfs.New()
	m.SetCapacity(1 << 20)
	random := rand.New(rand.NewPCG(1, 2))
	name := func() string { return fmt.Sprintf("f%d", random.IntN(6)) }
	for range 2000 {
		switch random.IntN(4) {
		case 0, 1:
			must(t, create(t, m, name(), fill('x', random.IntN(3000)), random.IntN(2) == 0).Close())
		case 2:
			if err := m.Rename(name(), name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		case 3:
			must(t, m.RemoveAll(name()))
		}
	}
	for _, at := range []*memfs.FS{m, m.Kill(), m.Crash(1)} {
		space, err := at.Space("/")
		must(t, err)
		entries, err := at.ReadDir("/")
		must(t, err)
		used := int64(0)
		for _, e := range entries {
			info, err := e.Info()
			must(t, err)
			used += info.Size()
		}
		if space.UsableBytes != 1<<20-used {
			t.Errorf("usable %d, want %d", space.UsableBytes, 1<<20-used)
		}
	}
}
