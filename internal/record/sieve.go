package record

import (
	"errors"
	"math"
)

// Sieve takes records out of batches, for the cleaner. It keeps its buffers from batch to batch; the zero value is ready. One goroutine
// at a time may use it, and nothing that it gave is good after the next batch.
type Sieve struct {
	// MaxBytes bounds what one batch may decompress to; 0 is no limit but memory's.
	MaxBytes int

	header Header
	batch  []byte
	plain  []byte // the records, decompressed
	buffer []byte // owned: where plain lies when it had to be decompressed
	kept   []keptRecord
	body   []byte // the kept records, to be compressed
	read   int
}

// keptRecord is where a record that stays lies in plain.
type keptRecord struct {
	from, rest, to int32 // of the record with its size; of what follows its timestamp; of its end
	offset         int64
	timestampMs    int64
}

// Seen is what decides over a record. Key is nil for null, and good until the next one.
type Seen struct {
	Offset   int64
	Key      []byte
	HasValue bool
}

// Sifted tells what is to be kept of a batch.
type Sifted struct {
	Read, Kept int
	Tombstones bool // a kept record has no value
}

var errSieveSize = errors.New("record: batch of more than 2 GiB")

// Each steps through the records of a batch of any format, whose checksum the caller has verified, until visit returns false.
// An error wraps ErrCorrupt.
func (s *Sieve) Each(batch []byte, h *Header, visit func(r *Seen) bool) error {
	if h.Magic < 2 {
		return s.eachLegacy(batch, h, visit)
	}
	_, err := s.sift(batch, h, visit, false)
	return err
}

// Sift decides over each record of a batch of any format, whose checksum the caller has verified; Rewrite then makes the batch that
// remains. An error wraps ErrCorrupt.
func (s *Sieve) Sift(batch []byte, h *Header, keep func(r *Seen) bool) (Sifted, error) {
	if h.Magic < 2 {
		return s.siftLegacy(batch, h, keep)
	}
	return s.sift(batch, h, keep, true)
}

func (s *Sieve) limit() int {
	if s.MaxBytes > 0 {
		return s.MaxBytes
	}
	return math.MaxInt32
}

// open makes plain the records of a v2 batch.
func (s *Sieve) open(batch []byte, h *Header) error {
	s.batch, s.header, s.kept, s.read = batch, *h, s.kept[:0], 0
	s.plain = batch[HeaderSize:h.SizeBytes]
	if h.Codec() == None {
		return nil
	}
	plain, err := decompress(s.buffer[:0], h.Codec(), s.plain, s.limit())
	if err != nil {
		return err
	}
	s.plain, s.buffer = plain, plain
	return nil
}

// sift asks for every record; with filter the answer is whether to keep it, else whether to go on.
func (s *Sieve) sift(batch []byte, h *Header, ask func(r *Seen) bool, filter bool) (Sifted, error) {
	var sum Sifted
	if err := s.open(batch, h); err != nil {
		return sum, err
	}
	appendTime := h.TimestampType() == LogAppendTime
	var seen Seen
	at := 0
	for range h.Count {
		size, n := varint(s.plain[at:])
		if n == 0 || size < 0 || int(size) > len(s.plain)-at-n {
			return sum, corrupt(errRecordCut)
		}
		body := s.plain[at+n : at+n+int(size)]
		k := keptRecord{from: int32(at), to: int32(at + n + int(size)), timestampMs: h.MaxTimestamp}
		delta, rest, err := seen.parse(body)
		if err != nil {
			return sum, err
		}
		if !appendTime {
			k.timestampMs = h.FirstTimestamp + delta
		}
		seen.Offset += h.BaseOffset
		k.offset, k.rest = seen.Offset, int32(at+n+rest)
		at = int(k.to)
		sum.Read++
		yes := ask(&seen)
		if !filter {
			if !yes {
				return sum, nil
			}
			continue
		}
		if yes {
			sum.Kept++
			sum.Tombstones = sum.Tombstones || !seen.HasValue
			s.kept = append(s.kept, k)
		}
	}
	if at != len(s.plain) {
		return sum, corrupt(errRecordsLeft)
	}
	return sum, nil
}

// parse reads a record's body as far as it decides: Offset is relative afterwards, rest is where what follows the timestamp begins.
func (r *Seen) parse(body []byte) (timestampDelta int64, rest int, err error) {
	if len(body) == 0 {
		return 0, 0, corrupt(errRecordShape)
	}
	timestampDelta, n := varlong(body[1:])
	if n == 0 {
		return 0, 0, corrupt(errRecordShape)
	}
	rest = 1 + n
	b := body[rest:]
	offset, n := varint(b)
	if n == 0 {
		return 0, 0, corrupt(errRecordShape)
	}
	b = b[n:]
	size, n := varint(b)
	if n == 0 || int(size) > len(b)-n {
		return 0, 0, corrupt(errRecordShape)
	}
	b = b[n:]
	r.Offset, r.Key = int64(offset), nil
	if size >= 0 {
		r.Key = b[:size:size]
		b = b[size:]
	}
	size, n = varint(b)
	if n == 0 || int(size) > len(b)-n {
		return 0, 0, corrupt(errRecordShape)
	}
	r.HasValue = size >= 0
	return timestampDelta, rest, nil
}

// Rewrite appends, to dst, the batch that Sift left: base offset, last offset, codec, producer and epoch are the old ones, its base
// timestamp is that of the first record that stays. deleteHorizonMs is the horizon it gets (KIP-534); 0 keeps the one it has.
// At least one record must have been kept.
func (s *Sieve) Rewrite(dst []byte, deleteHorizonMs int64) ([]byte, error) {
	if s.header.Magic < 2 {
		return s.rewriteLegacy(dst)
	}
	old := Batch(s.batch)
	if horizon, ok := old.DeleteHorizonMs(); ok && deleteHorizonMs == 0 {
		deleteHorizonMs = horizon
	}
	b := builderOf(old)
	b.DeleteHorizonMs = deleteHorizonMs
	base := s.kept[0].timestampMs
	if deleteHorizonMs != 0 {
		base = deleteHorizonMs
	}
	maxTimestamp := int64(-1)
	for i := range s.kept {
		maxTimestamp = max(maxTimestamp, s.kept[i].timestampMs)
	}
	start := len(dst)
	dst = append(dst, make([]byte, HeaderSize)...)
	var err error
	if b.Codec == None {
		dst = s.appendKept(dst, base)
	} else {
		s.body = s.appendKept(s.body[:0], base)
		if dst, err = compressBytes(dst, b.Codec, 0, s.body); err != nil {
			return dst[:start], err
		}
	}
	if len(dst)-start > math.MaxInt32 {
		return dst[:start], errSieveSize
	}
	b.header(Batch(dst[start:]), old.LastOffsetDelta(), int32(len(s.kept)), base, maxTimestamp)
	return dst, nil
}

// builderOf is what stays the same of a batch.
func builderOf(old Batch) Builder {
	return Builder{
		Codec: old.Codec(), TimestampType: old.TimestampType(), Transactional: old.IsTransactional(), Control: old.IsControl(),
		BaseOffset: old.BaseOffset(), LeaderEpoch: old.LeaderEpoch(),
		ProducerID: old.ProducerID(), ProducerEpoch: old.ProducerEpoch(), BaseSequence: old.BaseSequence(),
	}
}

// appendKept appends the records that stay, their timestamps relative to base.
func (s *Sieve) appendKept(dst []byte, base int64) []byte {
	verbatim := s.header.TimestampType() == CreateTime && base == s.header.FirstTimestamp
	for i := range s.kept {
		k := &s.kept[i]
		if verbatim {
			dst = append(dst, s.plain[k.from:k.to]...)
			continue
		}
		delta := k.timestampMs - base
		rest := s.plain[k.rest:k.to]
		dst = appendVarint(dst, int64(1+varintSize(delta)+len(rest)))
		dst = append(dst, 0)
		dst = appendVarint(dst, delta)
		dst = append(dst, rest...)
	}
	return dst
}

// AppendEmpty appends a v2 batch without its records, which keeps its offsets and its producer's sequence numbers in the log.
func AppendEmpty(dst []byte, old Batch) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, HeaderSize)...)
	b := builderOf(old)
	b.Codec = None
	b.header(Batch(dst[start:]), old.LastOffsetDelta(), 0, -1, old.MaxTimestamp())
	return dst
}

// Shrink lets go of buffers of more than so many bytes, which one large batch has made grow.
func (s *Sieve) Shrink(bytes int) {
	s.plain, s.batch = nil, nil
	if cap(s.buffer) > bytes {
		s.buffer = nil
	}
	if cap(s.body) > bytes {
		s.body = nil
	}
}
