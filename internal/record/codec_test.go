package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/pierrec/lz4/v4"
)

// text is n bytes that compress to about half, random enough that blocks differ.
func text(n int) []byte {
	rng := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + rng.IntN(8))
	}
	return b
}

// noise is n bytes that do not compress.
func noise(n int) []byte {
	rng := rand.New(rand.NewPCG(5, 6))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func TestCompressSizes(t *testing.T) {
	for c := None; c <= Zstd; c++ {
		for _, size := range []int{0, 1, 17, xerialBlockSize - 1, xerialBlockSize, xerialBlockSize + 1, lz4BlockSize, lz4BlockSize + 1, 1 << 20} {
			for _, plain := range [][]byte{text(size), noise(size)} {
				packed, err := compressBytes([]byte("head"), c, 0, plain)
				if err != nil || string(packed[:4]) != "head" {
					t.Fatal(err)
				}
				again := packed[4:]
				if c != None {
					again, err = decompress([]byte("head"), c, packed[4:], size)
					again = again[4:]
				}
				if err != nil || !bytes.Equal(again, plain) {
					t.Errorf("%s: %d bytes came back as %d, %v", c, size, len(again), err)
				}
			}
		}
	}
}

// TestLevels: a higher level makes it smaller; a number that is no level is taken as the default or the nearest one.
func TestLevels(t *testing.T) {
	plain, err := os.ReadFile("check.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		codec     Codec
		low, high int
	}{{Gzip, 1, 9}, {LZ4, 9, 12}, {Zstd, 1, 19}} {
		sizes := map[int]int{}
		for _, level := range []int{c.low, c.high, 0, -7, 100} {
			packed, err := compressBytes(nil, c.codec, level, plain)
			if err != nil {
				t.Fatal(err)
			}
			again, err := decompress(nil, c.codec, packed, len(plain))
			if err != nil || !bytes.Equal(again, plain) {
				t.Errorf("%s level %d: %v", c.codec, level, err)
			}
			sizes[level] = len(packed)
		}
		if sizes[c.high] >= sizes[c.low] {
			t.Errorf("%s: sizes by level %v", c.codec, sizes)
		}
	}
}

// TestOtherWriters reads what other programs make of the same formats.
func TestOtherWriters(t *testing.T) {
	plain := text(200000)
	read := func(name string, c Codec, packed []byte) {
		t.Helper()
		again, err := decompress(nil, c, packed, len(plain))
		if err != nil || !bytes.Equal(again, plain) {
			t.Errorf("%s: %d bytes, %v", name, len(again), err)
		}
	}
	read("one snappy block", Snappy, s2.EncodeSnappy(nil, plain))
	framed, err := compressBytes(nil, Snappy, 0, plain[:100000])
	if err != nil {
		t.Fatal(err)
	}
	joined, err := compressBytes(framed, Snappy, 0, plain[100000:])
	if err != nil {
		t.Fatal(err)
	}
	read("two snappy streams", Snappy, joined)

	var members bytes.Buffer
	for _, part := range [][]byte{plain[:5], plain[5:]} {
		w := gzip.NewWriter(&members)
		w.Write(part)
		w.Close()
	}
	read("two gzip members", Gzip, members.Bytes())

	for _, size := range []lz4.BlockSize{lz4.Block64Kb, lz4.Block256Kb, lz4.Block1Mb, lz4.Block4Mb} {
		for flags := range 8 {
			var out bytes.Buffer
			w := lz4.NewWriter(&out)
			options := []lz4.Option{lz4.BlockSizeOption(size), lz4.BlockChecksumOption(flags&1 != 0), lz4.ChecksumOption(flags&2 != 0), lz4.ConcurrencyOption(1)}
			if flags&4 != 0 {
				options = append(options, lz4.SizeOption(uint64(len(plain))))
			}
			if err := w.Apply(options...); err != nil {
				t.Fatal(err)
			}
			w.Write(plain)
			w.Close()
			read("lz4 "+size.String(), LZ4, out.Bytes())
			if flags&1 != 0 { // a wrong byte in the first block
				bad := bytes.Clone(out.Bytes())
				bad[len(bad)/3] ^= 1
				if _, err := decompress(nil, LZ4, bad, len(plain)); !errors.Is(err, ErrCorrupt) {
					t.Errorf("lz4 %s: a wrong block passes: %v", size, err)
				}
			}
		}
	}
	packed, err := compressBytes(nil, LZ4, 0, plain)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := io.ReadAll(lz4.NewReader(bytes.NewReader(packed))); err != nil || !bytes.Equal(again, plain) {
		t.Errorf("another LZ4 program reads %d bytes, %v", len(again), err)
	}
}

// TestCorruptPayloads cuts and spoils compressed bytes: an error that wraps ErrCorrupt, or the right bytes where the change is harmless.
func TestCorruptPayloads(t *testing.T) {
	plain := text(5000)
	for c := Gzip; c <= Zstd; c++ {
		packed, err := compressBytes(nil, c, 0, plain)
		if err != nil {
			t.Fatal(err)
		}
		for cut := 0; cut < len(packed); cut += 13 {
			// Snappy's framing does not say where it ends: cut between blocks it is shorter, but whole. No zstd frame at all is whole too.
			again, err := decompress(nil, c, packed[:cut], len(plain))
			if err == nil && !(c == Snappy && bytes.HasPrefix(plain, again)) && !(c == Zstd && cut == 0) || err != nil && !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s cut at %d: %v", c, cut, err)
			}
		}
		for at := 0; at < len(packed); at += 7 {
			bad := bytes.Clone(packed)
			bad[at] ^= 0x55
			if _, err := decompress(nil, c, bad, 1<<20); err != nil && !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s spoilt at %d: %v", c, at, err)
			}
		}
	}
	linked := []byte{4, 0x22, 0x4d, 0x18, lz4Version, 4 << 4, 0, 0, 0, 0, 0}
	linked[6] = byte(xxHash32(linked[4:6]) >> 8)
	if _, err := decompress(nil, LZ4, linked, 100); !errors.Is(err, errLZ4Linked) {
		t.Errorf("dependent blocks: %v", err)
	}
	huge := binary.BigEndian.AppendUint32([]byte(xerialMagic+"\x00\x00\x00\x01\x00\x00\x00\x01"), 6)
	huge = append(huge, 0xff, 0xff, 0xff, 0xff, 0x0f, 0) // says that it makes 4 GB
	if used := allocated(func() { _, err := decompress(nil, Snappy, huge, 100); mustBeCorrupt(t, err) }); used > 1<<20 {
		t.Errorf("snappy took %d bytes for a block that says 4 GB", used)
	}
}

func mustBeCorrupt(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("not corrupt: %v", err)
	}
}

// TestXXHash32 has the values of the algorithm's own tests.
func TestXXHash32(t *testing.T) {
	for in, want := range map[string]uint32{
		"": 0x02cc5d05, "a": 0x550d7456, "abc": 0x32d153ff,
		"Nobody inspects the spammish repetition": 0xe2293b2f,
	} {
		if got := xxHash32([]byte(in)); got != want {
			t.Errorf("%q: %#x, want %#x", in, got, want)
		}
	}
}

// TestPools has many goroutines use the pooled encoders and decoders at once, some of them on corrupt bytes.
func TestPools(t *testing.T) {
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 20 {
				c := Codec((g+i)%4 + 1)
				plain := text(100 * (g + 1) * (i + 1))
				packed, err := compressBytes(nil, c, i%10, plain)
				if err != nil {
					t.Error(err)
					return
				}
				if i%5 == 0 {
					decompress(nil, c, packed[:len(packed)/2], len(plain))
				}
				if again, err := decompress(nil, c, packed, len(plain)); err != nil || !bytes.Equal(again, plain) {
					t.Errorf("%s: %d bytes came back as %d, %v", c, len(plain), len(again), err)
				}
			}
		})
	}
	wg.Wait()
}
