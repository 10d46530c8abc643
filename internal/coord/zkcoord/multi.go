package zkcoord

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"milena/internal/coord"

	"github.com/go-zookeeper/zk"
)

// Create makes a node.
func (s *Store) Create(ctx context.Context, op coord.Create) (string, error) {
	result, err := coord.One(ctx, s, op)
	return result.Path, err
}

// Set replaces data.
func (s *Store) Set(ctx context.Context, path string, data []byte, version int32) (coord.Stat, error) {
	result, err := coord.One(ctx, s, coord.Set{Path: path, Data: data, Version: version})
	return result.Stat, err
}

// Delete removes a node.
func (s *Store) Delete(ctx context.Context, path string, version int32) error {
	_, err := coord.One(ctx, s, coord.Delete{Path: path, Version: version})
	return err
}

// Multi does all operations or none: one multi of ZooKeeper. What is refused without asking ZooKeeper, which knows no such rule, is refused
// in its turn all the same: the operations before it are tried, with one behind them that never succeeds.
func (s *Store) Multi(ctx context.Context, ops ...coord.Op) ([]coord.Result, error) {
	if s.isClosed() {
		return nil, coord.ErrClosed
	}
	l, owner, err := s.linkOf(ops)
	if err != nil || len(ops) == 0 {
		return nil, err
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	for {
		allowed, refusal := s.allowed(ops)
		guards, conditionRefused, err := s.conditions(ctx, ops[:allowed])
		if err != nil {
			return nil, s.mapError(err, "/")
		}
		if conditionRefused != nil {
			allowed, refusal = conditionRefused.Index, conditionRefused.Err
		}
		if refusal != nil && allowed == 0 {
			return nil, &coord.MultiError{Index: 0, Err: refusal}
		}
		results, err := s.try(ctx, l, owner, guards, ops[:allowed], refusal)
		if !errors.Is(err, errGuard) {
			return results, err
		}
		// A sibling was made since the conditions were read. Whoever made it has gone on.
	}
}

// linkOf is the connection for operations: that of the session which they create with.
func (s *Store) linkOf(ops []coord.Op) (*link, *session, error) {
	var owner *session
	for i, op := range ops {
		create, ok := op.(coord.Create)
		if !ok || create.Session == nil {
			continue
		}
		n, ok := create.Session.(*session)
		switch {
		case !ok || n.store != s:
			return nil, nil, &coord.MultiError{Index: i, Err: fmt.Errorf("zkcoord: session %d is another store's", create.Session.ID())}
		case owner != nil && owner != n:
			return nil, nil, &coord.MultiError{Index: i, Err: errors.New("zkcoord: a multi creates with one session at most")}
		case n.isOver():
			return nil, nil, &coord.MultiError{Index: i, Err: fmt.Errorf("%w: %d", coord.ErrSessionExpired, n.id)}
		}
		owner = n
	}
	if owner != nil {
		return owner.link, owner, nil
	}
	return s.main, nil, nil
}

// allowed counts the operations before the first that is against a rule of coord's.
func (s *Store) allowed(ops []coord.Op) (int, error) {
	for i, op := range ops {
		if err := check(op); err != nil {
			return i, err
		}
	}
	return len(ops), nil
}

func check(op coord.Op) error {
	switch op := op.(type) {
	case coord.Create:
		path := op.Path
		if op.Sequential {
			path += "0" // stands for the number
		}
		if path == "/" {
			return fmt.Errorf("%w: /", coord.ErrNodeExists)
		}
		return coord.CheckPath(path)
	case coord.Set:
		if op.Path == "/" {
			return fmt.Errorf("%w: the root has no data", coord.ErrBadPath)
		}
		return coord.CheckPath(op.Path)
	case coord.Delete:
		if op.Path == "/" {
			return fmt.Errorf("%w: the root cannot be deleted", coord.ErrBadPath)
		}
		return coord.CheckPath(op.Path)
	case coord.Check:
		return coord.CheckPath(op.Path)
	}
	panic(fmt.Sprintf("coord: unknown operation %T", op))
}

// impossible is a version that no node of ours reaches.
const impossible = 1<<31 - 1

// try sends one multi: the guards, the operations, and, where refusal is not nil, one that fails.
func (s *Store) try(ctx context.Context, l *link, owner *session, guards []any, ops []coord.Op, refusal error) ([]coord.Result, error) {
	requests := append([]any{}, guards...)
	for _, op := range ops {
		requests = append(requests, s.request(op))
	}
	if refusal != nil {
		requests = append(requests, &zk.CheckVersionRequest{Path: s.real("/"), Version: impossible})
	}
	responses, err := call(ctx, l, func(c *zk.Conn) ([]zk.MultiResponse, error) {
		if owner != nil && c.SessionID() != owner.id {
			return nil, zk.ErrSessionExpired
		}
		return c.Multi(requests...)
	})
	if err == nil {
		return s.results(ops, responses[len(guards):]), nil
	}
	if at := refusedAt(responses); at >= 0 {
		switch index := at - len(guards); {
		case index < 0 && errors.Is(responses[at].Error, zk.ErrNoNode):
			return nil, errGuard
		case index < 0:
			return nil, s.mapError(responses[at].Error, "a condition's parent")
		case index == len(ops):
			return nil, &coord.MultiError{Index: index, Err: refusal}
		default:
			return nil, &coord.MultiError{Index: index, Err: s.mapError(responses[at].Error, pathOf(ops[index]))}
		}
	}
	return nil, s.blame(err, owner, ops)
}

// refusedAt finds the operation that made a multi fail: those before it have no error, those after it one that says just this.
func refusedAt(responses []zk.MultiResponse) int {
	for i, r := range responses {
		if r.Error != nil && refusalOf(r.Error) != nil {
			return i
		}
	}
	return -1
}

// blame finds the operation for an error of the whole.
func (s *Store) blame(err error, owner *session, ops []coord.Op) error {
	first := 0
	switch {
	case owner == nil:
		err = s.mapError(err, pathOf(ops[0]))
	case errors.Is(err, zk.ErrSessionExpired):
		err = fmt.Errorf("%w: %d", coord.ErrSessionExpired, owner.id)
		for i, op := range ops {
			if create, ok := op.(coord.Create); ok && create.Session != nil {
				first = i
				break
			}
		}
	case s.isClosed():
		return coord.ErrClosed
	default:
		err = mapError(err, pathOf(ops[0]))
	}
	if errors.Is(err, coord.ErrUnavailable) || errors.Is(err, coord.ErrClosed) || errors.Is(err, coord.ErrTooLarge) {
		return err
	}
	return &coord.MultiError{Index: first, Err: err}
}

func pathOf(op coord.Op) string {
	switch op := op.(type) {
	case coord.Create:
		return op.Path
	case coord.Set:
		return op.Path
	case coord.Delete:
		return op.Path
	case coord.Check:
		return op.Path
	}
	return ""
}

// request is an operation as ZooKeeper's.
func (s *Store) request(op coord.Op) any {
	switch op := op.(type) {
	case coord.Create:
		flags := int32(zk.FlagPersistent)
		if op.Session != nil {
			flags |= zk.FlagEphemeral
		}
		if op.Sequential {
			flags |= zk.FlagSequence
		}
		return &zk.CreateRequest{Path: s.real(op.Path), Data: op.Data, Acl: s.set.acl(op.Path), Flags: flags}
	case coord.Set:
		return &zk.SetDataRequest{Path: s.real(op.Path), Data: op.Data, Version: op.Version}
	case coord.Delete:
		return &zk.DeleteRequest{Path: s.real(op.Path), Version: op.Version}
	case coord.Check:
		return &zk.CheckVersionRequest{Path: s.real(op.Path), Version: op.Version}
	}
	panic(fmt.Sprintf("coord: unknown operation %T", op))
}

func (s *Store) results(ops []coord.Op, responses []zk.MultiResponse) []coord.Result {
	results := make([]coord.Result, len(ops))
	for i, op := range ops {
		switch op := op.(type) {
		case coord.Create:
			results[i].Path = strings.TrimPrefix(responses[i].String, s.set.Chroot)
		case coord.Set:
			results[i] = coord.Result{Path: op.Path, Stat: statOf(responses[i].Stat)}
		}
	}
	return results
}
