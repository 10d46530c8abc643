package record

import (
	"bytes"
	"testing"
)

func TestSmoke(t *testing.T) {
	var recs []Record
	for i := range 100 {
		recs = append(recs, Record{TimestampMs: 1000 + int64(i), Key: []byte("k"), Value: bytes.Repeat([]byte{byte(i)}, 1000), Headers: []RecordHeader{{"h", nil}}})
	}
	for c := None; c <= Zstd; c++ {
		b, err := Builder{Codec: c, ProducerID: -1, ProducerEpoch: -1, BaseSequence: -1}.Build(recs)
		if err != nil {
			t.Fatal(err)
		}
		for to := ProducerCodec; to <= Zstd; to++ {
			got, err := Check(bytes.Clone(b), Rules{MaxMessageBytes: 1 << 20, Codec: to, TimestampBeforeMs: 1 << 60, TimestampAfterMs: 1000}, FromClient, 5000)
			if err != nil {
				t.Fatal(c, to, err)
			}
			if err := got.Batch.CheckCRC(); err != nil {
				t.Fatal(err)
			}
			n := 0
			for r, err := range Records(got.Batch, 1<<20) {
				if err != nil {
					t.Fatal(c, to, err)
				}
				if r.Offset != int64(n) || !bytes.Equal(r.Value, recs[n].Value) || r.TimestampMs != recs[n].TimestampMs || len(r.Headers) != 1 || r.Headers[0].Value != nil {
					t.Fatal(c, to, n, r)
				}
				n++
			}
			if n != 100 || got.MaxTimestamp != 1099 || got.MaxTimestampOffsetDelta != 99 {
				t.Fatal(n, got.MaxTimestamp)
			}
		}
	}
}
