package peer

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"

	"milena/internal/wire"
)

const (
	// keptBytes is the largest buffer that a Conn keeps between requests.
	keptBytes = 1 << 20
	// replyMaxBytes bounds a reply: more than the largest fetch.
	replyMaxBytes = 256 << 20
	// trustedBytes is how much memory the size of a reply alone reserves.
	trustedBytes = 1 << 20
)

// waiter is a request that waits for its reply. body and err are set before done is closed.
type waiter struct {
	header wire.RequestHeader
	done   chan struct{}
	body   []byte
	err    error
}

// link is one connection.
type link struct {
	address string
	socket  net.Conn
	mu      sync.Mutex
	waiting []*waiter // in the order of their requests
	err     error     // why it is broken
}

func newLink(address string, socket net.Conn) *link {
	l := &link{address: address, socket: socket}
	go l.read()
	return l
}

func (l *link) broken() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err != nil
}

// expect adds a request that is about to be sent.
func (l *link) expect(w *waiter) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	l.waiting = append(l.waiting, w)
	return nil
}

// fail breaks the link, once, and tells all that wait.
func (l *link) fail(cause error) {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return
	}
	l.err = fmt.Errorf("%w: %s: %w", ErrDisconnected, l.address, cause)
	waiting := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	_ = l.socket.Close()
	for _, w := range waiting {
		w.err = l.err
		close(w.done)
	}
}

// read takes replies until the link breaks.
func (l *link) read() {
	r := bufio.NewReader(l.socket)
	for {
		if err := l.readOne(r); err != nil {
			l.fail(err)
			return
		}
	}
}

func (l *link) readOne(r *bufio.Reader) error {
	var head [wire.SizeOfSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	size := int32(binary.BigEndian.Uint32(head[:]))
	if size < 4 || size > replyMaxBytes {
		return fmt.Errorf("a reply of %d bytes", size)
	}
	b, err := readBytes(r, int(size))
	if err != nil {
		return err
	}
	l.mu.Lock()
	if len(l.waiting) == 0 {
		l.mu.Unlock()
		return fmt.Errorf("a reply nobody waits for (correlation id %d)", int32(binary.BigEndian.Uint32(b)))
	}
	w := l.waiting[0]
	l.mu.Unlock()
	id, body, err := wire.ParseReplyHeader(b, w.header.Key, w.header.Version)
	if err != nil {
		return err
	}
	if id != w.header.CorrelationID {
		return fmt.Errorf("a reply with correlation id %d where %d is due", id, w.header.CorrelationID)
	}
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return l.err
	}
	l.waiting = append(l.waiting[:0], l.waiting[1:]...)
	l.mu.Unlock()
	w.body = body
	close(w.done)
	return nil
}

// readBytes reads size bytes; memory is reserved as they come.
func readBytes(r io.Reader, size int) ([]byte, error) {
	b := make([]byte, min(size, trustedBytes))
	have := 0
	for {
		n, err := io.ReadFull(r, b[have:])
		if have += n; err != nil {
			return nil, err
		}
		if have == size {
			return b, nil
		}
		grown := make([]byte, min(size, 2*len(b)))
		copy(grown, b)
		b = grown
	}
}
