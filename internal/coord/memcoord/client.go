package memcoord

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"milena/internal/coord"
	"milena/internal/coord/watches"
)

// defaultWaitMs is how long an operation of a client that is cut off waits for the store.
const defaultWaitMs = 5000

// Client is one broker's connection. Its zero value is not usable.
type Client struct {
	server  *Server
	watches watches.Set

	// The server's mutex guards all below.
	sessions  map[int64]*session
	closed    bool
	cut       bool
	reachable chan struct{} // closed while the server can be reached
	loseNext  int
	waitMs    int
	late      func() time.Duration // nil: watches are signalled at once
	slow      func() time.Duration // nil: operations take no time
}

var _ coord.Store = (*Client)(nil)

// Cut makes the store unreachable for this client: its operations wait, then fail with ErrUnavailable; its watches are
// silent; its sessions end after their time-out. Until then Restore brings all of it back.
func (c *Client) Cut() {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if c.cut || c.closed {
		return
	}
	c.cut = true
	c.reachable = make(chan struct{})
	for _, s := range c.sessions {
		s.timer = time.AfterFunc(s.timeout, s.timedOut)
	}
}

// timedOut ends a session on both sides, each by its own clock.
func (s *session) timedOut() {
	server := s.client.server
	server.mu.Lock()
	defer server.mu.Unlock()
	if !s.client.cut {
		return
	}
	if server.sessions[s.id] == s {
		server.end(s)
	}
	s.tell()
}

// Restore ends a Cut. Every watch is signalled, and sessions that the server ended meanwhile are told.
func (c *Client) Restore() {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if !c.cut || c.closed {
		return
	}
	c.cut = false
	close(c.reachable)
	for id, s := range c.sessions {
		if s.timer != nil {
			s.timer.Stop()
		}
		if c.server.sessions[id] != s {
			s.tell()
		}
	}
	c.watches.All()
}

// LoseReplies makes the next n changes succeed in the store and fail here with ErrUnavailable: what a connection that
// breaks at the wrong moment does.
func (c *Client) LoseReplies(n int) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.loseNext = n
}

// SetLateWatches makes the signals of watches come late, each by the time that by gives: one change may be told after a later one, and what is
// read meanwhile is newer than what was told. nil ends it.
func (c *Client) SetLateWatches(by func() time.Duration) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.late = by
}

// changed tells the watches of a change, in time or late; the server's mutex is held.
func (c *Client) changed(path string, cameOrWent bool) {
	if c.late == nil {
		c.watches.Changed(path, cameOrWent)
		return
	}
	time.AfterFunc(c.late(), func() {
		c.server.mu.Lock()
		defer c.server.mu.Unlock()
		if !c.cut && !c.closed { // else Restore signals every watch
			c.watches.Changed(path, cameOrWent)
		}
	})
}

// SetSlow makes every operation take time, on the way to the store and on the way back, each as much as by gives: what is read may be old when
// it arrives. nil ends it.
func (c *Client) SetSlow(by func() time.Duration) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.slow = by
}

// travel takes as long as one way to the store does, or until ctx ends.
func (c *Client) travel(ctx context.Context) {
	c.server.mu.Lock()
	slow := c.slow
	c.server.mu.Unlock()
	if slow == nil {
		return
	}
	timer := time.NewTimer(slow())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// SetWait sets how long operations wait while cut off, in ms (5,000 at first).
func (c *Client) SetWait(waitMs int) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.waitMs = waitMs
}

// enter locks the server's mutex once the server can be reached.
func (c *Client) enter(ctx context.Context) error {
	c.travel(ctx)
	var timeout <-chan time.Time
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%w: %w", coord.ErrUnavailable, err)
		}
		c.server.mu.Lock()
		if c.closed {
			c.server.mu.Unlock()
			return coord.ErrClosed
		}
		if !c.cut {
			return nil
		}
		reachable, wait := c.reachable, time.Duration(c.waitMs)*time.Millisecond
		c.server.mu.Unlock()
		if timeout == nil {
			timer := time.NewTimer(wait)
			defer timer.Stop()
			timeout = timer.C
		}
		select {
		case <-reachable:
		case <-timeout:
			return fmt.Errorf("%w: cut off", coord.ErrUnavailable)
		case <-ctx.Done():
		}
	}
}

// Get reads a node.
func (c *Client) Get(ctx context.Context, path string) (coord.Node, error) {
	defer c.travel(ctx)
	n, err := c.find(ctx, path)
	if err != nil {
		return coord.Node{}, err
	}
	defer c.server.mu.Unlock()
	return n.copy(), nil
}

func (n *node) copy() coord.Node { return coord.Node{Data: bytes.Clone(n.Data), Stat: n.Stat} }

// find leaves the mutex locked where it finds the node.
func (c *Client) find(ctx context.Context, path string) (*node, error) {
	if err := coord.CheckPath(path); err != nil {
		return nil, err
	}
	if err := c.enter(ctx); err != nil {
		return nil, err
	}
	n := c.server.nodes[path]
	if n == nil {
		c.server.mu.Unlock()
		return nil, fmt.Errorf("%w: %s", coord.ErrNoNode, path)
	}
	return n, nil
}

// Children lists names.
func (c *Client) Children(ctx context.Context, path string) ([]string, error) {
	defer c.travel(ctx)
	n, err := c.find(ctx, path)
	if err != nil {
		return nil, err
	}
	defer c.server.mu.Unlock()
	return sortedNames(n), nil
}

// List reads children.
func (c *Client) List(ctx context.Context, path string) ([]coord.Child, error) {
	defer c.travel(ctx)
	n, err := c.find(ctx, path)
	if err != nil {
		return nil, err
	}
	defer c.server.mu.Unlock()
	children := make([]coord.Child, 0, len(n.children))
	for _, name := range sortedNames(n) {
		children = append(children, coord.Child{Name: name, Node: c.server.nodes[coord.Join(path, name)].copy()})
	}
	return children, nil
}

// Create makes a node.
func (c *Client) Create(ctx context.Context, op coord.Create) (string, error) {
	result, err := coord.One(ctx, c, op)
	return result.Path, err
}

// Set replaces data.
func (c *Client) Set(ctx context.Context, path string, data []byte, version int32) (coord.Stat, error) {
	result, err := coord.One(ctx, c, coord.Set{Path: path, Data: data, Version: version})
	return result.Stat, err
}

// Delete removes a node.
func (c *Client) Delete(ctx context.Context, path string, version int32) error {
	_, err := coord.One(ctx, c, coord.Delete{Path: path, Version: version})
	return err
}

// Multi does all operations or none.
func (c *Client) Multi(ctx context.Context, ops ...coord.Op) ([]coord.Result, error) {
	defer c.travel(ctx)
	if err := c.enter(ctx); err != nil {
		return nil, err
	}
	defer c.server.mu.Unlock()
	results, err := c.server.do(ops)
	if err == nil && c.loseNext > 0 {
		c.loseNext--
		return nil, fmt.Errorf("%w: the reply is lost", coord.ErrUnavailable)
	}
	return results, err
}

// Watch reports changes.
func (c *Client) Watch(path string, what coord.WatchKind) (coord.Watch, error) {
	if err := coord.CheckPath(path); err != nil {
		return nil, err
	}
	return c.watches.Add(path, what)
}

// NewSession starts a session.
func (c *Client) NewSession(ctx context.Context, timeoutMs int) (coord.Session, error) {
	if timeoutMs <= 0 {
		return nil, fmt.Errorf("memcoord: session time-out of %d ms", timeoutMs)
	}
	if err := c.enter(ctx); err != nil {
		return nil, err
	}
	defer c.server.mu.Unlock()
	c.server.lastID++
	timeout := time.Duration(timeoutMs) * time.Millisecond
	s := &session{client: c, id: c.server.lastID, timeout: timeout, over: make(chan struct{})}
	c.server.sessions[s.id] = s
	c.sessions[s.id] = s
	return s, nil
}

// Close ends the client's watches and sessions.
func (c *Client) Close() error {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	if c.cut {
		close(c.reachable) // whoever waits finds it closed
	}
	delete(c.server.clients, c)
	for _, s := range c.sessions {
		if !c.cut { // else the server, which cannot hear of it, lets them run out
			c.server.end(s)
		}
		s.tell()
	}
	c.watches.Close()
	return nil
}

// ID is never 0.
func (s *session) ID() int64 { return s.id }

// Expired is closed when the session is over.
func (s *session) Expired() <-chan struct{} { return s.over }

// Close ends the session; its nodes go.
func (s *session) Close(ctx context.Context) error {
	if err := s.client.enter(ctx); err != nil {
		return err
	}
	defer s.client.server.mu.Unlock()
	if s.client.server.sessions[s.id] == s {
		s.client.server.end(s)
	}
	s.tell()
	return nil
}
