package record

import (
	"fmt"
	"iter"
)

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
// Keys and values are slices of the batch, or of what it decompressed to; they stay valid as long as the batch does.
// After an error nothing more comes.
func Records(batch []byte, maxBytes int) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		h, err := ParseHeader(batch)
		if err == nil && h.SizeBytes > len(batch) {
			err = ErrTruncated
		}
		if err != nil {
			yield(Record{}, corrupt(err))
			return
		}
		if h.Magic < 2 {
			legacyRecords(batch[:h.SizeBytes], &h, maxBytes, yield)
			return
		}
		b := Batch(batch[:h.SizeBytes])
		payload := b.Payload()
		if b.Codec() != None {
			if payload, err = decompress(nil, b.Codec(), payload, maxBytes); err != nil {
				yield(Record{}, err)
				return
			}
		}
		decodeRecords(b, payload, yield)
	}
}

func decodeRecords(b Batch, payload []byte, yield func(Record, error) bool) {
	for range b.Count() {
		size, n := varint(payload)
		if size < 0 {
			yield(Record{}, corrupt(errRecordShape))
			return
		}
		if n == 0 || int(size) > len(payload)-n {
			yield(Record{}, corrupt(errRecordCut))
			return
		}
		r, err := decodeRecord(payload[n:n+int(size):n+int(size)], b)
		if err != nil {
			yield(Record{}, corrupt(err))
			return
		}
		payload = payload[n+int(size):]
		if !yield(r, nil) {
			return
		}
	}
	if len(payload) > 0 {
		yield(Record{}, corrupt(errRecordsLeft))
	}
}

// corrupt makes err one that says that bytes are not what they should be.
func corrupt(err error) error { return fmt.Errorf("%w: %w", ErrCorrupt, err) }

// fields reads a record's fields one after the other; after an error it stays at it.
type fields struct {
	b   []byte
	err error
}

func (f *fields) varint() int32 {
	v, n := varint(f.b)
	if n == 0 && f.err == nil {
		f.err = errRecordShape
	}
	f.b = f.b[n:]
	return v
}

func (f *fields) varlong() int64 {
	v, n := varlong(f.b)
	if n == 0 && f.err == nil {
		f.err = errRecordShape
	}
	f.b = f.b[n:]
	return v
}

// bytes reads a size and so many bytes; nil for a negative size.
func (f *fields) bytes() []byte {
	n := int(f.varint())
	if n < 0 || f.err != nil {
		return nil
	}
	if n > len(f.b) {
		f.err = errRecordShape
		return nil
	}
	v := f.b[:n:n]
	f.b = f.b[n:]
	return v
}

func decodeRecord(body []byte, b Batch) (Record, error) {
	if len(body) == 0 {
		return Record{}, errRecordShape
	}
	f := fields{b: body[1:]}
	r := Record{TimestampMs: b.FirstTimestamp() + f.varlong()}
	if b.TimestampType() == LogAppendTime {
		r.TimestampMs = b.MaxTimestamp()
	}
	r.Offset = b.BaseOffset() + int64(f.varint())
	r.Key = f.bytes()
	r.Value = f.bytes()
	count := f.varint()
	if f.err != nil {
		return r, f.err
	}
	if count < 0 || int(count) > len(f.b) {
		return r, errHeaderCount
	}
	if count > 0 {
		r.Headers = make([]RecordHeader, 0, count)
	}
	for range count {
		key := f.bytes()
		if key == nil && f.err == nil {
			return r, errHeaderKey
		}
		r.Headers = append(r.Headers, RecordHeader{Key: string(key), Value: f.bytes()})
		if f.err != nil {
			return r, f.err
		}
	}
	if len(f.b) != 0 {
		return r, errRecordSize
	}
	return r, nil
}
