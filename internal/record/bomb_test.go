package record

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// zeros gives n zero bytes.
func zeros(n int64) io.Reader { return io.LimitReader(zeroReader{}, n) }

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// bomb is a batch of one record whose value is size zero bytes, compressed.
func bomb(t testing.TB, c Codec, size int64) Batch {
	t.Helper()
	head := []byte{0, 0, 0, 1} // attributes, timestamp delta, offset delta, null key
	head = appendVarint(head, size)
	whole := appendVarint(nil, int64(len(head))+size+1)
	records := io.MultiReader(bytes.NewReader(append(whole, head...)), zeros(size+1))
	b, err := compress(make([]byte, HeaderSize), c, 0, records)
	if err != nil {
		t.Fatal(err)
	}
	builder := Builder{Codec: c, ProducerID: -1, ProducerEpoch: -1, BaseSequence: -1}
	builder.header(b, 0, 1, 1700000000000, 1700000000000)
	return b
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestBombs: what a batch says it holds is never in memory whole. What the codecs take besides is their windows' (8 MB for zstd), more than
// once under the race detector, where pools forget.
func TestBombs(t *testing.T) {
	const size, limit = 32 << 20, 1 << 20
	for c := Gzip; c <= Zstd; c++ {
		b := bomb(t, c, size)
		t.Logf("%s: %d bytes make %d", c, len(b), size)
		var err error
		used := allocated(func() {
			for _, rerr := range Records(b, limit) {
				err = rerr
			}
		})
		if !errors.Is(err, errBomb) || used >= size {
			t.Errorf("%s: Records used %d bytes: %v", c, used, err)
		}
		// Below the limit a large batch is fine, and takes the memory of its codec's window alone.
		rules := topicRules("plain")
		rules.MaxMessageBytes = len(b)
		used = allocated(func() { _, err = Check(b, rules, FromClient, 1700000000000) })
		if err != nil || c != Snappy && used >= size {
			t.Errorf("%s: Check used %d bytes: %v", c, used, err)
		}
		w, err := walk(b, limit)
		if err != nil {
			t.Fatal(err)
		}
		var e entry
		if err := w.next(&e); !errors.Is(err, errBomb) {
			t.Errorf("%s: %v after %d bytes", c, err, limit)
		}
		w.done()
		rules.Codec = None
		var refusal *Refusal
		used = allocated(func() { _, err = Check(b, rules, FromClient, 1700000000000) })
		if !errors.As(err, &refusal) || refusal.Reason != TooLarge || c != Snappy && used >= size {
			t.Errorf("%s: decompressing used %d bytes: %v", c, used, err)
		}
	}
}

// TestZstdWindow: a frame may announce a window of 128 MB and hold nothing; what is not there takes no memory.
func TestZstdWindow(t *testing.T) {
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 17 << 3, 1, 0, 0} // 128 MB; one empty raw block
	var plain []byte
	var err error
	used := allocated(func() { plain, err = decompress(nil, Zstd, frame, 1<<20) })
	if err != nil || len(plain) != 0 {
		t.Errorf("%d bytes, %v", len(plain), err)
	}
	if used > 3<<20 {
		t.Errorf("used %d bytes", used)
	}
	// What level 22 writes is read, and a larger window refused.
	var out bytes.Buffer
	e, err := zstd.NewWriter(&out, zstd.WithWindowSize(zstdWindowMax), zstd.WithEncoderConcurrency(1), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(e, zeros(1<<20)); err != nil {
		t.Fatal(err)
	}
	e.Close()
	small, err := compressBytes(nil, Zstd, 0, []byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	used = allocated(func() { plain, err = decompress(nil, Zstd, append(small, out.Bytes()...), 1<<20+6) })
	if err != nil || len(plain) != 1<<20+6 || string(plain[:7]) != "before\x00" || used > 24<<20 {
		t.Errorf("%d bytes, %v; used %d", len(plain), err, used)
	}
	frame[5] = 18 << 3
	if _, err := decompress(nil, Zstd, frame, 1<<20); !errors.Is(err, ErrCorrupt) {
		t.Errorf("window of 256 MB: %v", err)
	}
}
