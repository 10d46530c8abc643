package record

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Kafka's default levels (KIP-390).
const (
	gzipDefaultLevel = -1
	lz4DefaultLevel  = 9
	zstdDefaultLevel = 3
)

// encoders, to use again: each keeps tables of up to some megabytes. Those of gzip and zstd are bound to a level.
var (
	gzipEncoders [gzip.BestCompression + 1]sync.Pool // by level; 0 stands for the default
	zstdEncoders [zstd.SpeedBestCompression + 1]sync.Pool
	lz4Encoders  = sync.Pool{New: func() any { return new(lz4Encoder) }}
	chunks       = sync.Pool{New: func() any { return new([lz4BlockSize]byte) }}
)

// appendTo is a writer at the end of a slice.
type appendTo struct{ b []byte }

func (a *appendTo) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

// grow makes room for n bytes after dst.
func grow(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
	}
	bigger := make([]byte, len(dst), max(2*cap(dst), len(dst)+n))
	copy(bigger, dst)
	return bigger
}

// compressBytes appends src, compressed, to dst. Level 0 is the codec's own default.
func compressBytes(dst []byte, c Codec, level int, src []byte) ([]byte, error) {
	if c == None {
		return append(dst, src...), nil
	}
	return compress(dst, c, level, bytes.NewReader(src))
}

// compress appends all that src gives, compressed, to dst.
func compress(dst []byte, c Codec, level int, src io.Reader) ([]byte, error) {
	chunk := chunks.Get().(*[lz4BlockSize]byte)
	defer chunks.Put(chunk)
	switch c {
	case None:
		out := appendTo{dst}
		_, err := io.CopyBuffer(&out, onlyReader{src}, chunk[:])
		return out.b, err
	case Gzip:
		return appendGzip(dst, level, src, chunk[:])
	case Snappy:
		return appendSnappy(dst, src, chunk[:])
	case LZ4:
		if level == 0 {
			level = lz4DefaultLevel
		}
		e := lz4Encoders.Get().(*lz4Encoder)
		defer lz4Encoders.Put(e)
		return e.appendFrame(dst, src, level, chunk[:])
	case Zstd:
		return appendZstd(dst, level, src, chunk[:])
	}
	return dst, fmt.Errorf("record: unknown compression codec %d", c)
}

// onlyReader hides WriteTo, so that a copy goes through the pooled chunk.
type onlyReader struct{ io.Reader }

func appendGzip(dst []byte, level int, src io.Reader, chunk []byte) ([]byte, error) {
	if level < 0 || level > gzip.BestCompression {
		level = 0
	}
	out := appendTo{dst}
	e, _ := gzipEncoders[level].Get().(*gzip.Writer)
	if e == nil {
		real := level
		if real == 0 {
			real = gzipDefaultLevel
		}
		var err error
		if e, err = gzip.NewWriterLevel(&out, real); err != nil {
			return dst, err
		}
	} else {
		e.Reset(&out)
	}
	_, err := io.CopyBuffer(onlyWriter{e}, onlyReader{src}, chunk)
	if cerr := e.Close(); err == nil {
		err = cerr
	}
	e.Reset(nil) // lets go of out
	gzipEncoders[level].Put(e)
	return out.b, err
}

// onlyWriter hides ReadFrom, for the same reason.
type onlyWriter struct{ io.Writer }

func appendZstd(dst []byte, level int, src io.Reader, chunk []byte) ([]byte, error) {
	if level == 0 {
		level = zstdDefaultLevel
	}
	speed := zstd.EncoderLevelFromZstd(level)
	out := appendTo{dst}
	e, _ := zstdEncoders[speed].Get().(*zstd.Encoder)
	if e == nil {
		var err error
		e, err = zstd.NewWriter(&out, zstd.WithEncoderLevel(speed), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
		if err != nil {
			return dst, err
		}
	} else {
		e.Reset(&out)
	}
	_, err := io.CopyBuffer(onlyWriter{e}, onlyReader{src}, chunk)
	if cerr := e.Close(); err == nil {
		err = cerr
	}
	e.Reset(nil) // lets go of out
	zstdEncoders[speed].Put(e)
	return out.b, err
}
