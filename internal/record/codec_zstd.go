package record

import (
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	// zstdStreamWindow is the largest window that levels up to 19 ask for. The decoder takes a window's memory as soon as a frame
	// announces it, and keeps it, so that a larger one would be a cheap way to fill the broker's memory.
	zstdStreamWindow = 8 << 20
	// zstdWindowMax is the largest window that any level asks for (22).
	zstdWindowMax = 128 << 20
)

// zstdDecoder reads frames piece by piece; where one announces a large window, everything at once, into as much memory as comes out.
type zstdDecoder struct {
	src     bytes.Reader
	payload []byte
	r       *zstd.Decoder
	given   int
	whole   []byte // what remains to be read of everything; nil while reading piece by piece
}

func (d *zstdDecoder) open(src []byte) error {
	d.src.Reset(src)
	d.payload, d.given, d.whole = src, 0, nil
	if d.r == nil {
		// Concurrency 1: the decoder runs inside Read and starts no goroutine of its own.
		r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zstdStreamWindow))
		if err != nil {
			return err
		}
		d.r = r
	}
	return d.r.Reset(&d.src)
}

func (d *zstdDecoder) close() {
	d.src.Reset(nil)
	d.payload, d.whole = nil, nil
}

func (d *zstdDecoder) Read(p []byte) (int, error) {
	if d.whole == nil {
		n, err := d.r.Read(p)
		d.given += n
		if !errors.Is(err, zstd.ErrWindowSizeExceeded) {
			return n, err
		}
		if n > 0 {
			return n, nil // the next read meets the same error
		}
		if err := d.readWhole(); err != nil {
			return 0, err
		}
	}
	if len(d.whole) == 0 {
		return 0, io.EOF
	}
	n := copy(p, d.whole)
	d.whole = d.whole[n:]
	return n, nil
}

// readWhole decompresses everything into one buffer, which is the window too.
func (d *zstdDecoder) readWhole() error {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(zstdWindowMax), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return err
	}
	defer r.Close()
	for size := max(1<<20, 2*d.given); ; size *= 4 {
		out, err := r.DecodeAll(d.payload, make([]byte, 0, min(size, maxDecompressedBytes)))
		if err == nil {
			d.whole = out[min(d.given, len(out)):]
			if d.whole == nil {
				d.whole = []byte{}
			}
			return nil
		}
		if !errors.Is(err, zstd.ErrDecoderSizeExceeded) {
			return err
		}
		if size >= maxDecompressedBytes {
			return errBomb
		}
	}
}
