package wire

import "encoding/binary"

// appendString appends a string with an int16 length.
func appendString(dst []byte, s string) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(s)))
	return append(dst, s...)
}

// appendCompactString appends a string with a varint of its length plus one.
func appendCompactString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s))+1)
	return append(dst, s...)
}

func appendInt16(dst []byte, v int16) []byte { return binary.BigEndian.AppendUint16(dst, uint16(v)) }
func appendInt32(dst []byte, v int32) []byte { return binary.BigEndian.AppendUint32(dst, uint32(v)) }
func appendInt64(dst []byte, v int64) []byte { return binary.BigEndian.AppendUint64(dst, uint64(v)) }

// skipTags steps over a tag section: a count, then for each tag its number, its size and its bytes.
func skipTags(b []byte) ([]byte, bool) {
	r := reader{b: b}
	r.tags()
	return r.b, !r.bad
}

// reader takes primitives off a body. After the first that is cut off, bad is set and all others are zero.
type reader struct {
	b   []byte
	bad bool
}

// span takes n bytes.
func (r *reader) span(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	s := r.b[:n:n]
	r.b = r.b[n:]
	return s
}

func (r *reader) int16() int16 {
	if s := r.span(2); s != nil {
		return int16(binary.BigEndian.Uint16(s))
	}
	return 0
}

func (r *reader) int32() int32 {
	if s := r.span(4); s != nil {
		return int32(binary.BigEndian.Uint32(s))
	}
	return 0
}

// uvarint takes an unsigned varint of at most 32 bits.
func (r *reader) uvarint() uint32 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || n > 5 || v > 1<<32-1 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return uint32(v)
}

func (r *reader) tags() {
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		r.uvarint()
		r.span(int(r.uvarint()))
	}
}

// length takes the length of an array, a string or bytes, -1 for null: a varint of one more where flexible, else an int16 or int32.
func (r *reader) compactLength() int { return int(r.uvarint()) - 1 }

// nullableString takes a string; ok is false for null.
func (r *reader) nullableString(flexible bool) (s []byte, ok bool) {
	var n int
	if flexible {
		n = r.compactLength()
	} else {
		n = int(r.int16())
	}
	if n < 0 {
		return nil, false
	}
	return r.span(n), true
}

// nullableBytes takes bytes; nil for null, never nil else.
func (r *reader) nullableBytes(flexible bool) []byte {
	var n int
	if flexible {
		n = r.compactLength()
	} else {
		n = int(r.int32())
	}
	switch {
	case n < 0:
		return nil
	case n == 0:
		return []byte{}
	}
	return r.span(n)
}

// array takes an array's length; null counts as empty. An element has at least minBytes, so a length that cannot be true is malformed.
func (r *reader) array(flexible bool, minBytes int) int {
	var n int
	if flexible {
		n = r.compactLength()
	} else {
		n = int(r.int32())
	}
	if n > len(r.b)/minBytes {
		r.bad, r.b = true, nil
		return 0
	}
	return max(n, 0)
}
