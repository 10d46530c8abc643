package record

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// A decoder turns a batch's payload back into records, piece by piece: whoever reads it decides how much memory that takes.
type decoder interface {
	io.Reader
	// open makes the decoder read src; it keeps no part of src after close.
	open(src []byte) error
	close()
}

// decoders of each codec, to use again: each keeps windows and tables of up to some megabytes. magic 0 has LZ4 frames of its own.
var decoders = [...]sync.Pool{
	Gzip:   {New: func() any { return new(gzipDecoder) }},
	Snappy: {New: func() any { return new(snappyDecoder) }},
	LZ4:    {New: func() any { return new(lz4Decoder) }},
	Zstd:   {New: func() any { return new(zstdDecoder) }},
}

// openDecoder starts decompressing src. The decoder goes back with closeDecoder.
func openDecoder(c Codec, src []byte) (decoder, error) {
	if c <= None || int(c) >= len(decoders) {
		return nil, fmt.Errorf("%w: Unknown compression type id: %d", ErrCorrupt, int8(c))
	}
	d := decoders[c].Get().(decoder)
	if err := d.open(src); err != nil {
		closeDecoder(c, d)
		return nil, decodeError(c, err)
	}
	return d, nil
}

func closeDecoder(c Codec, d decoder) {
	d.close()
	decoders[c].Put(d)
}

func decodeError(c Codec, err error) error {
	return fmt.Errorf("%w: decompressing %s: %w", ErrCorrupt, c, err)
}

// errBomb says that a payload decompresses to more than it may.
var errBomb = fmt.Errorf("%w: more records than the limit after decompression", ErrCorrupt)

// decompress appends all that src holds to dst, at most maxBytes of it.
func decompress(dst []byte, c Codec, src []byte, maxBytes int) ([]byte, error) {
	d, err := openDecoder(c, src)
	if err != nil {
		return dst, err
	}
	defer closeDecoder(c, d)
	return readAll(dst, c, d, maxBytes)
}

func readAll(dst []byte, c Codec, d io.Reader, maxBytes int) ([]byte, error) {
	start := len(dst)
	for {
		if len(dst)-start > maxBytes {
			return dst, errBomb
		}
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		n, err := d.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			if len(dst)-start > maxBytes {
				return dst, errBomb
			}
			return dst, nil
		}
		if err != nil {
			return dst, decodeError(c, err)
		}
	}
}

type gzipDecoder struct {
	src bytes.Reader
	r   gzip.Reader
}

func (d *gzipDecoder) open(src []byte) error {
	d.src.Reset(src)
	return d.r.Reset(&d.src)
}
func (d *gzipDecoder) Read(p []byte) (int, error) { return d.r.Read(p) }
func (d *gzipDecoder) close()                     { d.src.Reset(nil) }
