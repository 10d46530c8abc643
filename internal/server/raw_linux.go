package server

import (
	"fmt"
	"io"
	"net"
	"syscall"

	"milena/internal/vfs"
)

// mostSendFile is how much one sendfile may move: between two of them the connection notes that it is alive.
const mostSendFile = 1 << 20

// rawSocket writes to a TCP socket by system calls of its own: MSG_MORE before what follows at once, sendfile with an explicit offset
// (net's own path would move the shared position of the file). Its functions are made once, so that a write allocates nothing.
type rawSocket struct {
	rc      syscall.RawConn // nil: not a TCP socket
	writeFn func(fd uintptr) bool
	fileFn  func(fd uintptr) bool
	innerFn func(fd uintptr)
	buf     []byte
	flags   int
	fileFD  int
	offset  int64
	left    int
	n       int
	err     error
}

func (r *rawSocket) init() {
	r.writeFn, r.fileFn, r.innerFn = r.writeSome, r.sendSome, r.withFile
}

func (r *rawSocket) attach(socket net.Conn) {
	if tcp, ok := socket.(*net.TCPConn); ok {
		r.rc, _ = tcp.SyscallConn()
	}
}

func (r *rawSocket) detach() { r.rc, r.buf, r.err = nil, nil, nil }

func (r *rawSocket) usable() bool { return r.rc != nil }

// write sends all of b.
func (r *rawSocket) write(c *conn, b []byte, more bool) error {
	r.flags = 0
	if more {
		r.flags = syscall.MSG_MORE
	}
	for r.buf = b; len(r.buf) > 0; {
		if err := r.rc.Write(r.writeFn); err != nil {
			return err
		}
		if r.err != nil {
			return r.err
		}
		c.used()
	}
	return nil
}

// writeSome is the callback of write: false waits until the socket takes more.
func (r *rawSocket) writeSome(fd uintptr) bool {
	n, err := syscall.SendmsgN(int(fd), r.buf, nil, nil, r.flags)
	for err == syscall.EINTR {
		n, err = syscall.SendmsgN(int(fd), r.buf, nil, nil, r.flags)
	}
	if err == syscall.EAGAIN {
		return false
	}
	if r.err = err; err == nil {
		r.buf = r.buf[n:]
	}
	return true
}

// sendFile sends a range of a file. 0 bytes without an error: the file has no descriptor to send from.
func (r *rawSocket) sendFile(c *conn, file vfs.Range) (sent int, err error) {
	sc, ok := file.File.(syscall.Conn)
	if !ok {
		return 0, nil
	}
	source, err := sc.SyscallConn()
	if err != nil {
		return 0, nil
	}
	r.offset, r.left = file.Offset, file.Size
	for r.left > 0 {
		r.n, r.err = 0, nil
		if err := source.Control(r.innerFn); err != nil {
			return file.Size - r.left, fmt.Errorf("%w: %s: %w", errReply, file.File.Name(), err)
		}
		if r.err != nil {
			return file.Size - r.left, r.err
		}
		if r.n == 0 {
			return file.Size - r.left, fmt.Errorf("%w: %s ends before %d: %w", errReply, file.File.Name(), r.offset, io.ErrUnexpectedEOF)
		}
		r.left -= r.n
		c.used()
	}
	return file.Size, nil
}

// withFile runs while the file's descriptor is held.
func (r *rawSocket) withFile(fd uintptr) {
	r.fileFD = int(fd)
	if err := r.rc.Write(r.fileFn); err != nil && r.err == nil {
		r.err = err
	}
}

// sendSome is the callback of sendFile; sendfile moves r.offset by what it sent.
func (r *rawSocket) sendSome(fd uintptr) bool {
	n, err := syscall.Sendfile(int(fd), r.fileFD, &r.offset, min(r.left, mostSendFile))
	for err == syscall.EINTR {
		n, err = syscall.Sendfile(int(fd), r.fileFD, &r.offset, min(r.left, mostSendFile))
	}
	if err == syscall.EAGAIN {
		return false
	}
	r.n, r.err = max(n, 0), err
	return true
}
