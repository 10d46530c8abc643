// Package peer carries requests from broker to broker: one connection to a broker, requests in order, replies matched, reconnection.
// It imports netio, wire and kmsg.
//
// A Conn has at most one connection at a time, a link, whose goroutine reads the replies. Conn.turn (a channel, so that waiting for it ends
// with a context) orders senders and guards the link; link.mu guards the requests that wait for their replies.
// Replies have memory of their own, but for one kind where Conn.Reuse says so.
package peer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"milena/internal/netio"
	"milena/internal/wire"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// What may go wrong on the way; the errors of Do wrap one of these, or are the context's.
var (
	// ErrUnreachable: no connection could be made, the request was not sent.
	ErrUnreachable = errors.New("peer: broker cannot be reached")
	// ErrDisconnected: the connection broke; the request may have been carried out.
	ErrDisconnected = errors.New("peer: connection lost")
	// ErrClosed: Close has been called.
	ErrClosed = errors.New("peer: closed")
)

// Conn is a lasting connection to one broker. Requests may be sent by many goroutines; they leave in the order of the calls.
type Conn struct {
	net      netio.Net
	address  string
	clientID string
	turn     chan struct{} // holds one token: whoever takes it sends
	closing  sync.Once
	closed   chan struct{}
	link     *link // of whoever holds the turn
	buf      []byte
	nextID   int32
	again    recycled // what links begin with
}

// Open makes a connection object; it dials when first used and again after failures.
func Open(net netio.Net, address, clientID string) *Conn {
	c := &Conn{net: net, address: address, clientID: clientID, turn: make(chan struct{}, 1), closed: make(chan struct{})}
	c.turn <- struct{}{}
	return c
}

// Reuse has the replies to one kind of request share their memory: for a caller that has one such request under way at a time, and is done with
// its reply before it sends the next. It is called before the first request.
func (c *Conn) Reuse(key int16) { c.again = recycled{on: true, key: key} }

// Address is where the broker is.
func (c *Conn) Address() string { return c.address }

// Do sends a request at the version set on it and waits for its reply. When ctx's time is over before the reply has come, the connection is
// given up with all that wait on it: a broker that does not answer one request will not answer those after it.
func (c *Conn) Do(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	l, w, err := c.send(ctx, req)
	if err != nil {
		return nil, err
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			l.fail(ctx.Err())
		}
		return nil, ctx.Err()
	}
	if w.err != nil {
		return nil, w.err
	}
	resp := req.ResponseKind()
	if err := resp.ReadFrom(w.body); err != nil {
		return nil, fmt.Errorf("peer: %s answers %s version %d with a body that cannot be decoded: %w",
			c.address, kmsg.NameForKey(req.Key()), req.GetVersion(), err)
	}
	return resp, nil
}

// send waits for its turn, connects where that is needed, and writes the request.
func (c *Conn) send(ctx context.Context, req kmsg.Request) (*link, *waiter, error) {
	select {
	case <-c.turn:
	case <-c.closed:
		return nil, nil, ErrClosed
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	defer func() { c.turn <- struct{}{} }()
	select {
	case <-c.closed:
		return nil, nil, ErrClosed
	default:
	}
	if c.link == nil || c.link.broken() {
		if err := c.connect(ctx); err != nil {
			return nil, nil, err
		}
	}
	l := c.link
	c.nextID++
	header := wire.RequestHeader{Key: req.Key(), Version: req.GetVersion(), CorrelationID: c.nextID, ClientID: c.clientID}
	c.buf = wire.AppendRequestHeader(append(c.buf[:0], 0, 0, 0, 0), header)
	c.buf = req.AppendTo(c.buf)
	binary.BigEndian.PutUint32(c.buf, uint32(len(c.buf)-wire.SizeOfSize))
	w := &waiter{header: header, done: make(chan struct{})}
	if err := l.expect(w); err != nil {
		return nil, nil, err
	}
	unwatch := context.AfterFunc(ctx, func() { l.fail(ctx.Err()) }) // a write that does not end is given up with its connection
	_, err := l.socket.Write(c.buf)
	unwatch()
	if cap(c.buf) > keptBytes {
		c.buf = nil
	}
	if err != nil {
		l.fail(err) // w is told
	}
	return l, w, nil
}

func (c *Conn) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dialled := make(chan struct{})
	defer close(dialled)
	go func() {
		select {
		case <-c.closed:
			cancel()
		case <-dialled:
		}
	}()
	socket, err := c.net.Dial(ctx, c.address)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrUnreachable, c.address, err)
	}
	c.link = newLink(c.address, socket, c.again)
	return nil
}

// Close ends it. Requests under way fail with ErrClosed or ErrDisconnected.
func (c *Conn) Close() {
	c.closing.Do(func() {
		close(c.closed)
		go func() { // a sender may have the turn; it ends soon, for what it does is bounded by its context
			<-c.turn
			if c.link != nil {
				c.link.fail(ErrClosed)
			}
			c.turn <- struct{}{}
		}()
	})
}
