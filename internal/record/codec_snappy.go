package record

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/s2"
)

// Java writes snappy in the framing of snappy-java ("xerial"); other clients write one bare snappy block.
//
//	0  magic                  8   82 "SNAPPY" 00
//	8  version                4   1
//	12 compatible version     4   1
//	16 blocks: size 4, snappy block; each of 32 KB uncompressed at most, as Java writes them
const (
	xerialMagic      = "\x82SNAPPY\x00"
	xerialHeaderSize = 16
	xerialBlockSize  = 32 << 10

	// snappyMaxRatio is more than any snappy block can expand to: three bytes make 64.
	snappyMaxRatio = 24
)

var errSnappyFrame = errors.New("bad block size in the snappy framing")

type snappyDecoder struct {
	rest   []byte // of the payload, at a block
	framed bool
	block  []byte // the decoded block
	at     int    // what of it was read
}

func (d *snappyDecoder) open(src []byte) error {
	d.block, d.at = d.block[:0], 0
	d.framed = len(src) >= xerialHeaderSize && string(src[:len(xerialMagic)]) == xerialMagic
	if d.framed {
		d.rest = src[xerialHeaderSize:]
		return nil
	}
	d.rest = src
	if len(src) == 0 {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func (d *snappyDecoder) close() {
	d.rest = nil
	if cap(d.block) > 4<<20 {
		d.block = nil
	}
}

func (d *snappyDecoder) Read(p []byte) (int, error) {
	for d.at == len(d.block) {
		if len(d.rest) == 0 {
			return 0, io.EOF
		}
		if err := d.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, d.block[d.at:])
	d.at += n
	return n, nil
}

// next decodes the block that rest begins with.
func (d *snappyDecoder) next() error {
	src := d.rest
	if d.framed {
		if len(src) < 4 {
			return io.ErrUnexpectedEOF
		}
		if len(src) >= xerialHeaderSize && string(src[:len(xerialMagic)]) == xerialMagic { // streams that were joined
			d.rest = src[xerialHeaderSize:]
			d.block, d.at = d.block[:0], 0
			return nil
		}
		size := int64(binary.BigEndian.Uint32(src))
		if size > int64(len(src)-4) {
			return errSnappyFrame
		}
		src = src[4 : 4+size]
		d.rest = d.rest[4+size:]
	} else {
		d.rest = nil
	}
	size, err := s2.DecodedLen(src)
	if err != nil {
		return err
	}
	if size > snappyMaxRatio*len(src)+64 {
		return s2.ErrCorrupt
	}
	if cap(d.block) < size {
		d.block = make([]byte, size)
	}
	d.block, err = s2.Decode(d.block[:cap(d.block)], src)
	d.at = 0
	return err
}

// appendSnappy compresses what src gives in the framing that Java writes.
func appendSnappy(dst []byte, src io.Reader, chunk []byte) ([]byte, error) {
	dst = append(dst, xerialMagic...)
	dst = binary.BigEndian.AppendUint32(dst, 1)
	dst = binary.BigEndian.AppendUint32(dst, 1)
	for {
		n, err := io.ReadFull(src, chunk[:xerialBlockSize])
		if n > 0 {
			at := len(dst)
			dst = grow(dst, 4+s2.MaxEncodedLen(n))
			block := s2.EncodeSnappy(dst[at+4:cap(dst)], chunk[:n])
			binary.BigEndian.PutUint32(dst[at:at+4], uint32(len(block)))
			dst = dst[:at+4+len(block)]
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return dst, nil
		}
		if err != nil {
			return dst, err
		}
	}
}
