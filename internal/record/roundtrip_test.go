package record

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

func drawBytes(t *rapid.T, name string) []byte {
	if rapid.IntRange(0, 4).Draw(t, name+" null") == 0 {
		return nil
	}
	b := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, name)
	return append([]byte{}, bytes.Repeat(b, rapid.SampledFrom([]int{1, 1, 1, 700}).Draw(t, name+" times"))...)
}

func drawRecords(t *rapid.T) []Record {
	records := make([]Record, rapid.IntRange(1, 12).Draw(t, "count"))
	var offset int64
	gaps := rapid.Bool().Draw(t, "gaps")
	for i := range records {
		r := &records[i]
		r.Offset = offset
		offset++
		if gaps {
			offset += rapid.Int64Range(0, 100).Draw(t, "gap")
		}
		r.TimestampMs = 1700000000000 + rapid.Int64Range(-1<<40, 1<<40).Draw(t, "time")
		r.Key, r.Value = drawBytes(t, "key"), drawBytes(t, "value")
		for range rapid.IntRange(0, 2).Draw(t, "headers") {
			r.Headers = append(r.Headers, RecordHeader{Key: rapid.StringN(0, 4, 12).Draw(t, "header"), Value: drawBytes(t, "header value")})
		}
	}
	return records
}

func sameBytes(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

func sameRecord(a, b *Record) bool {
	if a.Offset != b.Offset || a.TimestampMs != b.TimestampMs || !sameBytes(a.Key, b.Key) || !sameBytes(a.Value, b.Value) ||
		len(a.Headers) != len(b.Headers) {
		return false
	}
	for i := range a.Headers {
		if a.Headers[i].Key != b.Headers[i].Key || !sameBytes(a.Headers[i].Value, b.Headers[i].Value) {
			return false
		}
	}
	return true
}

// expect compares a batch's records with those it was built of, moved to base and, with LogAppendTime, to its time.
func expect(t *rapid.T, b Batch, want []Record) {
	i := 0
	for got, err := range Records(b, 64<<20) {
		if err != nil {
			t.Fatal(err)
		}
		w := want[i]
		w.Offset += b.BaseOffset()
		if b.TimestampType() == LogAppendTime {
			w.TimestampMs = b.MaxTimestamp()
		}
		if !sameRecord(&got, &w) {
			t.Fatalf("record %d is %+v, not %+v", i, got, w)
		}
		i++
	}
	if i != len(want) {
		t.Fatalf("%d records of %d", i, len(want))
	}
}

// TestRoundTrip builds batches, reads them back, and has franz-go's consumer and codec read them.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := drawRecords(t)
		b := Builder{
			Codec:         Codec(rapid.IntRange(0, 4).Draw(t, "codec")),
			Level:         rapid.IntRange(0, 22).Draw(t, "level"),
			Transactional: rapid.Bool().Draw(t, "transactional"),
			BaseOffset:    rapid.Int64Range(0, 1<<50).Draw(t, "base"),
			LeaderEpoch:   rapid.Int32Range(-1, 1000).Draw(t, "epoch"),
			ProducerID:    rapid.Int64Range(-1, 1000).Draw(t, "producer"),
			ProducerEpoch: rapid.Int16Range(-1, 1000).Draw(t, "producer epoch"),
			BaseSequence:  rapid.Int32Range(-1, 1<<30).Draw(t, "sequence"),
		}
		batch, err := b.Build(records)
		if err != nil {
			t.Fatal(err)
		}
		cut, rest, err := Next(batch)
		if err != nil || len(rest) > 0 || cut.CheckCRC() != nil {
			t.Fatal(err)
		}
		expect(t, cut, records)
		expectFranz(t, cut, records)

		var m kmsg.RecordBatch
		if err := m.ReadFrom(batch); err != nil {
			t.Fatal(err)
		}
		if m.FirstOffset != b.BaseOffset || m.PartitionLeaderEpoch != b.LeaderEpoch || m.ProducerID != b.ProducerID ||
			m.ProducerEpoch != b.ProducerEpoch || m.FirstSequence != b.BaseSequence || int(m.NumRecords) != len(records) ||
			m.MaxTimestamp != cut.MaxTimestamp() || m.LastOffsetDelta != cut.LastOffsetDelta() {
			t.Fatalf("kmsg reads %+v", m)
		}
		if again := m.AppendTo(nil); !bytes.Equal(again, batch) {
			t.Fatal("kmsg writes other bytes")
		}
	})
}

func expectFranz(t *rapid.T, b Batch, want []Record) {
	rp := kmsg.NewFetchResponseTopicPartition()
	rp.RecordBatches = b
	rp.HighWatermark = b.NextOffset()
	rp.LastStableOffset = b.NextOffset()
	p, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Topic: "t"}, &rp, kgo.DefaultDecompressor(), nil)
	if p.Err != nil || len(p.Records) != len(want) {
		t.Fatalf("franz-go reads %d records, %v", len(p.Records), p.Err)
	}
	for i, r := range p.Records {
		got := Record{Offset: r.Offset - b.BaseOffset(), TimestampMs: r.Timestamp.UnixMilli(), Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			got.Headers = append(got.Headers, RecordHeader{h.Key, h.Value})
		}
		if !sameRecord(&got, &want[i]) {
			t.Fatalf("franz-go reads record %d as %+v, not %+v", i, got, want[i])
		}
	}
}

// TestCheckRoundTrip sends batches through topics of every codec: records, producer and flags stay.
func TestCheckRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := drawRecords(t)
		for i := range records {
			records[i].Offset = int64(i)
		}
		b := Builder{
			Codec:         Codec(rapid.IntRange(0, 4).Draw(t, "codec")),
			Transactional: rapid.Bool().Draw(t, "transactional"),
			ProducerID:    rapid.Int64Range(0, 1000).Draw(t, "producer"),
			ProducerEpoch: rapid.Int16Range(0, 1000).Draw(t, "producer epoch"),
			BaseSequence:  rapid.Int32Range(0, 1<<30).Draw(t, "sequence"),
		}
		batch, err := b.Build(records)
		if err != nil {
			t.Fatal(err)
		}
		sent := bytes.Clone(batch)
		rules := Rules{
			MaxMessageBytes: 64 << 20, Codec: Codec(rapid.IntRange(-1, 4).Draw(t, "topic's codec")), Level: rapid.IntRange(0, 9).Draw(t, "level"),
			TimestampType:     TimestampType(rapid.IntRange(0, 1).Draw(t, "timestamp type")),
			TimestampBeforeMs: 1 << 62, TimestampAfterMs: 1 << 62,
		}
		const nowMs = 1800000000000
		got, err := Check(batch, rules, FromClient, nowMs)
		if err != nil {
			t.Fatal(err)
		}
		want := rules.Codec
		if want == ProducerCodec {
			want = b.Codec
		}
		out := got.Batch
		if out.Codec() != want || out.TimestampType() != rules.TimestampType || out.IsTransactional() != b.Transactional || out.IsControl() ||
			out.ProducerID() != b.ProducerID || out.ProducerEpoch() != b.ProducerEpoch || out.BaseSequence() != b.BaseSequence ||
			out.SizeBytes() != len(out) || out.CheckCRC() != nil {
			t.Fatalf("codec %s, %s, attributes %#x", out.Codec(), out.TimestampType(), out.Attributes())
		}
		if want == b.Codec && rules.TimestampType == CreateTime && !bytes.Equal(out, sent) {
			t.Fatal("a batch that needs no change was changed")
		}
		if want == b.Codec && &out[0] != &batch[0] {
			t.Fatal("a batch that can be stamped in place was copied")
		}
		first := 0
		for i := range records {
			if records[i].TimestampMs > records[first].TimestampMs {
				first = i
			}
		}
		if rules.TimestampType == LogAppendTime {
			if got.AppendTimeMs != nowMs || got.MaxTimestamp != nowMs || got.MaxTimestampOffsetDelta != 0 || out.MaxTimestamp() != nowMs {
				t.Fatalf("times %+v", got)
			}
		} else if got.AppendTimeMs != -1 || got.MaxTimestamp != records[first].TimestampMs || got.MaxTimestampOffsetDelta != int32(first) {
			t.Fatalf("times %d %d %d, largest at %d", got.AppendTimeMs, got.MaxTimestamp, got.MaxTimestampOffsetDelta, first)
		}
		out.SetBaseOffset(77)
		out.SetLeaderEpoch(5)
		if out.CheckCRC() != nil || out.LastOffset() != 76+int64(len(records)) || out.LeaderEpoch() != 5 {
			t.Fatal("stamping offset and epoch spoils the batch")
		}
		expect(t, out, records)
	})
}

// TestOldFormats reads what kmsg encodes: messages of v0 and v1, alone and wrapped, as producers and old brokers wrote them.
func TestOldFormats(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		magic := int8(rapid.IntRange(0, 1).Draw(t, "magic"))
		codec := Codec(rapid.IntRange(0, 3).Draw(t, "codec"))
		appendTime := magic == 1 && rapid.Bool().Draw(t, "append time")
		records := drawRecords(t)
		if codec == None {
			records = records[:1]
		}
		base := rapid.Int64Range(0, 1<<40).Draw(t, "base")
		last := base + records[len(records)-1].Offset
		var set []byte
		for i := range records {
			r := &records[i]
			offset := r.Offset
			r.Offset += base
			if magic == 0 || codec == None {
				offset = r.Offset
			}
			r.Headers = nil
			set = append(set, oldMessage(magic, 0, offset, r.TimestampMs, r.Key, r.Value)...)
		}
		const stamp = 1750000000000
		if codec != None {
			packed, err := compressBytes(nil, codec, 0, set)
			if err != nil {
				t.Fatal(err)
			}
			if codec == LZ4 && magic == 0 {
				packed[6] = byte(xxHash32(packed[:6]) >> 8) // the checksum as producers of v0 computed it
			}
			attributes := int8(codec)
			if appendTime {
				attributes |= attrLogAppendTime
			}
			set = oldMessage(magic, attributes, last, stamp, nil, packed)
		} else {
			appendTime = false
		}
		if err := CheckCRC(set); err != nil {
			t.Fatal(err)
		}
		i := 0
		for got, err := range Records(set, 64<<20) {
			if err != nil {
				t.Fatal(err)
			}
			want := records[i]
			if magic == 0 {
				want.TimestampMs = -1
			}
			if appendTime {
				want.TimestampMs = stamp
			}
			if !sameRecord(&got, &want) {
				t.Fatalf("record %d is %+v, not %+v", i, got, want)
			}
			i++
		}
		if i != len(records) {
			t.Fatalf("%d records of %d", i, len(records))
		}
	})
}

// oldMessage encodes a v0 or v1 message with kmsg.
func oldMessage(magic, attributes int8, offset, timestamp int64, key, value []byte) []byte {
	var b []byte
	if magic == 0 {
		m := kmsg.MessageV0{Offset: offset, Magic: 0, Attributes: attributes, Key: key, Value: value}
		b = m.AppendTo(nil)
	} else {
		m := kmsg.MessageV1{Offset: offset, Magic: 1, Attributes: attributes, Timestamp: timestamp, Key: key, Value: value}
		b = m.AppendTo(nil)
	}
	binary.BigEndian.PutUint32(b[posLength:], uint32(len(b)-LogOverhead))
	binary.BigEndian.PutUint32(b[legacyPosCRC:], crc32.ChecksumIEEE(b[posMagic:]))
	return b
}
