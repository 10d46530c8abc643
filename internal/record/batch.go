package record

import "iter"

// Sizes of the v2 layout, in bytes.
const (
	// LogOverhead is base offset and batch length, which stand before every batch or message of any format.
	LogOverhead = 12
	// HeaderSize is a v2 batch without records.
	HeaderSize = 61
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

// TimestampType is who set a batch's timestamps.
type TimestampType int8

const (
	CreateTime TimestampType = iota
	LogAppendTime
)

// Batch is a view of one whole v2 batch, from base offset to the last record. Its accessors do not check; Next does.
type Batch []byte

func (b Batch) BaseOffset() int64            { panic("unwritten") }
func (b Batch) LastOffset() int64            { panic("unwritten") }
func (b Batch) LeaderEpoch() int32           { panic("unwritten") }
func (b Batch) Magic() int8                  { panic("unwritten") }
func (b Batch) Codec() Codec                 { panic("unwritten") }
func (b Batch) TimestampType() TimestampType { panic("unwritten") }
func (b Batch) IsTransactional() bool        { panic("unwritten") }
func (b Batch) IsControl() bool              { panic("unwritten") }
func (b Batch) FirstTimestamp() int64        { panic("unwritten") }
func (b Batch) MaxTimestamp() int64          { panic("unwritten") }
func (b Batch) ProducerID() int64            { panic("unwritten") }
func (b Batch) ProducerEpoch() int16         { panic("unwritten") }
func (b Batch) BaseSequence() int32          { panic("unwritten") }
func (b Batch) LastSequence() int32          { panic("unwritten") }
func (b Batch) Count() int32                 { panic("unwritten") }

// SetBaseOffset and SetLeaderEpoch stamp in place; the CRC does not cover them.
func (b Batch) SetBaseOffset(o int64)  { panic("unwritten") }
func (b Batch) SetLeaderEpoch(e int32) { panic("unwritten") }

// CheckCRC verifies the CRC-32C; the error wraps ErrCorrupt.
func (b Batch) CheckCRC() error { panic("unwritten") }

// Next cuts the first whole v2 batch off b, checking sizes and magic (not the CRC).
// ErrTruncated where b ends inside it, io.EOF where b is empty.
func Next(b []byte) (batch Batch, rest []byte, err error) { panic("unwritten") }

// Header is the decoded head of a batch of any format; what an old format lacks is -1.
type Header struct {
	BaseOffset, LastOffset       int64
	SizeBytes                    int // whole, with LogOverhead
	LeaderEpoch                  int32
	Magic                        int8
	CRC                          uint32
	Attributes                   int16
	FirstTimestamp, MaxTimestamp int64
	ProducerID                   int64
	ProducerEpoch                int16
	BaseSequence                 int32
	Count                        int32
}

// ParseHeader decodes the head of a batch from its first HeaderSize bytes (fewer do at the end of old message sets), to walk
// a segment without reading the records. For a compressed v0/v1 message BaseOffset and LastOffset are the wrapper's.
func ParseHeader(b []byte) (Header, error) { panic("unwritten") }

// RecordHeader is one header of a record.
type RecordHeader struct {
	Key   string
	Value []byte // nil is Kafka's null
}

// Record is one decoded record. Key and Value are nil for null.
type Record struct {
	Offset, TimestampMs int64
	Key, Value          []byte
	Headers             []RecordHeader
}

// Records decodes a batch of any format (decompressing no more than maxBytes; an error wraps ErrCorrupt).
func Records(batch []byte, maxBytes int) iter.Seq2[Record, error] { panic("unwritten") }

// Builder makes a v2 batch: for control records, group and transaction state, tests and tools.
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
}

// Build encodes records (offsets relative to BaseOffset, in order) as one batch.
func (b Builder) Build(records []Record) (Batch, error) { panic("unwritten") }
