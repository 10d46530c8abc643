package server

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"milena/internal/wire"
)

// unprovenBytes is how much memory a size alone reserves. Beyond it the buffer grows with the bytes that have come, and up to the largest
// request that the connection has sent before.
const unprovenBytes = 16 << 10

// errCut is a connection closed inside a request.
var errCut = fmt.Errorf("closed inside a request: %w", io.EOF)

// filling is a request of which a part has come.
type filling struct {
	size int
	have int
	buf  *buffer
}

// room makes sure that there is room for more bytes, and gives it.
func (f *filling) room(c *conn, proven int) []byte {
	if f.buf == nil {
		f.buf = c.server.buffers.get(min(f.size, max(unprovenBytes, proven)))
	}
	if f.have == len(f.buf.b) {
		grown := c.server.buffers.get(min(f.size, 2*len(f.buf.b)))
		copy(grown.b, f.buf.b)
		c.server.buffers.release(f.buf)
		f.buf = grown
	}
	return f.buf.b[f.have:min(f.size, len(f.buf.b))]
}

func (f *filling) done() bool { return f.have == f.size }

func (f *filling) frame(c *conn) frame {
	if f.buf == nil { // an empty request
		f.buf = c.server.buffers.get(1)
	}
	return frame{body: f.buf.b[:f.size:f.size], buf: f.buf}
}

// plainReader reads from any connection: the size first, so that no buffer is held while a client is silent.
type plainReader struct {
	conn   *conn
	size   [wire.SizeOfSize]byte
	proven int
}

func newPlainReader(c *conn) frameReader { return &plainReader{conn: c} }

func (r *plainReader) ready() bool { return false }
func (r *plainReader) close()      {}

func (r *plainReader) next() (frame, error) {
	if n, err := io.ReadFull(r.conn.socket, r.size[:]); err != nil {
		if n > 0 && errors.Is(err, io.ErrUnexpectedEOF) {
			err = errCut
		}
		return frame{}, err
	}
	size := int32(binary.BigEndian.Uint32(r.size[:]))
	if err := r.conn.checkSize(size, r.size[:]); err != nil {
		return frame{}, err
	}
	f := filling{size: int(size)}
	for !f.done() {
		n, err := r.conn.socket.Read(f.room(r.conn, r.proven))
		f.have += n
		if err != nil && !f.done() {
			r.conn.server.buffers.release(f.buf)
			if errors.Is(err, io.EOF) {
				err = errCut
			}
			return frame{}, err
		}
		r.conn.used()
	}
	r.proven = min(max(r.proven, f.size), pooledBuffer)
	r.conn.listener.metrics.BytesRead.Add(int64(f.size) + wire.SizeOfSize)
	return f.frame(r.conn), nil
}
