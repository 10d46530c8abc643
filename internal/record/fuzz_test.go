package record

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// seeds are segments that Kafka wrote, and the produce cases.
func seeds(f *testing.F) [][]byte {
	files, err := filepath.Glob("testdata/kafka/*.log")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds: ", err)
	}
	var all [][]byte
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, b)
	}
	for _, c := range produceCases(f, 1700000000000) {
		if len(c.data) < 10000 {
			all = append(all, c.data)
		}
	}
	return all
}

// FuzzWalk steps through any bytes as through a segment, with both views of a batch's head, and reads the records.
func FuzzWalk(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for len(data) > 0 {
			h, herr := ParseHeader(data)
			batch, rest, err := Next(data)
			if err == nil {
				if herr != nil {
					t.Fatalf("Next takes what ParseHeader refuses: %v", herr)
				}
				compareHeads(t, &h, batch, len(data)-len(rest))
			} else if err != io.EOF && !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("another kind of error: %v", err)
			}
			if herr != nil {
				if !errors.Is(herr, ErrTruncated) && !errors.Is(herr, ErrCorrupt) {
					t.Fatalf("another kind of error: %v", herr)
				}
				return
			}
			for _, err := range Records(data, 1<<20) {
				if err != nil && !errors.Is(err, ErrCorrupt) {
					t.Fatalf("another kind of error: %v", err)
				}
			}
			for _, err := range Messages(data, 1<<20) {
				if err != nil && !errors.Is(err, ErrCorrupt) {
					t.Fatalf("another kind of error: %v", err)
				}
			}
			if h.SizeBytes > len(data) {
				return
			}
			data = data[h.SizeBytes:]
		}
	})
}

func compareHeads(t *testing.T, h *Header, b Batch, size int) {
	got := Header{
		BaseOffset: b.BaseOffset(), LastOffset: b.LastOffset(), SizeBytes: b.SizeBytes(), LeaderEpoch: b.LeaderEpoch(), Magic: b.Magic(),
		CRC: b.CRC(), Attributes: b.Attributes(), FirstTimestamp: b.FirstTimestamp(), MaxTimestamp: b.MaxTimestamp(),
		ProducerID: b.ProducerID(), ProducerEpoch: b.ProducerEpoch(), BaseSequence: b.BaseSequence(), Count: b.Count(),
	}
	if got != *h || size != len(b) || size != h.SizeBytes {
		t.Fatalf("the batch says %+v, its header %+v", got, *h)
	}
	if h.Codec() != b.Codec() || h.TimestampType() != b.TimestampType() || h.IsControl() != b.IsControl() ||
		h.IsTransactional() != b.IsTransactional() || h.LastSequence() != b.LastSequence() {
		t.Fatalf("the batch says %+v, its header %+v", got, *h)
	}
	if b.IsControl() {
		ParseControl(b)
	}
}

// FuzzCheck demands of every batch that Check takes that it reads back whole, with a right CRC, and offsets in sequence.
func FuzzCheck(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b, int8(ProducerCodec), false)
		f.Add(b, int8(Zstd), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, codec int8, appendTime bool) {
		if len(data) > HeaderSize { // most changed bytes would only be a wrong CRC
			if size, err := frame(data); err == nil && size >= HeaderSize {
				Batch(data[:size]).SetCRC()
			}
		}
		rules := Rules{MaxMessageBytes: 1 << 20, Codec: Codec(uint8(codec)%6) - 1, TimestampBeforeMs: 1 << 62, TimestampAfterMs: 1 << 62}
		if appendTime {
			rules.TimestampType = LogAppendTime
		}
		got, err := Check(bytes.Clone(data), rules, FromClient, 1700000000000)
		if err != nil {
			var refusal *Refusal
			if !errors.As(err, &refusal) {
				t.Fatalf("another kind of error: %v", err)
			}
			return
		}
		batch, rest, err := Next(got.Batch)
		if err != nil || len(rest) > 0 || batch.CheckCRC() != nil {
			t.Fatal("taken, but no whole batch: ", err)
		}
		if rules.Codec != ProducerCodec && batch.Codec() != rules.Codec || batch.TimestampType() != rules.TimestampType {
			t.Fatalf("codec %s, %s", batch.Codec(), batch.TimestampType())
		}
		var n int64
		largest := int64(-1)
		for r, err := range Records(batch, maxDecompressedBytes) {
			if err != nil {
				t.Fatal("taken, but a record is corrupt: ", err)
			}
			if r.Offset-batch.BaseOffset() != n {
				t.Fatalf("offset %d of record %d", r.Offset, n)
			}
			largest = max(largest, r.TimestampMs)
			n++
		}
		if n != int64(batch.Count()) || n != int64(batch.LastOffsetDelta())+1 || largest != batch.MaxTimestamp() || largest != got.MaxTimestamp {
			t.Fatalf("%d records up to %d; %d announced up to %d", n, largest, batch.Count(), batch.MaxTimestamp())
		}
	})
}

// fuzzDecoder feeds any bytes to a codec: an error or at most the limit, and what was compressed comes back.
func fuzzDecoder(f *testing.F, c Codec) {
	for _, name := range []string{"v2-" + c.String(), "v1-" + c.String(), "v0-" + c.String()} {
		if _, err := os.Stat("testdata/kafka/" + name + ".log"); err != nil {
			continue
		}
		for _, b := range golden(f, name) {
			if b[posMagic] == 2 {
				f.Add(Batch(b).Payload())
				continue
			}
			h, err := ParseHeader(b)
			if err != nil {
				f.Fatal(err)
			}
			r, err := legacyRecord(b, &h)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(r.Value)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 18
		plain, err := decompress(nil, c, b, limit)
		if err != nil && !errors.Is(err, ErrCorrupt) || len(plain) > limit && err == nil {
			t.Fatalf("%d bytes, %v", len(plain), err)
		}
		packed, err := compressBytes(nil, c, int(len(b)%12), b)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decompress(nil, c, packed, len(b))
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%d bytes came back as %d, %v", len(b), len(again), err)
		}
	})
}

func FuzzGzip(f *testing.F)   { fuzzDecoder(f, Gzip) }
func FuzzSnappy(f *testing.F) { fuzzDecoder(f, Snappy) }
func FuzzLZ4(f *testing.F)    { fuzzDecoder(f, LZ4) }
func FuzzZstd(f *testing.F)   { fuzzDecoder(f, Zstd) }
