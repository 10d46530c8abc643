package server

import (
	"encoding/binary"
	"io"
	"net"
	"syscall"

	"milena/internal/wire"
)

const (
	leastChunk = 64 << 10
	mostChunk  = 1 << 20
)

// newReader reads TCP by system calls of its own, everything else through net.
func newReader(c *conn) frameReader {
	if tcp, ok := c.socket.(*net.TCPConn); ok {
		if rc, err := tcp.SyscallConn(); err == nil {
			r := &rawReader{conn: c, rc: rc}
			r.readFn = r.readSome
			return r
		}
	}
	return newPlainReader(c)
}

// rawReader reads what a TCP socket has, many small requests with one call, into a chunk from the pool, which it takes in the moment in which
// there is something to read. A request that is a good part of its chunk stays there and holds it; a smaller one is copied out, for it may
// park; one that goes beyond the chunk gets a buffer of its own, into which the rest is read.
type rawReader struct {
	conn     *conn
	rc       syscall.RawConn
	readFn   func(fd uintptr) bool
	chunk    *buffer // nil at rest
	from, to int     // what of the chunk is unread
	head     [wire.SizeOfSize]byte
	headLen  int // bytes of a size that stood at the end of a chunk
	proven   int // the largest request so far
	last     int // the size of the last one

	into []byte // where to read: nil for a chunk
	n    int
	err  error
}

func (r *rawReader) close() {
	if r.chunk != nil {
		r.conn.server.buffers.release(r.chunk)
		r.chunk = nil
	}
}

func (r *rawReader) ready() bool {
	unread := r.to - r.from
	if unread < wire.SizeOfSize {
		return false
	}
	size := int32(binary.BigEndian.Uint32(r.chunk.b[r.from:]))
	return size < 0 || int(size) <= unread-wire.SizeOfSize
}

func (r *rawReader) next() (frame, error) {
	for r.to-r.from < wire.SizeOfSize {
		if err := r.fillChunk(); err != nil {
			return frame{}, err
		}
	}
	unread := r.chunk.b[r.from:r.to]
	size := int32(binary.BigEndian.Uint32(unread))
	if err := r.conn.checkSize(size, unread); err != nil {
		return frame{}, err
	}
	unread = unread[wire.SizeOfSize:]
	r.last = int(size)
	r.conn.listener.metrics.BytesRead.Add(int64(size) + wire.SizeOfSize)
	if int(size) <= len(unread) {
		return r.cut(unread[:size:size]), nil
	}
	return r.rest(int(size), unread)
}

// cut takes a request that is whole in the chunk.
func (r *rawReader) cut(body []byte) frame {
	r.from += wire.SizeOfSize + len(body)
	r.proven = min(max(r.proven, len(body)), pooledBuffer)
	var f frame
	if len(body) >= len(r.chunk.b)/4 {
		r.chunk.refs.Add(1)
		f = frame{body: body, buf: r.chunk}
	} else {
		buf := r.conn.server.buffers.get(len(body))
		f = frame{body: buf.b[:copy(buf.b, body)], buf: buf}
	}
	if r.from == r.to {
		r.dropChunk()
	}
	return f
}

func (r *rawReader) dropChunk() {
	r.conn.server.buffers.release(r.chunk)
	r.chunk, r.from, r.to = nil, 0, 0
}

// rest reads the rest of a request of which unread has come.
func (r *rawReader) rest(size int, unread []byte) (frame, error) {
	f := filling{size: size}
	for len(unread) > 0 {
		n := copy(f.room(r.conn, max(r.proven, 2*len(unread))), unread)
		f.have += n
		unread = unread[n:]
	}
	r.dropChunk()
	for !f.done() {
		r.into = f.room(r.conn, r.proven)
		n, err := r.read()
		r.into = nil
		if err != nil {
			r.conn.server.buffers.release(f.buf)
			if err == io.EOF {
				err = errCut
			}
			return frame{}, err
		}
		f.have += n
		r.conn.used()
	}
	r.proven = min(max(r.proven, size), pooledBuffer)
	return f.frame(r.conn), nil
}

// fillChunk reads a new chunk; the bytes of a size that the last one ended with come first.
func (r *rawReader) fillChunk() error {
	if r.chunk != nil {
		r.headLen = copy(r.head[:], r.chunk.b[r.from:r.to])
		r.dropChunk()
	}
	n, err := r.read()
	if err != nil {
		if err == io.EOF && r.headLen > 0 {
			err = errCut
		}
		return err
	}
	copy(r.chunk.b, r.head[:r.headLen])
	r.from, r.to = 0, r.headLen+n
	r.headLen = 0
	return nil
}

// read waits for bytes and reads them into r.into, or into a new chunk.
func (r *rawReader) read() (int, error) {
	if err := r.rc.Read(r.readFn); err != nil {
		return 0, err
	}
	if r.err != nil {
		return 0, r.err
	}
	if r.n == 0 {
		r.releaseEmpty()
		return 0, io.EOF
	}
	return r.n, nil
}

// readSome is the callback of read. Where there is nothing to read it gives the chunk back before it waits.
func (r *rawReader) readSome(fd uintptr) bool {
	into := r.into
	if into == nil {
		r.chunk = r.conn.server.buffers.get(min(max(leastChunk, r.last+wire.SizeOfSize), mostChunk))
		into = r.chunk.b[r.headLen:]
	}
	n, err := syscall.Read(int(fd), into)
	for err == syscall.EINTR {
		n, err = syscall.Read(int(fd), into)
	}
	r.n, r.err = n, err
	if err != nil {
		r.releaseEmpty()
	}
	return err != syscall.EAGAIN
}

// releaseEmpty gives back a chunk into which nothing came.
func (r *rawReader) releaseEmpty() {
	if r.into == nil && r.chunk != nil {
		r.dropChunk()
	}
}
