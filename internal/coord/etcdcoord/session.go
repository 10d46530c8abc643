package etcdcoord

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"milena/internal/coord"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	// keepAlivesPerTimeout leaves room for one that is lost and one that is late.
	keepAlivesPerTimeout = 3
	// keepAliveRetryDelay is the pause after a failed one.
	keepAliveRetryDelay = 100 * time.Millisecond
	// closeTimeout bounds the farewell to a server that may not be there.
	closeTimeout = time.Second
)

// session is an etcd lease.
type session struct {
	store *Store
	lease clientv3.LeaseID
	ttl   time.Duration
	over  chan struct{}
	end   context.CancelFunc // stops keep-alives

	mu    sync.Mutex
	ended bool
}

// NewSession starts a session. Its time-out is rounded up to whole seconds, and to the server's minimum.
func (s *Store) NewSession(ctx context.Context, timeoutMs int) (coord.Session, error) {
	if timeoutMs <= 0 {
		return nil, fmt.Errorf("etcdcoord: session time-out of %d ms", timeoutMs)
	}
	if s.isClosed() {
		return nil, coord.ErrClosed
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	sent := time.Now()
	grant, err := s.client.Grant(ctx, int64((timeoutMs+999)/1000))
	if err != nil {
		return nil, s.mapError(err)
	}
	run, end := context.WithCancel(s.run)
	n := &session{
		store: s,
		lease: grant.ID,
		ttl:   time.Duration(grant.TTL) * time.Second,
		over:  make(chan struct{}),
		end:   end,
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		end()
		return nil, coord.ErrClosed // the lease, which nobody keeps alive, runs out
	}
	s.sessions[n] = struct{}{}
	s.running.Go(func() { n.keepAlive(run, sent.Add(n.ttl)) })
	s.mu.Unlock()
	return n, nil
}

// ID is the lease's.
func (n *session) ID() int64 { return int64(n.lease) }

// Expired is closed when the session is over.
func (n *session) Expired() <-chan struct{} { return n.over }

// keepAlive renews the lease until the session ends. The deadline counts from the sending of the last renewal that was
// answered: the server's own begins later, so the session is known to be over here before its nodes go there, as far as
// one clock can tell.
func (n *session) keepAlive(run context.Context, deadline time.Time) {
	interval := n.ttl / keepAlivesPerTimeout
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for {
		select {
		case <-run.Done():
			return
		case <-timer.C:
		}
		sent := time.Now()
		ctx, cancel := context.WithDeadline(run, earlier(deadline, sent.Add(interval))) // the next try may find another endpoint
		ttlSeconds, err := n.store.renew(ctx, n.lease)
		cancel()
		switch {
		case run.Err() != nil:
			return
		case errors.Is(err, rpctypes.ErrLeaseNotFound):
			n.expire("the store has ended it")
			return
		case err == nil:
			deadline = sent.Add(time.Duration(ttlSeconds) * time.Second)
			timer.Reset(interval)
		case !time.Now().Before(deadline):
			n.expire("the store was not reached for its time-out")
			n.revokeLate()
			return
		default:
			timer.Reset(min(keepAliveRetryDelay, time.Until(deadline)))
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// expire tells the owner.
func (n *session) expire(reason string) {
	if n.finish() {
		n.store.logger.Warn("coordination session is over", "session", n.ID(), "reason", reason)
	}
}

// finish closes Expired, once.
func (n *session) finish() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ended {
		return false
	}
	n.ended = true
	n.end()
	close(n.over)
	n.store.mu.Lock()
	delete(n.store.sessions, n)
	n.store.mu.Unlock()
	return true
}

func (n *session) isOver() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ended
}

// revokeLate removes the nodes of a session that is over here but may live on in a server which had no leader for a while.
func (n *session) revokeLate() {
	ctx, cancel := n.store.bound(n.store.run)
	defer cancel()
	_, _ = n.store.client.Revoke(ctx, n.lease) // else the lease runs out
}

// Close ends the session and removes its nodes. After an error they go when the lease runs out.
func (n *session) Close(ctx context.Context) error {
	if !n.finish() {
		return nil
	}
	ctx, cancel := n.store.bound(ctx)
	defer cancel()
	_, err := n.store.client.Revoke(ctx, n.lease)
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return nil
	}
	return n.store.mapError(err)
}

// endAll closes sessions at the same time.
func (s *Store) endAll(open []*session) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	var done sync.WaitGroup
	for _, n := range open {
		done.Go(func() {
			if err := n.Close(ctx); err != nil {
				s.logger.Debug("session is left to run out", "session", n.ID(), "error", err)
			}
		})
	}
	done.Wait()
}
