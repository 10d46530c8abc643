package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Builder makes a v2 batch: for control records, group and transaction state, tests and tools.
// The zero value of ProducerID, ProducerEpoch and BaseSequence is that of a real producer: set them to -1 for none.
type Builder struct {
	Codec         Codec
	Level         int // the codec's own default where 0
	TimestampType TimestampType
	Transactional bool
	Control       bool
	BaseOffset    int64
	LeaderEpoch   int32
	ProducerID    int64 // -1 for none
	ProducerEpoch int16
	BaseSequence  int32
	// DeleteHorizonMs is when the cleaner may drop the batch's tombstones or marker, in ms since 1970 (KIP-534); 0 for none. It stands in
	// the place of the base timestamp.
	DeleteHorizonMs int64
}

// Build encodes records (offsets relative to BaseOffset, in order) as one batch: a record's Offset is 0, 1, 2 … and may leave gaps, as
// after compaction. Records that all have Offset 0 are numbered. The base timestamp is the first record's; the largest is the batch's,
// also with LogAppendTime.
func (b Builder) Build(records []Record) (Batch, error) {
	if len(records) == 0 {
		return nil, errors.New("record: a batch without records")
	}
	if last := len(records) - 1; last > 0 && records[last].Offset == 0 {
		numbered := make([]Record, len(records))
		for i, r := range records {
			if r.Offset != 0 {
				return nil, fmt.Errorf("record: relative offset %d at index %d", r.Offset, i)
			}
			r.Offset = int64(i)
			numbered[i] = r
		}
		records = numbered
	}
	base := records[0].TimestampMs
	if b.DeleteHorizonMs != 0 {
		base = b.DeleteHorizonMs
	}
	maxTimestamp := int64(-1)
	size := HeaderSize
	for i := range records {
		r := &records[i]
		if r.Offset < 0 || r.Offset > math.MaxInt32 || i > 0 && r.Offset <= records[i-1].Offset {
			return nil, fmt.Errorf("record: relative offset %d at index %d", r.Offset, i)
		}
		maxTimestamp = max(maxTimestamp, r.TimestampMs)
		body := recordSize(r, base)
		size += varintSize(int64(body)) + body
	}
	if size > math.MaxInt32 {
		return nil, fmt.Errorf("record: a batch of %d bytes", size)
	}
	out := make([]byte, HeaderSize, size)
	for i := range records {
		out = appendRecord(out, &records[i], base)
	}
	if b.Codec != None {
		var err error
		if out, err = compressBytes(make([]byte, HeaderSize, size/2+HeaderSize), b.Codec, b.Level, out[HeaderSize:]); err != nil {
			return nil, err
		}
	}
	batch := Batch(out)
	b.header(batch, int32(records[len(records)-1].Offset), int32(len(records)), base, maxTimestamp)
	return batch, nil
}

// header fills in the head of a batch whose payload stands; the CRC comes last.
func (b Builder) header(batch Batch, lastOffsetDelta, count int32, baseTimestamp, maxTimestamp int64) {
	batch.SetBaseOffset(b.BaseOffset)
	binary.BigEndian.PutUint32(batch[posLength:], uint32(len(batch)-LogOverhead))
	batch.SetLeaderEpoch(b.LeaderEpoch)
	batch[posMagic] = 2
	attributes := uint16(b.Codec) | uint16(b.TimestampType)<<3
	if b.Transactional {
		attributes |= attrTransactional
	}
	if b.Control {
		attributes |= attrControl
	}
	if b.DeleteHorizonMs != 0 {
		attributes |= attrDeleteHorizon
	}
	binary.BigEndian.PutUint16(batch[posAttributes:], attributes)
	binary.BigEndian.PutUint32(batch[posLastOffsetDelta:], uint32(lastOffsetDelta))
	binary.BigEndian.PutUint64(batch[posBaseTimestamp:], uint64(baseTimestamp))
	binary.BigEndian.PutUint64(batch[posMaxTimestamp:], uint64(maxTimestamp))
	binary.BigEndian.PutUint64(batch[posProducerID:], uint64(b.ProducerID))
	binary.BigEndian.PutUint16(batch[posProducerEpoch:], uint16(b.ProducerEpoch))
	binary.BigEndian.PutUint32(batch[posBaseSequence:], uint32(b.BaseSequence))
	binary.BigEndian.PutUint32(batch[posCount:], uint32(count))
	batch.SetCRC()
}

func bytesSize(b []byte) int {
	if b == nil {
		return 1
	}
	return varintSize(int64(len(b))) + len(b)
}

// recordSize is the size of a record's body, without the size before it.
func recordSize(r *Record, baseTimestamp int64) int {
	size := 1 + varintSize(r.TimestampMs-baseTimestamp) + varintSize(r.Offset) + bytesSize(r.Key) + bytesSize(r.Value)
	size += varintSize(int64(len(r.Headers)))
	for i := range r.Headers {
		key := len(r.Headers[i].Key)
		size += varintSize(int64(key)) + key + bytesSize(r.Headers[i].Value)
	}
	return size
}

func appendBytes(out, b []byte) []byte {
	if b == nil {
		return appendVarint(out, -1)
	}
	return append(appendVarint(out, int64(len(b))), b...)
}

func appendRecord(out []byte, r *Record, baseTimestamp int64) []byte {
	out = appendVarint(out, int64(recordSize(r, baseTimestamp)))
	out = append(out, 0)
	out = appendVarint(out, r.TimestampMs-baseTimestamp)
	out = appendVarint(out, r.Offset)
	out = appendBytes(out, r.Key)
	out = appendBytes(out, r.Value)
	out = appendVarint(out, int64(len(r.Headers)))
	for i := range r.Headers {
		out = append(appendVarint(out, int64(len(r.Headers[i].Key))), r.Headers[i].Key...)
		out = appendBytes(out, r.Headers[i].Value)
	}
	return out
}
