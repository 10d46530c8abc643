package record

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// Layout of a v2 batch; all numbers are big endian, sizes in bytes.
//
//	 0  base offset             8
//	 8  batch length            4   of what follows this field
//	12  partition leader epoch  4
//	16  magic                   1   2
//	17  CRC-32C                 4   of everything from attributes on
//	21  attributes              2   bits 0-2 codec, 3 LogAppendTime, 4 transactional, 5 control, 6 delete horizon
//	23  last offset delta       4
//	27  base timestamp          8   the delete horizon where bit 6 is set
//	35  max timestamp           8
//	43  producer id             8   -1 none
//	51  producer epoch          2   -1 none
//	53  base sequence           4   -1 none
//	57  record count            4
//	61  records                     compressed as a whole where codec is not 0
const (
	// LogOverhead is base offset and batch length, which stand before every batch or message of any format.
	LogOverhead = 12
	// HeaderSize is a v2 batch without records.
	HeaderSize = 61

	posLength          = 8
	posLeaderEpoch     = 12
	posMagic           = 16
	posCRC             = 17
	posAttributes      = 21
	posLastOffsetDelta = 23
	posBaseTimestamp   = 27
	posMaxTimestamp    = 35
	posProducerID      = 43
	posProducerEpoch   = 51
	posBaseSequence    = 53
	posCount           = 57

	attrCodec         = 0x07
	attrLogAppendTime = 0x08
	attrTransactional = 0x10
	attrControl       = 0x20
	attrDeleteHorizon = 0x40
)

// Codec is a compression codec by Kafka's number.
type Codec int8

const (
	None Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

// String is Kafka's name of the codec, as in compression.type.
func (c Codec) String() string {
	switch c {
	case ProducerCodec:
		return "producer"
	case None:
		return "none"
	case Gzip:
		return "gzip"
	case Snappy:
		return "snappy"
	case LZ4:
		return "lz4"
	case Zstd:
		return "zstd"
	}
	return fmt.Sprintf("unknown codec %d", int8(c))
}

// TimestampType is who set a batch's timestamps.
type TimestampType int8

const (
	CreateTime TimestampType = iota
	LogAppendTime
)

// String is Kafka's name of the type, as dump-log and the consumer print it.
func (t TimestampType) String() string {
	if t == LogAppendTime {
		return "LogAppendTime"
	}
	return "CreateTime"
}

// Batch is a view of one whole v2 batch, from base offset to the last record. Its accessors do not check; Next does.
type Batch []byte

func (b Batch) u16(pos int) uint16 { return binary.BigEndian.Uint16(b[pos:]) }
func (b Batch) u32(pos int) uint32 { return binary.BigEndian.Uint32(b[pos:]) }
func (b Batch) u64(pos int) uint64 { return binary.BigEndian.Uint64(b[pos:]) }

// BaseOffset is the offset of the first record as it was written; the cleaner may have taken that record out since.
func (b Batch) BaseOffset() int64 { return int64(b.u64(0)) }

// LastOffset is the offset of the last record as it was written.
func (b Batch) LastOffset() int64 { return b.BaseOffset() + int64(b.LastOffsetDelta()) }

// NextOffset is the offset after the batch.
func (b Batch) NextOffset() int64 { return b.LastOffset() + 1 }

// LastOffsetDelta is the last offset relative to the base.
func (b Batch) LastOffsetDelta() int32 { return int32(b.u32(posLastOffsetDelta)) }

// SizeBytes is the size that the length field states, LogOverhead included; of a batch cut by Next it is len(b).
func (b Batch) SizeBytes() int { return LogOverhead + int(int32(b.u32(posLength))) }

// LeaderEpoch is the epoch of the leader that appended the batch.
func (b Batch) LeaderEpoch() int32 { return int32(b.u32(posLeaderEpoch)) }

// Magic is the message format: 2.
func (b Batch) Magic() int8 { return int8(b[posMagic]) }

// CRC is the stored checksum.
func (b Batch) CRC() uint32 { return b.u32(posCRC) }

// Attributes are the raw flags.
func (b Batch) Attributes() int16 { return int16(b.u16(posAttributes)) }

// Codec is how the records are compressed; it may be a number that no codec has.
func (b Batch) Codec() Codec { return Codec(b[posAttributes+1] & attrCodec) }

// TimestampType is who set the timestamps.
func (b Batch) TimestampType() TimestampType {
	return TimestampType(b[posAttributes+1] & attrLogAppendTime >> 3)
}

// IsTransactional says that the batch belongs to a transaction.
func (b Batch) IsTransactional() bool { return b[posAttributes+1]&attrTransactional != 0 }

// IsControl says that the batch holds a control record (a transaction's end marker, for instance) and nothing for consumers.
func (b Batch) IsControl() bool { return b[posAttributes+1]&attrControl != 0 }

// DeleteHorizonMs is when the cleaner may drop the batch's tombstones or marker (KIP-534); ok is false where none is set.
func (b Batch) DeleteHorizonMs() (ms int64, ok bool) {
	if b[posAttributes+1]&attrDeleteHorizon == 0 {
		return -1, false
	}
	return int64(b.u64(posBaseTimestamp)), true
}

// FirstTimestamp is what the records' timestamps are relative to: the first record's, or the delete horizon where one is set.
func (b Batch) FirstTimestamp() int64 { return int64(b.u64(posBaseTimestamp)) }

// MaxTimestamp is the largest timestamp of the batch; with LogAppendTime, that of every record.
func (b Batch) MaxTimestamp() int64 { return int64(b.u64(posMaxTimestamp)) }

// ProducerID is the idempotent producer's id, -1 for none.
func (b Batch) ProducerID() int64 { return int64(b.u64(posProducerID)) }

// ProducerEpoch is the producer's epoch, -1 for none.
func (b Batch) ProducerEpoch() int16 { return int16(b.u16(posProducerEpoch)) }

// BaseSequence is the first record's sequence number, -1 for none (also in control batches).
func (b Batch) BaseSequence() int32 { return int32(b.u32(posBaseSequence)) }

// LastSequence is the last record's sequence number, which starts again at 0 after the largest int32; -1 for none.
func (b Batch) LastSequence() int32 { return lastSequence(b.BaseSequence(), b.LastOffsetDelta()) }

// Count is the number of records.
func (b Batch) Count() int32 { return int32(b.u32(posCount)) }

// Payload is the records, compressed or not.
func (b Batch) Payload() []byte { return b[HeaderSize:] }

func lastSequence(base, delta int32) int32 {
	if base < 0 {
		return -1
	}
	return int32((int64(base) + int64(delta)) & 0x7fffffff)
}

// SetBaseOffset and SetLeaderEpoch stamp in place; the CRC does not cover them.
func (b Batch) SetBaseOffset(o int64)  { binary.BigEndian.PutUint64(b, uint64(o)) }
func (b Batch) SetLeaderEpoch(e int32) { binary.BigEndian.PutUint32(b[posLeaderEpoch:], uint32(e)) }

// SetLastOffset stamps the base offset so that the last record gets offset o.
func (b Batch) SetLastOffset(o int64) { b.SetBaseOffset(o - int64(b.LastOffsetDelta())) }

// SetMaxTimestamp stamps timestamp type and largest timestamp in place; where that changes something, the CRC is computed anew.
func (b Batch) SetMaxTimestamp(t TimestampType, ms int64) {
	if b.TimestampType() == t && b.MaxTimestamp() == ms {
		return
	}
	b[posAttributes+1] = b[posAttributes+1]&^attrLogAppendTime | byte(t)<<3
	binary.BigEndian.PutUint64(b[posMaxTimestamp:], uint64(ms))
	b.SetCRC()
}

// SetCRC computes the CRC-32C and stores it.
func (b Batch) SetCRC() { binary.BigEndian.PutUint32(b[posCRC:], b.computeCRC()) }

func (b Batch) computeCRC() uint32 {
	return crc32.Checksum(b[posAttributes:], castagnoli)
}

// castagnoli is never written to; the standard library computes it in hardware where there is an instruction for it.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// CheckCRC verifies the CRC-32C; the error wraps ErrCorrupt.
func (b Batch) CheckCRC() error {
	stored, computed := b.CRC(), b.computeCRC()
	if stored == computed {
		return nil
	}
	return fmt.Errorf("%w: Record is corrupt (stored crc = %d, computed crc = %d)", ErrCorrupt, stored, computed)
}

// Next cuts the first whole v2 batch off b, checking sizes and magic (not the CRC).
// ErrTruncated where b ends inside it, io.EOF where b is empty.
func Next(b []byte) (batch Batch, rest []byte, err error) {
	if len(b) == 0 {
		return nil, nil, io.EOF
	}
	size, err := frame(b)
	if err != nil {
		return nil, b, err
	}
	if magic := int8(b[posMagic]); magic != 2 {
		return nil, b, fmt.Errorf("%w: magic %d where 2 is expected", ErrCorrupt, magic)
	}
	if size < HeaderSize {
		return nil, b, sizeError(size-LogOverhead, HeaderSize-LogOverhead)
	}
	batch = Batch(b[:size:size])
	if batch.LastOffsetDelta() < 0 {
		return nil, b, fmt.Errorf("%w: last offset delta is %d", ErrCorrupt, batch.LastOffsetDelta())
	}
	return batch, b[size:], nil
}

// frame is the whole size of the batch or message of any format that b begins with. ErrTruncated where b ends inside it.
func frame(b []byte) (sizeBytes int, err error) {
	if len(b) < LogOverhead {
		return 0, ErrTruncated
	}
	length := int(int32(binary.BigEndian.Uint32(b[posLength:])))
	if length < minMessageSize {
		return 0, sizeError(length, minMessageSize)
	}
	if len(b) <= posMagic {
		return 0, ErrTruncated
	}
	if magic := int8(b[posMagic]); magic < 0 || magic > 2 {
		return 0, fmt.Errorf("%w: Invalid magic found in record: %d", ErrCorrupt, magic)
	}
	if len(b) < LogOverhead+length {
		return 0, ErrTruncated
	}
	return LogOverhead + length, nil
}

func sizeError(length, least int) error {
	return fmt.Errorf("%w: Record size %d is less than the minimum record overhead (%d)", ErrCorrupt, length, least)
}
