package record

import (
	"errors"
	"io"
	"sync"
)

// Layout of a v2 record; numbers are varints.
//
//	size               of what follows
//	attributes         1 byte, unused
//	timestamp delta    to the batch's base timestamp
//	offset delta       to its base offset
//	key size, key      -1 null
//	value size, value  -1 null
//	header count
//	headers: key size, key, value size, value (-1 null)

// entry is what validation needs of a record.
type entry struct {
	timestampDelta int64
	offsetDelta    int32
	keySize        int32 // -1 null
	valueSize      int32 // -1 null
}

// quickest is the size from which on a record is parsed quickly: all numbers before the value fit in it.
const quickest = 10

// quick reads the body of a record as most are: without headers, the key none or short, the numbers of one or two bytes. false: it is not
// like that. It does what fields does in half the time.
func (e *entry) quick(b []byte) bool {
	if len(b) < quickest {
		return false
	}
	at := 1
	time := uint32(b[at])
	if time >= 0x80 {
		at++
		if b[at] >= 0x80 {
			return false
		}
		time = time&0x7f | uint32(b[at])<<7
	}
	at++
	offset := uint32(b[at])
	if offset >= 0x80 {
		at++
		if b[at] >= 0x80 {
			return false
		}
		offset = offset&0x7f | uint32(b[at])<<7
	}
	at++
	key := int32(b[at])
	at++
	const null = 1 // -1 as a varint
	if key == null {
		key = -1
	} else {
		if key >= 0x80 || key&1 != 0 {
			return false
		}
		key >>= 1
		if at += int(key); at+3 > len(b) {
			return false
		}
	}
	value := uint32(b[at])
	if value >= 0x80 {
		at++
		if b[at] >= 0x80 {
			return false
		}
		value = value&0x7f | uint32(b[at])<<7
	}
	at++
	if value&1 != 0 || at+int(value>>1)+1 != len(b) || b[len(b)-1] != 0 {
		return false
	}
	e.timestampDelta = int64(time>>1) ^ -int64(time&1)
	e.offsetDelta = int32(offset>>1) ^ -int32(offset&1)
	e.keySize, e.valueSize = key, int32(value>>1)
	return true
}

// parse reads a record's body.
func (e *entry) parse(b []byte) error {
	if e.quick(b) {
		return nil
	}
	return e.fields(b)
}

// fields reads any record's body.
func (e *entry) fields(b []byte) error {
	if len(b) == 0 {
		return errRecordShape
	}
	delta, n := varlong(b[1:])
	if n == 0 {
		return errRecordShape
	}
	e.timestampDelta = delta
	b = b[1+n:]
	if e.offsetDelta, n = varint(b); n == 0 {
		return errRecordShape
	}
	b = b[n:]
	var ok bool
	if e.keySize, b, ok = cutBytes(b); !ok {
		return errRecordShape
	}
	if e.valueSize, b, ok = cutBytes(b); !ok {
		return errRecordShape
	}
	if len(b) == 1 && b[0] == 0 { // no headers
		return nil
	}
	return parseHeaders(b)
}

func parseHeaders(b []byte) error {
	count, n := varint(b)
	if n == 0 {
		return errRecordShape
	}
	b = b[n:]
	if count < 0 || int(count) > len(b) { // each takes two bytes at least
		return errHeaderCount
	}
	for ; count > 0; count-- {
		var size int32
		var ok bool
		if size, b, ok = cutBytes(b); !ok {
			return errRecordShape
		}
		if size < 0 {
			return errHeaderKey
		}
		if _, b, ok = cutBytes(b); !ok {
			return errRecordShape
		}
	}
	if len(b) > 0 {
		return errRecordSize
	}
	return nil
}

// cutBytes passes a size and so many bytes of b.
func cutBytes(b []byte) (size int32, rest []byte, ok bool) {
	size, n := varint(b)
	if n == 0 {
		return 0, nil, false
	}
	b = b[n:]
	if size <= 0 {
		return size, b, true
	}
	if int(size) > len(b) {
		return 0, nil, false
	}
	return size, b[size:], true
}

// The ways in which a record's bytes can be wrong. They are values, so that a hostile batch costs no formatting.
var (
	errRecordCut      = errors.New("Incorrect declared batch size, premature EOF reached")
	errRecordsLeft    = errors.New("Incorrect declared batch size, records still remaining in file")
	errRecordSize     = errors.New("Invalid record size: it differs from the sizes of the record's fields")
	errRecordShape    = errors.New("Found invalid record structure")
	errHeaderCount    = errors.New("Found invalid number of record headers")
	errHeaderKey      = errors.New("Invalid negative header key size")
	errRecordNegative = errors.New("Invalid negative record size")
)

// windowSize holds every number of a record with room to spare; keys and values pass through it.
const windowSize = 32 << 10

// walker steps through the records of a batch without keeping them: over the batch's own bytes, or over a window that a decoder
// fills, so that a batch takes the same memory however large it is when decompressed.
type walker struct {
	buf    []byte
	at     int
	src    decoder // nil: buf is all there is
	codec  Codec
	left   int // bytes that the decoder may still give
	err    error
	window [windowSize]byte
}

var walkers = sync.Pool{New: func() any { return new(walker) }}

// walk starts stepping through b's records, which decompress to maxBytes at most. The walker goes back with done.
func walk(b Batch, maxBytes int) (*walker, error) {
	w := walkers.Get().(*walker)
	w.at, w.err, w.codec, w.left = 0, nil, b.Codec(), maxBytes
	if w.codec == None {
		w.buf = b.Payload()
		return w, nil
	}
	w.buf = w.window[:0]
	src, err := openDecoder(w.codec, b.Payload())
	if err != nil {
		walkers.Put(w)
		return nil, err
	}
	w.src = src
	return w, nil
}

func (w *walker) done() {
	if w.src != nil {
		closeDecoder(w.codec, w.src)
		w.src = nil
	}
	w.buf = nil
	walkers.Put(w)
}

// fill moves what was not read to the window's front and reads more; false at the end.
func (w *walker) fill() bool {
	if w.src == nil || w.err != nil {
		return false
	}
	n := copy(w.window[:], w.buf[w.at:])
	w.at = 0
	w.buf = w.window[:n]
	for n < windowSize {
		m, err := w.src.Read(w.window[n:])
		n += m
		w.left -= m
		w.buf = w.window[:n]
		if w.left < 0 {
			w.err = errBomb
		} else if err == io.EOF {
			w.err = io.EOF
		} else if err != nil {
			w.err = decodeError(w.codec, err)
		}
		if m > 0 || w.err != nil {
			return m > 0 && (w.err == nil || w.err == io.EOF)
		}
	}
	return false
}

// cut is the error of bytes that ended too early.
func (w *walker) cut() error {
	if w.err != nil && w.err != io.EOF {
		return w.err
	}
	return errRecordCut
}

// varint reads a number and takes its bytes off size, which it may not exceed.
func (w *walker) varint(size *int) (int32, error) {
	for {
		v, n := varint(w.buf[w.at:])
		if n > 0 {
			w.at += n
			*size -= n
			return v, nil
		}
		if len(w.buf)-w.at >= 5 {
			return 0, errRecordShape
		}
		if !w.fill() {
			return 0, w.cut()
		}
	}
}

func (w *walker) varlong(size *int) (int64, error) {
	for {
		v, n := varlong(w.buf[w.at:])
		if n > 0 {
			w.at += n
			*size -= n
			return v, nil
		}
		if len(w.buf)-w.at >= 10 {
			return 0, errRecordShape
		}
		if !w.fill() {
			return 0, w.cut()
		}
	}
}

// skip passes n bytes of a record that has size bytes left.
func (w *walker) skip(n int, size *int) error {
	if n > *size {
		return errRecordShape
	}
	*size -= n
	for n > len(w.buf)-w.at {
		n -= len(w.buf) - w.at
		w.at = len(w.buf)
		if !w.fill() {
			return w.cut()
		}
	}
	w.at += n
	return nil
}

// skipBytes passes a size and so many bytes, and returns the size.
func (w *walker) skipBytes(size *int) (int32, error) {
	n, err := w.varint(size)
	if err != nil || n <= 0 {
		return n, err
	}
	return n, w.skip(int(n), size)
}

// next reads one record: out of the window at a stroke where it is there as a whole, else field by field.
func (w *walker) next(e *entry) error {
	v, n := varint(w.buf[w.at:])
	if n == 0 {
		var err error
		if v, err = w.varint(&n); err != nil {
			return err
		}
	} else {
		w.at += n
	}
	if v < 0 {
		return errRecordNegative
	}
	size := int(v)
	if size <= len(w.buf)-w.at {
		body := w.buf[w.at : w.at+size]
		w.at += size
		return e.parse(body)
	}
	if w.src == nil {
		return errRecordCut
	}
	return w.stream(e, size)
}

// stream reads a record of size bytes that is larger than what the window holds of it.
func (w *walker) stream(e *entry, size int) error {
	err := w.skip(1, &size)
	if err != nil {
		return err
	}
	if e.timestampDelta, err = w.varlong(&size); err != nil {
		return err
	}
	if e.offsetDelta, err = w.varint(&size); err != nil {
		return err
	}
	if e.keySize, err = w.skipBytes(&size); err != nil {
		return err
	}
	if e.valueSize, err = w.skipBytes(&size); err != nil {
		return err
	}
	if err = w.headers(&size); err != nil {
		return err
	}
	if size != 0 {
		return errRecordSize
	}
	return nil
}

func (w *walker) headers(size *int) error {
	count, err := w.varint(size)
	if err != nil {
		return err
	}
	if count < 0 || int(count) > *size { // each takes two bytes at least
		return errHeaderCount
	}
	for ; count > 0; count-- {
		key, err := w.skipBytes(size)
		if err != nil {
			return err
		}
		if key < 0 {
			return errHeaderKey
		}
		if _, err = w.skipBytes(size); err != nil {
			return err
		}
	}
	return nil
}

// end says whether all bytes were read.
func (w *walker) end() error {
	if w.at < len(w.buf) || w.fill() {
		return errRecordsLeft
	}
	if w.err != nil && w.err != io.EOF {
		return w.err
	}
	return nil
}
