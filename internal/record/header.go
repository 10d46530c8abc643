package record

import (
	"encoding/binary"
	"fmt"
)

// minMessageSize is the least length of a v0 message: CRC, magic, attributes, key size, value size.
const minMessageSize = 14

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

// Codec is how the batch's records are compressed.
func (h *Header) Codec() Codec {
	if h.Magic < 2 {
		return Codec(h.Attributes & legacyAttrCodec)
	}
	return Codec(h.Attributes & attrCodec)
}

// TimestampType is who set the timestamps; format v0 has none, which counts as CreateTime.
func (h *Header) TimestampType() TimestampType {
	if h.Magic > 0 && h.Attributes&attrLogAppendTime != 0 {
		return LogAppendTime
	}
	return CreateTime
}

// IsTransactional and IsControl are false for the old formats.
func (h *Header) IsTransactional() bool { return h.Magic >= 2 && h.Attributes&attrTransactional != 0 }
func (h *Header) IsControl() bool       { return h.Magic >= 2 && h.Attributes&attrControl != 0 }

// LastSequence is the sequence number of the last record, -1 for none.
func (h *Header) LastSequence() int32 {
	return lastSequence(h.BaseSequence, int32(h.LastOffset-h.BaseOffset))
}

// DeleteHorizonMs is when the cleaner may drop tombstones or marker of the batch; ok is false where none is set.
func (h *Header) DeleteHorizonMs() (ms int64, ok bool) {
	if h.Magic < 2 || h.Attributes&attrDeleteHorizon == 0 {
		return -1, false
	}
	return h.FirstTimestamp, true
}

// ParseHeader decodes the head of a batch from its first HeaderSize bytes (fewer do at the end of old message sets), to walk
// a segment without reading the records. For a compressed v0/v1 message BaseOffset and LastOffset are the wrapper's.
// ErrTruncated where b is too short for the head; other errors wrap ErrCorrupt.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < LogOverhead {
		return Header{}, ErrTruncated
	}
	h := Header{BaseOffset: int64(binary.BigEndian.Uint64(b)), LeaderEpoch: -1}
	length := int(int32(binary.BigEndian.Uint32(b[posLength:])))
	h.SizeBytes = LogOverhead + length
	if length < minMessageSize {
		return h, sizeError(length, minMessageSize)
	}
	if len(b) <= posMagic {
		return h, ErrTruncated
	}
	h.Magic = int8(b[posMagic])
	switch h.Magic {
	case 0, 1:
		return parseLegacyHeader(b, h, length)
	case 2:
	default:
		return h, fmt.Errorf("%w: Invalid magic found in record: %d", ErrCorrupt, h.Magic)
	}
	if length < HeaderSize-LogOverhead {
		return h, sizeError(length, HeaderSize-LogOverhead)
	}
	if len(b) < HeaderSize {
		return h, ErrTruncated
	}
	v := Batch(b)
	if v.LastOffsetDelta() < 0 {
		return h, fmt.Errorf("%w: last offset delta is %d", ErrCorrupt, v.LastOffsetDelta())
	}
	h.LastOffset = v.LastOffset()
	h.LeaderEpoch = v.LeaderEpoch()
	h.CRC = v.CRC()
	h.Attributes = v.Attributes()
	h.FirstTimestamp, h.MaxTimestamp = v.FirstTimestamp(), v.MaxTimestamp()
	h.ProducerID, h.ProducerEpoch = v.ProducerID(), v.ProducerEpoch()
	h.BaseSequence, h.Count = v.BaseSequence(), v.Count()
	return h, nil
}

// parseLegacyHeader fills in what a v0 or v1 message knows.
//
//	 0  offset       8   a compressed wrapper's is that of its last message
//	 8  length       4
//	12  CRC-32       4   IEEE, of everything from magic on
//	16  magic        1   0 or 1
//	17  attributes   1   bits 0-2 codec, 3 LogAppendTime (v1)
//	18  timestamp    8   v1 only
//	    key size     4   -1 null
//	    key
//	    value size   4   -1 null
//	    value            of a wrapper: the compressed messages
func parseLegacyHeader(b []byte, h Header, length int) (Header, error) {
	h.LastOffset = h.BaseOffset
	h.FirstTimestamp, h.MaxTimestamp = -1, -1
	h.ProducerID, h.ProducerEpoch, h.BaseSequence, h.Count = -1, -1, -1, -1
	if len(b) <= legacyPosAttributes {
		return h, ErrTruncated
	}
	h.CRC = binary.BigEndian.Uint32(b[legacyPosCRC:])
	h.Attributes = int16(b[legacyPosAttributes])
	if h.Magic == 1 {
		if length < minMessageSize+8 {
			return h, sizeError(length, minMessageSize+8)
		}
		if len(b) < legacyPosTimestamp+8 {
			return h, ErrTruncated
		}
		h.MaxTimestamp = int64(binary.BigEndian.Uint64(b[legacyPosTimestamp:]))
		h.FirstTimestamp = h.MaxTimestamp
	}
	if h.Codec() == None {
		h.Count = 1
	}
	return h, nil
}

const (
	legacyPosCRC        = 12
	legacyPosAttributes = 17
	legacyPosTimestamp  = 18

	// legacyAttrCodec masks the codec of v0 and v1; zstd never was one of theirs.
	legacyAttrCodec = 0x07
)
