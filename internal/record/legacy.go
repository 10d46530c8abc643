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

// legacyRecords decodes one v0 or v1 message: a record, or the wrapper of a compressed message set.
func legacyRecords(m []byte, h *Header, maxBytes int, yield func(Record, error) bool) {
	r, err := legacyRecord(m, h)
	if err != nil {
		yield(Record{}, corrupt(err))
		return
	}
	if h.Codec() == None {
		yield(r, nil)
		return
	}
	if r.Value == nil {
		yield(Record{}, corrupt(errLegacyNull))
		return
	}
	set, err := decompressLegacy(h.Codec(), r.Value, maxBytes)
	if err != nil {
		yield(Record{}, err)
		return
	}
	// In v1 the wrapper has the offset of its last message, and the offsets inside are relative; in v0 they are absolute.
	var shift int64
	if h.Magic == 1 {
		last, err := lastInnerOffset(set)
		if err != nil {
			yield(Record{}, corrupt(err))
			return
		}
		shift = h.BaseOffset - last
	}
	for inner, err := range innerMessages(set, h.Magic) {
		if err != nil {
			yield(Record{}, corrupt(err))
			return
		}
		inner.Offset += shift
		if h.TimestampType() == LogAppendTime {
			inner.TimestampMs = h.MaxTimestamp
		}
		if !yield(inner, nil) {
			return
		}
	}
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

// innerMessages decodes the messages of an unpacked wrapper, with their offsets as they stand there.
func innerMessages(set []byte, magic int8) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for len(set) > 0 {
			size, err := frame(set)
			if err != nil {
				yield(Record{}, err)
				return
			}
			m := set[:size:size]
			set = set[size:]
			h, err := ParseHeader(m)
			switch {
			case err != nil:
			case h.Magic != magic:
				err = errLegacyMagic
			case h.Codec() != None:
				err = errLegacyNested
			default:
				err = checkLegacyCRC(m)
			}
			var r Record
			if err == nil {
				r, err = legacyRecord(m, &h)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
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
