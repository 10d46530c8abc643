package peer

import (
	"bytes"
	"testing"
)

// read has a reply of size bytes come into memory that is used again, and gives that memory.
func (r *recycled) read(t *testing.T, size int) []byte {
	t.Helper()
	want := bytes.Repeat([]byte{byte(size)}, size)
	b, err := readBytes(bytes.NewReader(append(want, "the next reply"...)), r.take(size), size)
	if err != nil || !bytes.Equal(b, want) {
		t.Fatalf("a reply of %d bytes: got %d, error %v", size, len(b), err)
	}
	r.b = b
	return b
}

func TestMemoryIsUsedAgain(t *testing.T) {
	var r recycled
	r.read(t, 60)
	large := r.read(t, 5<<20)
	if cap(large) > 8<<20 {
		t.Errorf("%d bytes are reserved for a reply of %d", cap(large), 5<<20)
	}
	if again := r.read(t, 3<<20); &again[0] != &large[0] {
		t.Error("a reply that fits has memory of its own")
	}
	for range keptSmall - 1 {
		r.read(t, 60)
	}
	if r.read(t, 2<<20); cap(r.b) < 5<<20 {
		t.Error("memory went after few small replies")
	}
	for range keptSmall + 1 {
		r.read(t, 60)
	}
	if cap(r.b) > 1<<20 {
		t.Errorf("%d bytes are held for small replies", cap(r.b))
	}
	if _, err := readBytes(bytes.NewReader(make([]byte, 10)), nil, 11); err == nil {
		t.Error("a reply that ends early is taken")
	}
}

func TestReadsOfLargeRepliesAllocateOnce(t *testing.T) {
	var r recycled
	reply := make([]byte, 4<<20)
	source := bytes.NewReader(reply)
	if n := testing.AllocsPerRun(20, func() {
		source.Reset(reply)
		r.b, _ = readBytes(source, r.take(len(reply)), len(reply))
	}); n > 0 {
		t.Errorf("%v allocations a reply", n)
	}
}
