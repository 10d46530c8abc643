package controller

import (
	"context"
	"errors"
	"time"

	"milena/internal/clusterstore"
	"milena/internal/coord"
)

// campaignDelay is waited after the store could not be reached or a reign failed.
const campaignDelay = 200 * time.Millisecond

// campaign runs until Close: it waits for a session, stands for election with it, and rules or watches who does.
func (c *Controller) campaign() {
	for c.ctx.Err() == nil {
		session := c.currentSession()
		if session == nil {
			select {
			case <-c.renewed:
			case <-c.ctx.Done():
			}
			continue
		}
		ctx, cancel := withSession(c.ctx, session)
		err := c.stand(ctx, session)
		if err != nil && ctx.Err() == nil {
			c.cfg.Logger.Warn("controller: campaign failed, trying again", "error", err)
			sleep(ctx, campaignDelay)
		}
		cancel()
	}
}

// currentSession is the session to campaign with, nil while there is none alive.
func (c *Controller) currentSession() coord.Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == nil {
		return nil
	}
	select {
	case <-c.session.Expired():
		c.session = nil
	default:
	}
	return c.session
}

// withSession ends with the session.
func withSession(parent context.Context, s coord.Session) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	go func() {
		select {
		case <-s.Expired():
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// stand tries to become controller each time nobody is.
func (c *Controller) stand(ctx context.Context, session coord.Session) error {
	watch, err := c.store.Coord().Watch(clusterstore.ControllerPath, coord.WatchNode)
	if err != nil {
		return err
	}
	defer watch.Close()
	self := clusterstore.ElectedController{BrokerID: c.cfg.BrokerID, Directory: c.cfg.Directory, Endpoint: c.cfg.Endpoint}
	for ctx.Err() == nil {
		epoch, err := c.store.Elect(ctx, session, self, time.Now().UnixMilli())
		if err == nil {
			if err := c.reignUntilDeposed(ctx, session, epoch, watch); err != nil {
				return err
			}
			continue
		}
		if !errors.Is(err, coord.ErrNodeExists) && !errors.Is(err, coord.ErrBadVersion) {
			return err
		}
		if errors.Is(err, coord.ErrBadVersion) {
			continue
		}
		holder, err := c.store.Controller(ctx)
		if errors.Is(err, coord.ErrNoNode) {
			continue
		}
		if err != nil {
			return err
		}
		if holder.BrokerID == c.cfg.BrokerID && holder.Directory != "" && holder.Directory == c.cfg.Directory && holder.Session != session.ID() {
			// Left by this broker's process before this one, which is dead: it held the lock of the directory.
			if err := c.store.RemoveController(ctx, holder); err != nil && !errors.Is(err, coord.ErrNoNode) {
				return err
			}
			continue
		}
		c.mu.Lock()
		c.holder = holder.BrokerID
		c.mu.Unlock()
		if err := c.awaitEnd(ctx, holder, watch); err != nil {
			return err
		}
	}
	return nil
}

// awaitEnd waits until /controller changes, or its holder's process is gone.
func (c *Controller) awaitEnd(ctx context.Context, holder *clusterstore.ElectedController, watch coord.Watch) error {
	looking, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.lookAfterController(looking, holder)
	}()
	defer func() {
		stop()
		<-done
	}()
	select {
	case <-ctx.Done():
	case _, open := <-watch.C():
		if !open {
			return coord.ErrClosed
		}
	}
	return nil
}

// reignUntilDeposed rules until the session ends or /controller is not this session's any more. After a reign that failed, /controller is
// given up so that the next reign, here or elsewhere, begins with what the store holds.
func (c *Controller) reignUntilDeposed(ctx context.Context, session coord.Session, epoch clusterstore.Epoch, watch coord.Watch) error {
	reignCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		for {
			select {
			case <-reignCtx.Done():
				return
			case _, open := <-watch.C():
				if !open {
					cancel()
					return
				}
			}
			holder, err := c.store.Controller(reignCtx)
			if errors.Is(err, coord.ErrNoNode) || (err == nil && holder.Session != session.ID()) {
				cancel()
				return
			}
		}
	}()
	err := c.rule(reignCtx, epoch)
	deposed := reignCtx.Err() != nil
	cancel()
	<-watching
	c.cfg.Logger.Info("controller resigned", "broker", c.cfg.BrokerID, "epoch", epoch.Number)
	if c.ctx.Err() != nil {
		c.giveUp(session)
		return nil
	}
	if deposed || isFenced(err) {
		return nil
	}
	c.giveUp(session)
	return err
}

// giveUp removes /controller if it still is this session's.
func (c *Controller) giveUp(session coord.Session) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	holder, err := c.store.Controller(ctx)
	if err != nil || holder.Session != session.ID() {
		return
	}
	if err := c.store.RemoveController(ctx, holder); err != nil && !errors.Is(err, coord.ErrNoNode) {
		c.cfg.Logger.Warn("controller: resigning failed", "error", err)
	}
}
