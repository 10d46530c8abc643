package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"milena/internal/clusterstore"
	"milena/internal/coord"
)

// Membership is this broker's session and its registration under /brokers/ids, kept up over expiries.
type Membership struct {
	store     *clusterstore.Store
	timeoutMs int
	log       *slog.Logger
	onSession func(coord.Session, int64)
	onSettled func()
	ctx       context.Context
	stop      context.CancelFunc
	done      sync.WaitGroup

	mu      sync.Mutex // guards what follows
	broker  clusterstore.Broker
	session coord.Session
	epoch   int64
}

// Join opens a session and registers the broker; it returns once registered. onSession is called with each session and the broker epoch of
// its registration, the first time before Join returns. A registration that this broker's own process left behind when it was killed (same
// id, same Directory: the lock of the directory is held now, so that process is dead) is removed at once; another's is waited for until its
// session should be over, and then refused. onSettled is called once a controller has taken in that the broker is Unclean.
func Join(
	ctx context.Context, store *clusterstore.Store, broker clusterstore.Broker, timeoutMs int, log *slog.Logger,
	onSession func(s coord.Session, brokerEpoch int64), onSettled func(),
) (*Membership, error) {
	running, stop := context.WithCancel(context.Background())
	m := &Membership{
		store: store, timeoutMs: timeoutMs, log: log, onSession: onSession, onSettled: onSettled, ctx: running, stop: stop, broker: broker,
	}
	if err := m.join(ctx); err != nil {
		stop()
		return nil, err
	}
	m.done.Go(m.keep)
	return m, nil
}

// Epoch is the broker epoch of the registration in force.
func (m *Membership) Epoch() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.epoch
}

// Session is the session in force; it may have expired.
func (m *Membership) Session() coord.Session {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.session
}

// SetEndpoints changes what is advertised, now and in later registrations.
func (m *Membership) SetEndpoints(ctx context.Context, endpoints []clusterstore.Endpoint) error {
	m.mu.Lock()
	m.broker.Endpoints = endpoints
	b := m.broker
	m.mu.Unlock()
	return m.store.UpdateRegistration(ctx, &b)
}

// Expire lets the registration end for good, if anything ends it: before the listeners close, since a controller that finds them closed takes
// the process for gone.
func (m *Membership) Expire() {
	m.stop()
	m.done.Wait()
}

// Close ends the session: the registration goes. Where the store cannot be reached, as when its other members stop too, the session ends by its
// time-out: that is no failure of a stop.
func (m *Membership) Close(ctx context.Context) error {
	m.Expire()
	return closeSession(ctx, m.Session(), m.timeoutMs, m.log)
}

func closeSession(ctx context.Context, s coord.Session, timeoutMs int, log *slog.Logger) error {
	err := s.Close(ctx)
	if errors.Is(err, coord.ErrUnavailable) {
		log.Warn("the session is left to its time-out: the store cannot be reached", "timeoutMs", timeoutMs, "error", err)
		return nil
	}
	return err
}

func (m *Membership) join(ctx context.Context) error {
	session, err := m.store.Coord().NewSession(ctx, m.timeoutMs)
	if err != nil {
		return fmt.Errorf("controller: opening a session: %w", err)
	}
	m.mu.Lock()
	b := m.broker
	m.mu.Unlock()
	b.TimestampMs = time.Now().UnixMilli()
	// A controller of Kafka's takes in no such mark: it would stand until a Milena rules, when these replicas have long caught up.
	if holder, err := m.store.Controller(ctx); b.Unclean && err == nil && holder.Directory == "" {
		b.Unclean = false
	}
	epoch, err := m.register(ctx, session, &b)
	if err != nil {
		_ = session.Close(ctx)
		return err
	}
	m.mu.Lock()
	m.session, m.epoch = session, epoch
	m.mu.Unlock()
	m.onSession(session, epoch)
	return nil
}

func (m *Membership) register(ctx context.Context, session coord.Session, b *clusterstore.Broker) (int64, error) {
	watch, err := m.store.Coord().Watch(clusterstore.BrokerPath(b.ID), coord.WatchNode)
	if err != nil {
		return 0, err
	}
	defer watch.Close()
	var patience <-chan time.Time
	for {
		epoch, err := m.store.Register(ctx, session, b)
		if !errors.Is(err, coord.ErrNodeExists) {
			return epoch, err
		}
		other, err := m.store.Broker(ctx, b.ID)
		if errors.Is(err, coord.ErrNoNode) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if b.Directory != "" && other.Directory == b.Directory {
			if err := m.store.Unregister(ctx, other); err != nil && !errors.Is(err, coord.ErrNoNode) {
				return 0, err
			}
			continue
		}
		if patience == nil {
			m.log.Info("broker id is registered by another, waiting for that to end", "broker", b.ID)
			patience = time.After(time.Duration(m.timeoutMs)*time.Millisecond*3/2 + time.Second)
		}
		select {
		case <-watch.C():
		case <-session.Expired():
			return 0, coord.ErrSessionExpired
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-patience:
			return 0, fmt.Errorf("controller: broker id %d is in use by another broker (session %#x): give this one another broker.id",
				b.ID, other.Session)
		}
	}
}

// keep registers again after each expiry, and where another broker has ended this one's registration, taking it for dead.
func (m *Membership) keep() {
	for m.ctx.Err() == nil {
		session, epoch := m.Session(), m.Epoch()
		m.awaitLoss(session, epoch)
		if m.ctx.Err() != nil {
			return
		}
		m.log.Warn("the registration is gone, registering again", "epoch", epoch)
		_ = session.Close(m.ctx) // where it lives still, /controller goes with it: who is fenced does not rule
		for m.join(m.ctx) != nil && m.ctx.Err() == nil {
			sleep(m.ctx, campaignDelay)
		}
	}
}

// settled tells, once, that a controller has taken in what Unclean told.
func (m *Membership) settled() {
	m.mu.Lock()
	was := m.broker.Unclean
	m.broker.Unclean = false
	m.mu.Unlock()
	if was {
		m.onSettled()
	}
}

// awaitLoss returns when the session has ended, or the registration of that epoch.
func (m *Membership) awaitLoss(session coord.Session, epoch int64) {
	m.mu.Lock()
	id := m.broker.ID
	m.mu.Unlock()
	var changed <-chan struct{} // nil where the store is closed: the session tells then
	if watch, err := m.store.Coord().Watch(clusterstore.BrokerPath(id), coord.WatchNode); err == nil {
		defer watch.Close()
		changed = watch.C()
	}
	for {
		b, err := m.store.Broker(m.ctx, id)
		if errors.Is(err, coord.ErrNoNode) || err == nil && b.Epoch != epoch {
			return
		}
		if err == nil && !b.Unclean {
			m.settled()
		}
		select {
		case <-m.ctx.Done():
			return
		case <-session.Expired():
			return
		case _, open := <-changed:
			if !open {
				changed = nil
			}
		}
	}
}
