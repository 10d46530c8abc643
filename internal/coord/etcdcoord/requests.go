package etcdcoord

import (
	"io"
	"net"
	"sync"
)

// requests is a listener for the connections of Kafka's protocol that come in by a front. Until somebody accepts them they wait.
type requests struct {
	net.Listener // the front's
	accepted     chan net.Conn
	closing      sync.Once
	closed       chan struct{}
}

// isRequest tells a request of Kafka's by its first byte: it begins with its size, in four bytes, and none has 16 MiB.
func isRequest(r io.Reader) bool {
	var first [1]byte
	_, err := io.ReadFull(r, first[:])
	return err == nil && first[0] == 0
}

func newRequests(matched net.Listener) *requests {
	r := &requests{Listener: matched, accepted: make(chan net.Conn), closed: make(chan struct{})}
	go r.pass()
	return r
}

// pass ends when the front is closed.
func (r *requests) pass() {
	defer r.Close()
	for {
		conn, err := r.Listener.Accept()
		if err != nil {
			return
		}
		select {
		case r.accepted <- conn:
		case <-r.closed:
			_ = conn.Close()
		}
	}
}

func (r *requests) Accept() (net.Conn, error) {
	select {
	case conn := <-r.accepted:
		return conn, nil
	case <-r.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept; members and clients are served on.
func (r *requests) Close() error {
	r.closing.Do(func() { close(r.closed) })
	return nil
}
