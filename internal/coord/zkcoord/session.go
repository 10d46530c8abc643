package zkcoord

import (
	"context"
	"fmt"
	"sync"
	"time"

	"milena/internal/coord"
)

// session is a session of ZooKeeper, with a connection of its own.
type session struct {
	store *Store
	link  *link
	id    int64
	over  chan struct{}
	once  sync.Once
}

// NewSession starts a session. The servers bring its time-out into their bounds (minSessionTimeout, maxSessionTimeout).
func (s *Store) NewSession(ctx context.Context, timeoutMs int) (coord.Session, error) {
	if timeoutMs <= 0 {
		return nil, fmt.Errorf("zkcoord: session time-out of %d ms", timeoutMs)
	}
	if s.isClosed() {
		return nil, coord.ErrClosed
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	n := &session{store: s, over: make(chan struct{})}
	n.link = newLink(s.set, time.Duration(timeoutMs)*time.Millisecond, events{
		changed: func(string, bool) {}, ready: func() {}, expired: func() { n.expire("ZooKeeper has ended it") },
	})
	if err := n.link.open(); err != nil {
		return nil, err
	}
	err := n.link.authenticate(ctx)
	if err == nil && n.isOver() {
		err = coord.ErrSessionExpired
	}
	if err != nil {
		n.finish()
		go n.link.close(context.Background()) //nolint:errcheck // nobody knows this session
		return nil, s.mapError(err, "/")
	}
	n.id = n.link.client().SessionID()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		n.finish()
		_ = n.link.close(context.Background())
		return nil, coord.ErrClosed
	}
	s.sessions[n] = struct{}{}
	s.mu.Unlock()
	if n.isOver() { // just now
		n.forget()
	}
	go n.watchTheClock()
	return n, nil
}

// ID is ZooKeeper's.
func (n *session) ID() int64 { return n.id }

// Expired is closed when the session is over.
func (n *session) Expired() <-chan struct{} { return n.over }

func (n *session) isOver() bool {
	select {
	case <-n.over:
		return true
	default:
		return false
	}
}

// watchTheClock ends the session here when nothing that was sent within its time-out has been answered: about when the servers do, which
// count from the arrival of what was sent.
func (n *session) watchTheClock() {
	timer := time.NewTimer(n.link.left())
	defer timer.Stop()
	for {
		select {
		case <-n.over:
			return
		case <-timer.C:
		}
		left := n.link.left()
		if left <= 0 {
			n.expire("ZooKeeper was not reached for its time-out")
			return
		}
		timer.Reset(left)
	}
}

// expire tells the owner, and ends the session in ZooKeeper if it should live on there.
func (n *session) expire(reason string) {
	if !n.finish() {
		return
	}
	n.store.set.Logger.Warn("coordination session is over", "session", n.id, "reason", reason)
	go n.link.close(context.Background()) //nolint:errcheck // else it runs out
}

// finish closes Expired, once. No connection is made after it, so that the client opens no other session in place of this one.
func (n *session) finish() bool {
	first := false
	n.once.Do(func() {
		first = true
		n.link.end()
		close(n.over)
		n.forget()
	})
	return first
}

func (n *session) forget() {
	n.store.mu.Lock()
	defer n.store.mu.Unlock()
	delete(n.store.sessions, n)
}

// Close ends the session and removes its nodes. After an error they go when the session runs out.
func (n *session) Close(ctx context.Context) error {
	if !n.finish() {
		return nil
	}
	return n.link.close(ctx)
}
