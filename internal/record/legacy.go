package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
)

var (
	errLegacyShape  = errors.New("message sizes do not add up")
	errLegacyNested = errors.New("compressed message inside a compressed message")
	errLegacyMagic  = errors.New("inner message's magic differs from the wrapper's")
	errLegacyCRC    = errors.New("wrong checksum of a message inside a compressed message")
	errNotLegacy    = errors.New("message format v2 where an older one is expected")
	errLegacyNull   = errors.New("compressed message without a value")
)

// CheckCRC verifies the checksum of a whole batch or message of any format; the error wraps ErrCorrupt.
func CheckCRC(batch []byte) error {
	size, err := frame(batch)
	if err != nil {
		return corrupt(err)
	}
	if batch[posMagic] < 2 {
		return checkLegacyCRC(batch[:size])
	}
	if size < HeaderSize {
		return sizeError(size-LogOverhead, HeaderSize-LogOverhead)
	}
	return Batch(batch[:size]).CheckCRC()
}

// checkLegacyCRC verifies the CRC-32 of a v0 or v1 message.
func checkLegacyCRC(m []byte) error {
	stored, computed := binary.BigEndian.Uint32(m[legacyPosCRC:]), crc32.ChecksumIEEE(m[posMagic:])
	if stored == computed {
		return nil
	}
	return fmt.Errorf("%w: Record is corrupt (stored crc = %d, computed crc = %d)", ErrCorrupt, stored, computed)
}

// Message is a record of an old message set, with the checksum that each record had there.
type Message struct {
	Record
	CRC   uint32
	Valid bool // the checksum is right
}

// Messages decodes one v0 or v1 message: a record, or all records in the wrapper of a compressed message set. Checksums are reported,
// not demanded. An error wraps ErrCorrupt, or is ErrTruncated; nothing comes after it.
func Messages(batch []byte, maxBytes int) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		h, err := ParseHeader(batch)
		if err == nil && h.SizeBytes > len(batch) {
			err = ErrTruncated
		}
		if err == nil && h.Magic >= 2 {
			err = errNotLegacy
		}
		if err != nil {
			yield(Message{}, corrupt(err))
			return
		}
		if err := legacyMessages(batch[:h.SizeBytes], &h, maxBytes, yield); err != nil {
			yield(Message{}, corrupt(err))
		}
	}
}

// legacyRecords is Messages where every checksum must be right.
func legacyRecords(m []byte, h *Header, maxBytes int, yield func(Record, error) bool) {
	var bad, stopped bool
	err := legacyMessages(m, h, maxBytes, func(r Message, _ error) bool {
		bad = !r.Valid
		stopped = !bad && !yield(r.Record, nil)
		return !bad && !stopped
	})
	if bad {
		err = errLegacyCRC
	}
	if err != nil && !stopped {
		yield(Record{}, corrupt(err))
	}
}

// legacyMessages yields what it can decode; the error comes after that.
func legacyMessages(m []byte, h *Header, maxBytes int, yield func(Message, error) bool) error {
	r, err := legacyRecord(m, h)
	if err != nil {
		return err
	}
	if h.Codec() == None {
		yield(Message{Record: r, CRC: h.CRC, Valid: checkLegacyCRC(m) == nil}, nil)
		return nil
	}
	if r.Value == nil {
		return errLegacyNull
	}
	set, err := decompressLegacy(h.Codec(), r.Value, maxBytes)
	if err != nil {
		return err
	}
	// In v1 the wrapper has the offset of its last message, and the offsets inside are relative; in v0 they are absolute.
	var shift int64
	if h.Magic == 1 {
		last, err := lastInnerOffset(set)
		if err != nil {
			return err
		}
		shift = h.BaseOffset - last
	}
	for len(set) > 0 {
		size, err := frame(set)
		if err != nil {
			return err
		}
		inner, err := innerMessage(set[:size:size], h, shift)
		if err != nil {
			return err
		}
		if !yield(inner, nil) {
			return nil
		}
		set = set[size:]
	}
	return nil
}

// innerMessage decodes a message out of the wrapper h.
func innerMessage(m []byte, wrapper *Header, shift int64) (Message, error) {
	h, err := ParseHeader(m)
	switch {
	case err != nil:
		return Message{}, err
	case h.Magic != wrapper.Magic:
		return Message{}, errLegacyMagic
	case h.Codec() != None:
		return Message{}, errLegacyNested
	}
	r, err := legacyRecord(m, &h)
	if err != nil {
		return Message{}, err
	}
	r.Offset += shift
	if wrapper.TimestampType() == LogAppendTime {
		r.TimestampMs = wrapper.MaxTimestamp
	}
	return Message{Record: r, CRC: h.CRC, Valid: checkLegacyCRC(m) == nil}, nil
}

// decompressLegacy unpacks a wrapper's value. Format v0 came with a wrong checksum in the header of LZ4 frames, which is let pass.
func decompressLegacy(c Codec, value []byte, maxBytes int) ([]byte, error) {
	if c != LZ4 {
		return decompress(nil, c, value, maxBytes)
	}
	d := decoders[LZ4].Get().(*lz4Decoder)
	defer closeDecoder(LZ4, d)
	d.anyHeaderSum = true
	if err := d.open(value); err != nil {
		return nil, decodeError(c, err)
	}
	return readAll(nil, c, d, maxBytes)
}

func lastInnerOffset(set []byte) (int64, error) {
	last := int64(-1)
	for len(set) > 0 {
		size, err := frame(set)
		if err != nil {
			return 0, err
		}
		last = int64(binary.BigEndian.Uint64(set))
		set = set[size:]
	}
	return last, nil
}

// legacyRecord decodes one message's fields.
func legacyRecord(m []byte, h *Header) (Record, error) {
	r := Record{Offset: h.BaseOffset, TimestampMs: h.MaxTimestamp}
	rest := m[legacyPosTimestamp:]
	if h.Magic == 1 {
		rest = rest[8:]
	}
	var ok bool
	if r.Key, rest, ok = legacyBytes(rest); !ok {
		return r, errLegacyShape
	}
	if r.Value, rest, ok = legacyBytes(rest); !ok || len(rest) != 0 {
		return r, errLegacyShape
	}
	return r, nil
}

func legacyBytes(b []byte) (v, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	size := int(int32(binary.BigEndian.Uint32(b)))
	b = b[4:]
	if size < 0 {
		return nil, b, true
	}
	if size > len(b) {
		return nil, nil, false
	}
	return b[:size:size], b[size:], true
}
