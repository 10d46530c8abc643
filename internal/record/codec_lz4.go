package record

import (
	"encoding/binary"
	"errors"
	"io"
	"math/bits"

	"github.com/pierrec/lz4/v4"
)

// Kafka's LZ4 is the LZ4 frame format with independent blocks; all its numbers are little endian.
//
//	magic                4   04 22 4d 18
//	flags                1   bits 6-7 version 1, 5 independent blocks, 4 block checksums, 3 content size, 2 content checksum
//	block descriptor     1   bits 4-6 largest block: 4..7 for 64 KB, 256 KB, 1 MB, 4 MB
//	content size         8   where the flag says so
//	header checksum      1   second byte of xxHash32 of flags .. content size; producers of format v0 wrongly began at the magic
//	blocks: size 4 (top bit: not compressed), data, checksum 4 where the flag says so
//	end mark             4   0
//	content checksum     4   where the flag says so
const (
	lz4Magic      = 0x184d2204
	lz4Version    = 1 << 6
	lz4Indep      = 1 << 5
	lz4BlockSum   = 1 << 4
	lz4Size       = 1 << 3
	lz4ContentSum = 1 << 2
	lz4Raw        = 1 << 31
	lz4BlockSize  = 64 << 10 // what Kafka writes
)

var (
	errLZ4Magic   = errors.New("stream unsupported (invalid magic bytes)")
	errLZ4Frame   = errors.New("stream frame descriptor corrupted")
	errLZ4Linked  = errors.New("dependent block stream is unsupported (BLOCK_INDEPENDENCE must be set)")
	errLZ4Block   = errors.New("block size exceeds the frame's maximum")
	errLZ4Sum     = errors.New("block checksum mismatch")
	errLZ4Cut     = io.ErrUnexpectedEOF
	errLZ4Content = errors.New("content checksum is missing")
)

type lz4Decoder struct {
	rest     []byte
	flags    byte
	maxBlock int
	buf      []byte // decoded blocks go here
	block    []byte // the decoded block: part of buf, or of the payload where it was not compressed
	ended    bool
	// anyHeaderSum lets the broken header checksums of format v0 pass.
	anyHeaderSum bool
}

func (d *lz4Decoder) open(src []byte) error {
	d.block, d.ended = nil, false
	if len(src) < 7 {
		return errLZ4Cut
	}
	if binary.LittleEndian.Uint32(src) != lz4Magic {
		return errLZ4Magic
	}
	d.flags = src[4]
	bd := src[5]
	if d.flags>>6 != 1 || d.flags&3 != 0 || bd&0x8f != 0 || bd>>4 < 4 {
		return errLZ4Frame
	}
	if d.flags&lz4Indep == 0 {
		return errLZ4Linked
	}
	head := 6
	if d.flags&lz4Size != 0 {
		head += 8
	}
	if len(src) < head+1 {
		return errLZ4Cut
	}
	if !d.anyHeaderSum && byte(xxHash32(src[4:head])>>8) != src[head] {
		return errLZ4Frame
	}
	d.maxBlock = 1 << (8 + 2*(bd>>4))
	d.rest = src[head+1:]
	return nil
}

func (d *lz4Decoder) close() {
	d.rest, d.block, d.anyHeaderSum = nil, nil, false
}

func (d *lz4Decoder) Read(p []byte) (int, error) {
	for len(d.block) == 0 {
		if d.ended {
			return 0, io.EOF
		}
		if err := d.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, d.block)
	d.block = d.block[n:]
	return n, nil
}

func (d *lz4Decoder) next() error {
	if len(d.rest) < 4 {
		return errLZ4Cut
	}
	word := binary.LittleEndian.Uint32(d.rest)
	d.rest = d.rest[4:]
	if word == 0 {
		if d.flags&lz4ContentSum != 0 && len(d.rest) < 4 {
			return errLZ4Content
		}
		d.ended = true
		return nil
	}
	size := int(word &^ lz4Raw)
	if size > d.maxBlock {
		return errLZ4Block
	}
	whole := size
	if d.flags&lz4BlockSum != 0 {
		whole += 4
	}
	if whole > len(d.rest) {
		return errLZ4Cut
	}
	src := d.rest[:size]
	if whole > size && xxHash32(src) != binary.LittleEndian.Uint32(d.rest[size:]) {
		return errLZ4Sum
	}
	d.rest = d.rest[whole:]
	if word&lz4Raw != 0 {
		d.block = src
		return nil
	}
	if len(d.buf) < d.maxBlock {
		d.buf = make([]byte, d.maxBlock)
	}
	n, err := lz4.UncompressBlock(src, d.buf[:d.maxBlock])
	if err != nil {
		return err
	}
	d.block = d.buf[:n]
	return nil
}

// lz4Encoder holds the tables of a compression; the zero value is ready.
type lz4Encoder struct {
	fast lz4.Compressor
	high lz4.CompressorHC
}

// appendFrame compresses what src gives. Level 9, Kafka's default, is the fast compressor, as it is there; other levels are the high one.
func (e *lz4Encoder) appendFrame(dst []byte, src io.Reader, level int, chunk []byte) ([]byte, error) {
	dst = binary.LittleEndian.AppendUint32(dst, lz4Magic)
	dst = append(dst, lz4Version|lz4Indep, 4<<4)
	dst = append(dst, byte(xxHash32(dst[len(dst)-2:])>>8))
	if level != lz4DefaultLevel {
		e.high.Level = 1 << (8 + min(max(level, 1), 9))
	}
	for {
		n, err := io.ReadFull(src, chunk[:lz4BlockSize])
		if n > 0 {
			at := len(dst)
			dst = grow(dst, 4+lz4.CompressBlockBound(n))
			size, cerr := e.compress(chunk[:n], dst[at+4:cap(dst)], level)
			if cerr != nil {
				return dst, cerr
			}
			word := uint32(size)
			if size == 0 || size >= n { // does not shrink
				size = copy(dst[at+4:cap(dst)], chunk[:n])
				word = uint32(n) | lz4Raw
			}
			binary.LittleEndian.PutUint32(dst[at:at+4], word)
			dst = dst[:at+4+size]
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return binary.LittleEndian.AppendUint32(dst, 0), nil
		}
		if err != nil {
			return dst, err
		}
	}
}

func (e *lz4Encoder) compress(src, dst []byte, level int) (int, error) {
	if level == lz4DefaultLevel {
		return e.fast.CompressBlock(src, dst)
	}
	return e.high.CompressBlock(src, dst)
}

const (
	xxPrime1 = 2654435761
	xxPrime2 = 2246822519
	xxPrime3 = 3266489917
	xxPrime4 = 668265263
	xxPrime5 = 374761393
)

// xxHash32 is the LZ4 frame's checksum, with seed 0.
func xxHash32(b []byte) uint32 {
	size := uint32(len(b))
	h := uint32(xxPrime5)
	if len(b) >= 16 {
		v := [4]uint32{(xxPrime1 + xxPrime2) & 0xffffffff, xxPrime2, 0, -xxPrime1 & 0xffffffff}
		for len(b) >= 16 {
			for i := range v {
				v[i] = bits.RotateLeft32(v[i]+binary.LittleEndian.Uint32(b[4*i:])*xxPrime2, 13) * xxPrime1
			}
			b = b[16:]
		}
		h = bits.RotateLeft32(v[0], 1) + bits.RotateLeft32(v[1], 7) + bits.RotateLeft32(v[2], 12) + bits.RotateLeft32(v[3], 18)
	}
	h += size
	for ; len(b) >= 4; b = b[4:] {
		h = bits.RotateLeft32(h+binary.LittleEndian.Uint32(b)*xxPrime3, 17) * xxPrime4
	}
	for _, c := range b {
		h = bits.RotateLeft32(h+uint32(c)*xxPrime5, 11) * xxPrime1
	}
	h = (h ^ h>>15) * xxPrime2
	h = (h ^ h>>13) * xxPrime3
	return h ^ h>>16
}
