package zkcoord

import (
	"context"
	"errors"
	"fmt"

	"milena/internal/coord"

	"github.com/go-zookeeper/zk"
)

// A multi of ZooKeeper can demand the version of a node, but not its czxid, and a node made again has version 0 as the one before it
// had. So for each operation with a CreateID the node is read first. When it is the one that is meant, it can only have been made again
// by a change that made a child of its parent, and the parent counts those: the next sequential child is given that count as its number.
// So the multi begins with
//
//	create PARENT/guard-  (sequential)       is given the parent's present count
//	check  PARENT/guard-N                    refused, if the count is not N, which was read with the node
//	delete PARENT/guard-N
//
// and then nothing has been made below the parent since: the node is the one that was read, or is gone, which its own operation finds.
const guardName = "guard-"

// errGuard tells that a guard was refused: the conditions must be read again.
var errGuard = errors.New("zkcoord: a sibling was made")

// conditions reads what the operations with a CreateID demand, and gives the guards for it. refused is the first whose demand does not
// hold.
func (s *Store) conditions(ctx context.Context, ops []coord.Op) (guards []any, refused *coord.MultiError, err error) {
	made := map[string]bool{} // by an operation before
	guarded := map[string]bool{}
	for i, op := range ops {
		path, createID := "", int64(0)
		switch op := op.(type) {
		case coord.Create:
			made[op.Path] = true
		case coord.Delete:
			path, createID = op.Path, op.CreateID
		case coord.Check:
			path, createID = op.Path, op.CreateID
		}
		if createID == 0 {
			continue
		}
		parent, _ := coord.Split(path)
		if made[path] {
			return guards, &coord.MultiError{Index: i, Err: differs(path, createID)}, nil
		}
		guard, found, err := s.guard(ctx, parent, path)
		if errors.Is(err, zk.ErrNoNode) {
			return guards, &coord.MultiError{Index: i, Err: fmt.Errorf("%w: %s", coord.ErrNoNode, path)}, nil
		}
		if err != nil {
			return nil, nil, err
		}
		if found != createID {
			return guards, &coord.MultiError{Index: i, Err: differs(path, createID)}, nil
		}
		if !guarded[parent] {
			guarded[parent] = true
			guards = append(guards, guard...)
		}
	}
	return guards, nil, nil
}

func differs(path string, createID int64) error {
	return fmt.Errorf("%w: %s is not the node that was made at %d", coord.ErrBadVersion, path, createID)
}

// guard reads the parent's count before the node's creation, so that whatever is made in between is noticed.
func (s *Store) guard(ctx context.Context, parent, path string) (guard []any, createID int64, err error) {
	if err := s.catchUp(ctx); err != nil {
		return nil, 0, err
	}
	up, err := read(ctx, s, func(c *zk.Conn) (*zk.Stat, error) { return stat(c, s.real(parent)) })
	if err != nil {
		return nil, 0, err
	}
	node, err := read(ctx, s, func(c *zk.Conn) (*zk.Stat, error) { return stat(c, s.real(path)) })
	if err != nil {
		return nil, 0, err
	}
	prefix := s.real(coord.Join(parent, guardName))
	// ZooKeeper shows the count of all children that came or went: two for each that came, less those that are there.
	path = fmt.Sprintf(coord.SequenceFormat, prefix, (up.Cversion+up.NumChildren)/2)
	return []any{
		&zk.CreateRequest{Path: prefix, Acl: s.set.acl(parent), Flags: zk.FlagSequence},
		&zk.CheckVersionRequest{Path: path, Version: -1},
		&zk.DeleteRequest{Path: path, Version: -1},
	}, node.Czxid, nil
}

func stat(c *zk.Conn, path string) (*zk.Stat, error) {
	found, stat, err := c.Exists(path)
	if err == nil && !found {
		return nil, zk.ErrNoNode
	}
	return stat, err
}
