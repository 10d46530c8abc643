package controller

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"milena/internal/clusterstore"
	"milena/internal/coord"
)

// Candidacy is the session of a node that is no broker, kept up over expiries: nothing is registered with it, and /controller alone may hang
// on it.
type Candidacy struct {
	store     *clusterstore.Store
	timeoutMs int
	log       *slog.Logger
	onSession func(coord.Session)
	ctx       context.Context
	stop      context.CancelFunc
	done      sync.WaitGroup
	session   coord.Session // of the goroutine that keeps it; of Close when that has ended
}

// Stand opens a session; onSession is called with each one, the first time before Stand returns.
func Stand(
	ctx context.Context, store *clusterstore.Store, timeoutMs int, log *slog.Logger, onSession func(coord.Session),
) (*Candidacy, error) {
	running, stop := context.WithCancel(context.Background())
	c := &Candidacy{store: store, timeoutMs: timeoutMs, log: log, onSession: onSession, ctx: running, stop: stop}
	if err := c.open(ctx); err != nil {
		stop()
		return nil, err
	}
	c.done.Go(c.keep)
	return c, nil
}

func (c *Candidacy) open(ctx context.Context) error {
	session, err := c.store.Coord().NewSession(ctx, c.timeoutMs)
	if err != nil {
		return fmt.Errorf("controller: opening a session: %w", err)
	}
	c.session = session
	c.onSession(session)
	return nil
}

// keep opens another session after each expiry.
func (c *Candidacy) keep() {
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-c.session.Expired():
		}
		c.log.Warn("the session has expired, opening another one")
		_ = c.session.Close(c.ctx) // it may stand in the store still, with /controller
		for c.open(c.ctx) != nil && c.ctx.Err() == nil {
			sleep(c.ctx, campaignDelay)
		}
	}
}

// Close ends the session: whatever hangs on it goes, at once, or by the session's time-out where the store cannot be reached.
func (c *Candidacy) Close(ctx context.Context) error {
	c.stop()
	c.done.Wait()
	return closeSession(ctx, c.session, c.timeoutMs, c.log)
}
