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
	// keptSmall is after how many replies, each of less than a quarter of the memory that is used again, that memory goes.
	keptSmall = 16
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
	again   recycled  // of read alone
}

// recycled is memory for replies of one kind, each read where the last one was.
type recycled struct {
	on    bool
	key   int16
	b     []byte
	small int // replies in a row that needed but little of it
}

// take gives the memory for a reply, as it was left: what is missing is added as the reply comes.
func (r *recycled) take(size int) []byte {
	if r.small++; size > cap(r.b)/4 {
		r.small = 0
	} else if r.small >= keptSmall {
		r.b, r.small = nil, 0
	}
	return r.b[:cap(r.b)]
}

func newLink(address string, socket net.Conn, again recycled) *link {
	l := &link{address: address, socket: socket, again: again}
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
	first, err := r.Peek(4) // the correlation id: what the rest is for, and where it is to go
	if err != nil {
		return err
	}
	id := int32(binary.BigEndian.Uint32(first))
	w, err := l.next(id)
	if err != nil {
		return err
	}
	var b []byte
	if l.again.on && w.header.Key == l.again.key {
		b, err = readBytes(r, l.again.take(int(size)), int(size))
		l.again.b = b
	} else {
		b, err = readBytes(r, nil, int(size))
	}
	if err != nil {
		return err
	}
	_, body, err := wire.ParseReplyHeader(b, w.header.Key, w.header.Version)
	if err != nil {
		return err
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

// next is who waits for the reply that comes.
func (l *link) next(id int32) (*waiter, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		return nil, fmt.Errorf("a reply nobody waits for (correlation id %d)", id)
	}
	w := l.waiting[0]
	if id != w.header.CorrelationID {
		return nil, fmt.Errorf("a reply with correlation id %d where %d is due", id, w.header.CorrelationID)
	}
	return w, nil
}

// readBytes reads size bytes into b, or where b is too small into more; memory is reserved as they come.
func readBytes(r io.Reader, b []byte, size int) ([]byte, error) {
	if len(b) == 0 {
		b = make([]byte, min(size, trustedBytes))
	}
	have := 0
	for {
		n, err := io.ReadFull(r, b[have:min(size, len(b))])
		if have += n; err != nil {
			return nil, err
		}
		if have == size {
			return b[:size], nil
		}
		grown := make([]byte, min(size+size/4, max(2*len(b), trustedBytes))) // more than this one needs: the next may be larger
		copy(grown, b)
		b = grown
	}
}
