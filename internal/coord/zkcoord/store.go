package zkcoord

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"milena/internal/coord"
	"milena/internal/coord/watches"

	"github.com/go-zookeeper/zk"
	"golang.org/x/sync/errgroup"
)

// Store is a coordination store over one ensemble.
type Store struct {
	set     *settings
	main    *link
	watches watches.Set

	mu       sync.Mutex
	closed   bool
	sessions map[*session]struct{}
}

var _ coord.Store = (*Store)(nil)

// real is a path's name in ZooKeeper.
func (s *Store) real(path string) string {
	if path == "/" && s.set.Chroot != "" {
		return s.set.Chroot
	}
	return s.set.Chroot + path
}

// changed hands an event to whom it concerns.
func (s *Store) changed(real string, cameOrWent bool) {
	path, ok := strings.CutPrefix(real, s.set.Chroot)
	if !ok {
		return
	}
	if path == "" {
		path = "/"
	}
	s.watches.Changed(path, cameOrWent)
}

// bound gives a call a limit of its own, so that none hangs while no server answers.
func (s *Store) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.set.RequestTimeout)
}

func (s *Store) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *Store) check(path string) error {
	if s.isClosed() {
		return coord.ErrClosed
	}
	return coord.CheckPath(path)
}

// mapError is mapError of a request by the store's own connection, whose session is nobody's.
func (s *Store) mapError(err error, path string) error {
	switch {
	case err == nil:
		return nil
	case s.isClosed():
		return coord.ErrClosed
	case errors.Is(err, zk.ErrSessionExpired):
		return fmt.Errorf("%w: ZooKeeper: %w", coord.ErrUnavailable, err)
	}
	return mapError(err, path)
}

// read makes a request that changes nothing, again and again while connections are lost under it.
func read[T any](ctx context.Context, s *Store, request func(*zk.Conn) (T, error)) (T, error) {
	for {
		value, err := call(ctx, s.main, request)
		if !isLost(err) || ctx.Err() != nil || s.isClosed() {
			return value, err
		}
	}
}

// isLost tells that a request may have been lost with its connection.
func isLost(err error) bool {
	return errors.Is(err, zk.ErrConnectionClosed) || errors.Is(err, zk.ErrNoServer) || errors.Is(err, zk.ErrSessionExpired) ||
		errors.Is(err, zk.ErrSessionMoved)
}

// catchUp has the member that we are connected to see all that has been answered so far, by any member.
func (s *Store) catchUp(ctx context.Context) error {
	_, err := read(ctx, s, func(c *zk.Conn) (string, error) { return c.Sync(s.real("/")) })
	return err
}

func statOf(stat *zk.Stat) coord.Stat {
	return coord.Stat{Version: stat.Version, CreateID: stat.Czxid, ModID: stat.Mzxid, EphemeralOwner: stat.EphemeralOwner}
}

// Get reads a node.
func (s *Store) Get(ctx context.Context, path string) (coord.Node, error) {
	if err := s.check(path); err != nil {
		return coord.Node{}, err
	}
	if path == "/" {
		return coord.Node{}, nil
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	if err := s.catchUp(ctx); err != nil {
		return coord.Node{}, s.mapError(err, path)
	}
	node, err := s.node(ctx, path)
	return node, s.mapError(err, path)
}

func (s *Store) node(ctx context.Context, path string) (coord.Node, error) {
	return read(ctx, s, func(c *zk.Conn) (coord.Node, error) {
		data, stat, err := c.Get(s.real(path))
		if err != nil {
			return coord.Node{}, err
		}
		return coord.Node{Data: data, Stat: statOf(stat)}, nil
	})
}

// Children lists names.
func (s *Store) Children(ctx context.Context, path string) ([]string, error) {
	if err := s.check(path); err != nil {
		return nil, err
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	if err := s.catchUp(ctx); err != nil {
		return nil, s.mapError(err, path)
	}
	names, err := s.names(ctx, path)
	return names, s.mapError(err, path)
}

func (s *Store) names(ctx context.Context, path string) ([]string, error) {
	names, err := read(ctx, s, func(c *zk.Conn) ([]string, error) {
		names, _, err := c.Children(s.real(path))
		return names, err
	})
	if err != nil {
		return nil, err
	}
	if path == "/" && s.set.Chroot == "" { // ZooKeeper's own
		names = slices.DeleteFunc(names, func(name string) bool { return name == "zookeeper" })
	}
	slices.Sort(names)
	return names, nil
}

// List reads the names first and then each child, as ZooKeeper has it: a child that goes in between is left out.
func (s *Store) List(ctx context.Context, path string) ([]coord.Child, error) {
	if err := s.check(path); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.set.RequestTimeout)
	defer cancel()
	if err := s.catchUp(ctx); err != nil {
		return nil, s.mapError(err, path)
	}
	names, err := s.names(ctx, path)
	if err != nil {
		return nil, s.mapError(err, path)
	}
	children := make([]coord.Child, len(names))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(s.set.MaxInFlight)
	for i, name := range names {
		group.Go(func() error {
			node, err := s.node(groupCtx, coord.Join(path, name))
			if errors.Is(err, zk.ErrNoNode) {
				return nil
			}
			children[i] = coord.Child{Name: name, Node: node}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, s.mapError(err, path)
	}
	return slices.DeleteFunc(children, func(c coord.Child) bool { return c.Name == "" }), nil
}

// Watch reports changes. While there is no connection, the signal that follows the next one stands for all that is missed.
func (s *Store) Watch(path string, what coord.WatchKind) (coord.Watch, error) {
	if err := s.check(path); err != nil {
		return nil, err
	}
	return s.watches.Add(path, what)
}

// Close ends watches and sessions. Sessions that cannot be ended now, because ZooKeeper does not answer, run out there.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	open := make([]*session, 0, len(s.sessions))
	for n := range s.sessions {
		open = append(open, n)
	}
	s.mu.Unlock()
	var done sync.WaitGroup
	for _, n := range open {
		done.Go(func() {
			if err := n.Close(context.Background()); err != nil {
				s.set.Logger.Debug("session is left to run out", "session", n.ID(), "error", err)
			}
		})
	}
	done.Go(func() { _ = s.main.close(context.Background()) })
	done.Wait()
	s.watches.Close()
	return nil
}
