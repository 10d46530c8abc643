package zkcoord

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"milena/internal/coord"
	"milena/internal/netio"

	"github.com/go-zookeeper/zk"
)

const (
	// minHandshakeLimit is how long a member that has accepted a connection may take to answer, at least.
	minHandshakeLimit = time.Second
	// farewellTimeout bounds the wait for the answer to the end of a session.
	farewellTimeout = time.Second
	// codeUnimplemented is the answer of a server that does not know a request.
	codeUnimplemented = -6
)

// link is one session with the ensemble, over one connection after the other.
type link struct {
	options *settings
	events  events
	start   time.Time
	// heardAt is when the last thing that was answered had been sent, since start.
	heardAt atomic.Int64
	// pending has one element for each request under way, also for one that nobody waits for any more.
	pending chan struct{}
	// oversized counts answers that were too large to take.
	oversized atomic.Int32
	goodbye   chan struct{} // closed when the server has answered the end of the session
	ended     chan struct{} // closed by end

	mu        sync.Mutex
	conn      *zk.Conn
	wire      *wire
	up        bool
	reachable chan struct{} // closed while up
	over      bool          // no further connection is made
	failure   error         // why this ensemble can never be used
	timeout   time.Duration // as the server granted it
	parted    bool
}

// events are what a link tells its owner, from the client's own goroutines: they must not block.
type events struct {
	// tree is the path whose persistent recursive watch is set on every connection, "" for none.
	tree string
	// changed tells of a change in it.
	changed func(path string, cameOrWent bool)
	// ready is called when requests get through (again), and the watch is set.
	ready func()
	// expired is called when the server has ended the session.
	expired func()
}

func newLink(options *settings, timeout time.Duration, e events) *link {
	return &link{
		options: options, events: e, start: time.Now(), timeout: timeout,
		pending: make(chan struct{}, options.MaxInFlight), goodbye: make(chan struct{}), ended: make(chan struct{}),
		reachable: make(chan struct{}),
	}
}

// open begins to connect, and goes on until close: where the session expires, another one follows, unless end has been called.
func (l *link) open() error {
	options, timeout := l.options, l.timeout
	limit := max(minHandshakeLimit, timeout/3)
	dial := func(_, address string, timeout time.Duration) (net.Conn, error) {
		return l.dial(address, timeout, limit)
	}
	conn, _, err := zk.Connect(options.Servers, timeout, zk.WithDialer(dial), zk.WithHostProvider(newHosts(options.Servers)),
		zk.WithEventCallback(l.on), zk.WithLogger(logger{options.Logger}), zk.WithLogInfo(false),
		zk.WithMaxConnBufferSize(options.MaxRequestBytes+lengthBytes), zk.WithMaxBufferSize(maxReplyBytes))
	if err != nil {
		return fmt.Errorf("zkcoord: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = conn
	return nil
}

func (l *link) client() *zk.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn
}

// errOver keeps the client from opening a new session in place of one that has ended.
var errOver = errors.New("the session is over")

func (l *link) dial(address string, timeout, handshakeLimit time.Duration) (net.Conn, error) {
	l.mu.Lock()
	over, old := l.over, l.wire
	l.mu.Unlock()
	if old != nil {
		_ = old.Close() // the client leaves it open where the handshake was refused
	}
	if over {
		return nil, errOver
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := l.options.Net.Dial(ctx, address)
	if err == nil && l.options.TLS != nil {
		conn, err = netio.Secure(ctx, conn, address, l.options.TLS)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.options.note(fmt.Errorf("%s: %w", address, err))
		return nil, err
	}
	l.wire = newWire(conn, l, handshakeLimit)
	return l.wire, nil
}

// on is called by the client for every event.
func (l *link) on(e zk.Event) {
	switch e.Type {
	case zk.EventSession:
		l.onState(e.State)
	case zk.EventNodeCreated, zk.EventNodeDeleted:
		l.events.changed(e.Path, true)
	case zk.EventNodeDataChanged:
		l.events.changed(e.Path, false)
	}
}

func (l *link) onState(state zk.State) {
	switch state {
	case zk.StateHasSession:
		if l.events.tree != "" {
			l.mu.Lock()
			w := l.wire
			l.mu.Unlock()
			w.addWatch(l.events.tree) // its answer makes the link ready
			return
		}
		l.setUp(true)
		l.events.ready()
	case zk.StateDisconnected:
		l.setUp(false)
	case zk.StateExpired:
		l.events.expired()
	}
}

func (l *link) setUp(up bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.up == up || l.failure != nil {
		return
	}
	l.up = up
	if up {
		close(l.reachable)
	} else {
		l.reachable = make(chan struct{})
	}
}

// watching is the server's answer to addWatch.
func (l *link) watching(w *wire, code int32) {
	switch code {
	case 0:
		l.setUp(true)
		l.events.ready()
	case codeUnimplemented:
		l.fail(errors.New("zkcoord: this ZooKeeper has no persistent watches: version 3.6 or later is needed"))
	default:
		l.options.Logger.Warn("ZooKeeper refused the watch of the tree; trying again", "code", code)
		_ = w.Close()
	}
}

// fail ends the use of a store that will never work.
func (l *link) fail(reason error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failure == nil && !l.up {
		l.failure = reason
		close(l.reachable)
	}
}

// now is the link's clock.
func (l *link) now() int64 { return int64(time.Since(l.start)) }

func (l *link) hear(sent int64) { l.heardAt.Store(sent) }

func (l *link) negotiated(timeoutMs int32) {
	if timeoutMs <= 0 { // what the server answers where it has ended the session
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timeout = time.Duration(timeoutMs) * time.Millisecond
}

// left is how long the session has, if nothing more is heard.
func (l *link) left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.timeout - time.Duration(l.now()-l.heardAt.Load())
}

// end makes no further connection.
func (l *link) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.over = true
		close(l.ended)
	}
}

func (l *link) saidGoodbye() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.parted {
		l.parted = true
		close(l.goodbye)
	}
}

// close ends the session. An error tells that the server has not confirmed that, so that the session has to run out.
func (l *link) close(ctx context.Context) error {
	l.end()
	l.mu.Lock()
	up := l.up
	l.mu.Unlock()
	closed := make(chan struct{})
	go func() {
		l.client().Close() // waits for a second where nobody answers
		l.mu.Lock()
		w := l.wire
		l.mu.Unlock()
		if w != nil {
			_ = w.Close()
		}
		close(closed)
	}()
	if !up {
		return fmt.Errorf("%w: ZooKeeper cannot be told that the session ends, which runs out", coord.ErrUnavailable)
	}
	ctx, cancel := context.WithTimeout(ctx, farewellTimeout)
	defer cancel()
	select {
	case <-l.goodbye:
		<-closed
		return nil
	case <-ctx.Done():
	}
	return fmt.Errorf("%w: ZooKeeper has not confirmed the end of the session, which runs out: %w", coord.ErrUnavailable, ctx.Err())
}

// await waits until requests get through.
func (l *link) await(ctx context.Context) error {
	l.mu.Lock()
	reachable := l.reachable
	l.mu.Unlock()
	select {
	case <-reachable:
	default:
		select {
		case <-reachable:
		case <-l.ended:
			return coord.ErrSessionExpired
		case <-ctx.Done():
			return fmt.Errorf("%w: no connection to ZooKeeper: %w", coord.ErrUnavailable, ctx.Err())
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", coord.ErrUnavailable, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failure
}

// call makes one request once the link is up. What ctx does not wait for may still come true.
func call[T any](ctx context.Context, l *link, request func(*zk.Conn) (T, error)) (T, error) {
	var none T
	if err := l.await(ctx); err != nil {
		return none, err
	}
	select {
	case l.pending <- struct{}{}:
	case <-ctx.Done():
		return none, fmt.Errorf("%w: ZooKeeper is slow to answer: %w", coord.ErrUnavailable, ctx.Err())
	}
	type answer struct {
		value T
		err   error
	}
	oversized := l.oversized.Load()
	answers := make(chan answer, 1)
	conn := l.client()
	go func() {
		value, err := request(conn)
		<-l.pending
		answers <- answer{value, err}
	}()
	select {
	case a := <-answers:
		if errors.Is(a.err, zk.ErrConnectionClosed) && l.oversized.Load() != oversized {
			return none, fmt.Errorf("%w: ZooKeeper's answer has more than %d bytes", coord.ErrTooLarge, maxReplyBytes)
		}
		return a.value, a.err
	case <-ctx.Done():
		return none, fmt.Errorf("%w: ZooKeeper did not answer in time: %w", coord.ErrUnavailable, ctx.Err())
	}
}

// logger hands the client's lines on; none of them is worth more than debugging.
type logger struct{ to *slog.Logger }

func (l logger) Printf(format string, values ...any) {
	l.to.Debug("zookeeper: " + fmt.Sprintf(format, values...))
}
