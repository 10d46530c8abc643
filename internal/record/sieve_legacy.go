package record

import (
	"encoding/binary"
	"hash/crc32"
)

// eachLegacy is Each for v0 and v1.
func (s *Sieve) eachLegacy(batch []byte, h *Header, visit func(r *Seen) bool) error {
	var seen Seen
	for r, err := range Records(batch, s.limit()) {
		if err != nil {
			return err
		}
		seen = Seen{Offset: r.Offset, Key: r.Key, HasValue: r.Value != nil}
		if !visit(&seen) {
			break
		}
	}
	return nil
}

// siftLegacy is Sift for a v0 or v1 message, or a compressed set of them. The places it keeps are those of whole messages in plain.
func (s *Sieve) siftLegacy(batch []byte, h *Header, keep func(r *Seen) bool) (Sifted, error) {
	var sum Sifted
	s.batch, s.header, s.kept, s.plain = batch, *h, s.kept[:0], batch[:h.SizeBytes]
	if h.Codec() != None {
		wrapper, err := legacyRecord(s.plain, h)
		if err != nil {
			return sum, corrupt(err)
		}
		if wrapper.Value == nil {
			return sum, corrupt(errLegacyNull)
		}
		if s.plain, err = decompressLegacy(h.Codec(), wrapper.Value, s.limit()); err != nil {
			return sum, corrupt(err)
		}
	}
	at := 0
	for r, err := range Records(batch, s.limit()) {
		if err != nil {
			return sum, err
		}
		size, err := frame(s.plain[at:])
		if err != nil {
			return sum, corrupt(err)
		}
		seen := Seen{Offset: r.Offset, Key: r.Key, HasValue: r.Value != nil}
		sum.Read++
		if keep(&seen) {
			sum.Kept++
			sum.Tombstones = sum.Tombstones || !seen.HasValue
			s.kept = append(s.kept, keptRecord{from: int32(at), to: int32(at + size), offset: r.Offset, timestampMs: r.TimestampMs})
		}
		at += size
	}
	return sum, nil
}

// rewriteLegacy appends the messages that stay: in a wrapper of the old codec and format, its offset that of the last one. Only LZ4 of
// format v0, whose frames have a wrong checksum, is not written any more: those messages stay without compression.
func (s *Sieve) rewriteLegacy(dst []byte) ([]byte, error) {
	h := &s.header
	wrap := h.Codec() != None && !(h.Magic == 0 && h.Codec() == LZ4)
	set, first := s.body[:0], s.kept[0].offset
	maxTimestamp := int64(-1)
	for _, k := range s.kept {
		start := len(set)
		set = append(set, s.plain[k.from:k.to]...)
		offset := k.offset
		if wrap && h.Magic == 1 {
			offset -= first // relative inside a wrapper of v1
		}
		binary.BigEndian.PutUint64(set[start:], uint64(offset))
		maxTimestamp = max(maxTimestamp, k.timestampMs)
	}
	s.body = set
	if !wrap {
		return append(dst, set...), nil
	}
	if h.TimestampType() == LogAppendTime {
		maxTimestamp = h.MaxTimestamp
	}
	start := len(dst)
	dst = binary.BigEndian.AppendUint64(dst, uint64(s.kept[len(s.kept)-1].offset))
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0, byte(h.Magic), byte(h.Attributes)) // length and checksum come last
	if h.Magic == 1 {
		dst = binary.BigEndian.AppendUint64(dst, uint64(maxTimestamp))
	}
	dst = append(dst, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0) // no key; the value's size comes last, too
	value := len(dst)
	dst, err := compressBytes(dst, h.Codec(), 0, set)
	if err != nil {
		return dst[:start], err
	}
	binary.BigEndian.PutUint32(dst[value-4:], uint32(len(dst)-value))
	m := dst[start:]
	binary.BigEndian.PutUint32(m[posLength:], uint32(len(m)-LogOverhead))
	binary.BigEndian.PutUint32(m[legacyPosCRC:], crc32.ChecksumIEEE(m[posMagic:]))
	return dst, nil
}
