package record

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// golden is a segment that Apache Kafka wrote (testdata/kafka), batch by batch.
func golden(t testing.TB, name string) [][]byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "kafka", name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	var batches [][]byte
	for len(data) > 0 {
		size, err := frame(data)
		if err != nil {
			t.Fatal(err)
		}
		batches = append(batches, data[:size])
		data = data[size:]
	}
	return batches
}

// TestGoldenRecords reads what Kafka 4.3.1 (v2) and 2.4.1 (v0, v1) wrote with each codec: six records, key and value by number.
func TestGoldenRecords(t *testing.T) {
	for _, name := range []string{
		"v2-none", "v2-gzip", "v2-snappy", "v2-lz4", "v2-zstd",
		"v1-none", "v1-gzip", "v1-snappy", "v1-lz4", "v0-none", "v0-gzip", "v0-snappy", "v0-lz4",
	} {
		t.Run(name, func(t *testing.T) {
			var n int64
			for _, b := range golden(t, name) {
				if err := CheckCRC(b); err != nil {
					t.Fatal(err)
				}
				h, err := ParseHeader(b)
				if err != nil {
					t.Fatal(err)
				}
				if want := strings.TrimPrefix(name[3:], "-"); h.Codec().String() != want || fmt.Sprint("v", h.Magic) != name[:2] {
					t.Errorf("magic %d, codec %s", h.Magic, h.Codec())
				}
				largest := int64(-1)
				for r, err := range Records(b, 1<<20) {
					if err != nil {
						t.Fatal(err)
					}
					if key := fmt.Sprint("key", n+1); r.Offset != n || string(r.Key) != key {
						t.Errorf("offset %d, key %q; want %d, %q", r.Offset, r.Key, n, key)
					}
					if !strings.HasPrefix(string(r.Value), fmt.Sprintf("value number %d xxx", n+1)) {
						t.Errorf("value %q", r.Value)
					}
					if h.Magic == 2 && (len(r.Headers) != 1 || string(r.Headers[0].Value) != fmt.Sprint("v", n+1)) {
						t.Errorf("headers %q", r.Headers)
					}
					largest = max(largest, r.TimestampMs)
					n++
				}
				if largest != h.MaxTimestamp {
					t.Errorf("largest timestamp %d, header says %d", largest, h.MaxTimestamp)
				}
				if h.LastOffset != n-1 {
					t.Errorf("last offset %d after %d records", h.LastOffset, n)
				}
			}
			if n != 6 {
				t.Errorf("%d records", n)
			}
		})
	}
}

// TestGoldenFraming reads the codecs' bytes as Kafka wrote them, then compresses the same records: what Kafka reads is what Kafka writes.
func TestGoldenFraming(t *testing.T) {
	for _, codec := range []Codec{Snappy, LZ4} {
		for _, b := range golden(t, "v2-"+codec.String()) {
			payload := Batch(b).Payload()
			plain, err := decompress(nil, codec, payload, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			again, err := compressBytes(nil, codec, 0, plain)
			if err != nil {
				t.Fatal(err)
			}
			head := 7 // LZ4: magic, flags, block descriptor, header checksum
			if codec == Snappy {
				head = xerialHeaderSize
			}
			if string(again[:head]) != string(payload[:head]) {
				t.Errorf("%s: head % x, Kafka's % x", codec, again[:head], payload[:head])
			}
		}
	}
}

func TestGoldenTransaction(t *testing.T) {
	var got []string
	for _, b := range golden(t, "txn") {
		batch := Batch(b)
		if !batch.IsTransactional() || batch.ProducerID() != 5 {
			t.Errorf("offset %d: not of transaction of producer 5", batch.BaseOffset())
		}
		if !batch.IsControl() {
			continue
		}
		kind, epoch, err := ParseControl(batch)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d %s %d", batch.BaseOffset(), kind, epoch))
		again := EndMarker(batch.ProducerID(), batch.ProducerEpoch(), kind, epoch, batch.FirstTimestamp())
		again.SetBaseOffset(batch.BaseOffset())
		again.SetLeaderEpoch(batch.LeaderEpoch())
		if string(again) != string(batch) {
			t.Errorf("our marker\n% x\nKafka's\n% x", again, batch)
		}
	}
	if want := "3 COMMIT 0,7 ABORT 0,11 COMMIT 0,15 ABORT 0,17 ABORT 0"; strings.Join(got, ",") != want {
		t.Errorf("markers %s", got)
	}
}

func TestGoldenAppendTime(t *testing.T) {
	for _, b := range golden(t, "append-time") {
		batch := Batch(b)
		if batch.TimestampType() != LogAppendTime {
			t.Errorf("timestamp type %s", batch.TimestampType())
		}
		for r, err := range Records(b, 1<<20) {
			if err != nil || r.TimestampMs != batch.MaxTimestamp() {
				t.Errorf("record's time %d, batch's %d, %v", r.TimestampMs, batch.MaxTimestamp(), err)
			}
		}
	}
}

func TestGoldenCompacted(t *testing.T) {
	var got []string
	for _, b := range golden(t, "compacted") {
		batch := Batch(b)
		horizon, ok := batch.DeleteHorizonMs()
		h, _ := ParseHeader(b)
		if hh, hok := h.DeleteHorizonMs(); hh != horizon || hok != ok {
			t.Errorf("horizon %d %v of the batch, %d %v of its header", horizon, ok, hh, hok)
		}
		for r, err := range Records(b, 1<<20) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%d %s %v %v", r.Offset, r.Key, r.Value == nil, ok))
		}
	}
	if want := "2 c0 false false,3 a false true,4 b true true,5 c1 false true"; strings.Join(got, ",") != want {
		t.Errorf("records %q", got)
	}
}
