package groupmsg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrCorrupt is wrapped by every error about bytes that are not what their type or version says.
var ErrCorrupt = errors.New("corrupt record")

// reader takes fields from the front of b; after the first failure it yields zeros and keeps the error.
type reader struct {
	b        []byte
	flexible bool
	err      error
}

func (r *reader) fail(format string, a ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, a...))
	}
	r.b = nil
}

func (r *reader) take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.b) {
		r.fail("%d bytes wanted, %d left", n, len(r.b))
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) int8() int8 {
	if b := r.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (r *reader) int16() int16 {
	if b := r.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) int32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) int64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (r *reader) uuid() (id [16]byte) {
	copy(id[:], r.take(16))
	return id
}

func (r *reader) uvarint() int {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > math.MaxInt32 {
		r.fail("bad varint")
		return 0
	}
	r.b = r.b[n:]
	return int(v)
}

// length is that of a string, of bytes or of an array; -1 is null. Strings of the old encoding have two bytes of length, all else four.
func (r *reader) length(short bool) int {
	switch {
	case r.flexible:
		return r.uvarint() - 1
	case short:
		return int(r.int16())
	default:
		return int(r.int32())
	}
}

func (r *reader) nullableString() *string {
	n := r.length(true)
	if n < 0 || r.err != nil {
		return nil
	}
	s := string(r.take(n))
	return &s
}

func (r *reader) string() string {
	n := r.length(true)
	if n < 0 {
		r.fail("a string is null")
		return ""
	}
	return string(r.take(n))
}

func (r *reader) bytes() []byte {
	n := r.length(false)
	if n < 0 {
		r.fail("bytes are null")
		return nil
	}
	return append([]byte{}, r.take(n)...)
}

// count is the length of an array whose elements take at least that many bytes each; a longer one than the bytes allow is refused, so that a
// made-up length costs no memory.
func (r *reader) count(least int) int {
	n := r.length(false)
	if r.err != nil {
		return 0
	}
	if n < 0 {
		r.fail("an array is null")
		return 0
	}
	if n > len(r.b)/least {
		r.fail("an array of %d elements in %d bytes", n, len(r.b))
		return 0
	}
	return n
}

func (r *reader) strings() []string {
	n := r.count(1)
	s := make([]string, 0, n)
	for range n {
		s = append(s, r.string())
	}
	return s
}

func (r *reader) int32s() []int32 {
	n := r.count(4)
	s := make([]int32, 0, n)
	for range n {
		s = append(s, r.int32())
	}
	return s
}

// tags reads the tagged fields at the end of a struct; known takes those it knows, from a reader of their own.
func (r *reader) tags(known func(tag int, field *reader)) {
	if !r.flexible {
		return
	}
	for range r.uvarint() {
		tag := r.uvarint()
		field := reader{b: r.take(r.uvarint()), flexible: true}
		if r.err != nil {
			return
		}
		if known == nil {
			continue
		}
		if known(tag, &field); field.err != nil {
			r.fail("tagged field %d: %v", tag, field.err)
			return
		}
	}
}

// finish gives the error, if any. Bytes after the last field are harmless, as they are to Kafka.
func (r *reader) finish() error { return r.err }

// Appending is not checked: what does not fit a length of 16 bits never came in through a request.

func appendInt16(b []byte, v int16) []byte { return binary.BigEndian.AppendUint16(b, uint16(v)) }
func appendInt32(b []byte, v int32) []byte { return binary.BigEndian.AppendUint32(b, uint32(v)) }
func appendInt64(b []byte, v int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(v)) }

func appendUvarint(b []byte, v int) []byte { return binary.AppendUvarint(b, uint64(v)) }

// appendString and its kin write the old encoding, the ones with Compact the flexible one.

func appendString(b []byte, s string) []byte { return append(appendInt16(b, int16(len(s))), s...) }

func appendNullable(b []byte, s *string) []byte {
	if s == nil {
		return appendInt16(b, -1)
	}
	return appendString(b, *s)
}

func appendBytes(b, v []byte) []byte { return append(appendInt32(b, int32(len(v))), v...) }

func appendCompact(b []byte, s string) []byte { return append(appendUvarint(b, len(s)+1), s...) }

func appendCompactNullable(b []byte, s *string) []byte {
	if s == nil {
		return append(b, 0)
	}
	return appendCompact(b, *s)
}

func appendCompactBytes(b, v []byte) []byte { return append(appendUvarint(b, len(v)+1), v...) }

func appendCompactStrings(b []byte, s []string) []byte {
	b = appendUvarint(b, len(s)+1)
	for _, v := range s {
		b = appendCompact(b, v)
	}
	return b
}

func appendCompactInt32s(b []byte, s []int32) []byte {
	b = appendUvarint(b, len(s)+1)
	for _, v := range s {
		b = appendInt32(b, v)
	}
	return b
}

// appendTagged writes one tagged field.
func appendTagged(b []byte, tag int, field []byte) []byte {
	b = appendUvarint(b, tag)
	b = appendUvarint(b, len(field))
	return append(b, field...)
}
