package zkcoord

import (
	"context"
	"errors"
	"fmt"

	"milena/internal/coord"

	"github.com/go-zookeeper/zk"
)

// refusalOf is what ZooKeeper's definite answers mean, nil for all that is none.
func refusalOf(err error) error {
	switch {
	case errors.Is(err, zk.ErrNoNode):
		return coord.ErrNoNode
	case errors.Is(err, zk.ErrNodeExists):
		return coord.ErrNodeExists
	case errors.Is(err, zk.ErrBadVersion):
		return coord.ErrBadVersion
	case errors.Is(err, zk.ErrNotEmpty):
		return coord.ErrNotEmpty
	case errors.Is(err, zk.ErrNoChildrenForEphemerals):
		return coord.ErrEphemeralParent
	case errors.Is(err, zk.ErrBadArguments), errors.Is(err, zk.ErrInvalidPath):
		return coord.ErrBadPath
	case errors.Is(err, zk.ErrNoAuth), errors.Is(err, zk.ErrInvalidACL), errors.Is(err, zk.ErrAuthFailed):
		return coord.ErrDenied
	case errors.Is(err, zk.ErrSessionExpired):
		return coord.ErrSessionExpired
	case errors.Is(err, zk.ErrShortBuffer):
		return coord.ErrTooLarge
	}
	return nil
}

// mapError turns what ZooKeeper's client says of a path into coord's errors. All that isn't a definite refusal is ErrUnavailable.
func mapError(err error, path string) error {
	if err == nil {
		return nil
	}
	switch refusal := refusalOf(err); {
	case refusal == nil && isCoord(err):
		return err
	case refusal == coord.ErrTooLarge:
		return fmt.Errorf("%w: %s: more than ZooKeeper's jute.maxbuffer takes in one request (milena.zookeeper.jute.maxbuffer)",
			refusal, path)
	case refusal == coord.ErrDenied:
		return fmt.Errorf("%w: %s: ZooKeeper's ACL there is another user's: %w", refusal, path, err)
	case refusal != nil:
		return fmt.Errorf("%w: %s", refusal, path)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: ZooKeeper did not answer in time: %w", coord.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: ZooKeeper: %w", coord.ErrUnavailable, err)
}

// isCoord tells errors that are the store's own already.
func isCoord(err error) bool {
	return errors.Is(err, coord.ErrUnavailable) || errors.Is(err, coord.ErrClosed) || errors.Is(err, coord.ErrSessionExpired) ||
		errors.Is(err, coord.ErrTooLarge)
}
