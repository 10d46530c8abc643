package etcdcoord

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"milena/internal/coord"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// mapError turns what etcd's client says into coord's errors. All that isn't a definite refusal is ErrUnavailable.
func (s *Store) mapError(err error) error {
	switch {
	case err == nil:
		return nil
	case s.isClosed():
		return coord.ErrClosed
	case errors.Is(err, rpctypes.ErrLeaseNotFound):
		return fmt.Errorf("%w: %w", coord.ErrSessionExpired, err)
	case errors.Is(err, rpctypes.ErrTooManyOps):
		return fmt.Errorf("%w: etcd's --max-txn-ops is too low for it: %w", coord.ErrTooLarge, err)
	case errors.Is(err, rpctypes.ErrRequestTooLarge), isBeyondMessageSize(err):
		return fmt.Errorf("%w: etcd's --max-request-bytes is too low for it: %w", coord.ErrTooLarge, err)
	case errors.Is(err, rpctypes.ErrPermissionDenied):
		return fmt.Errorf("%w: etcd's user has no role for it: %w", coord.ErrDenied, err)
	case errors.Is(err, rpctypes.ErrNoSpace):
		return fmt.Errorf("%w: etcd has reached its --quota-backend-bytes: %w", coord.ErrUnavailable, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: etcd did not answer in time: %w", coord.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: etcd: %w", coord.ErrUnavailable, err)
}

// isBeyondMessageSize knows gRPC's own refusal, which comes before etcd's where a request is much too large.
func isBeyondMessageSize(err error) bool {
	return status.Code(err) == codes.ResourceExhausted && strings.Contains(err.Error(), "larger than max")
}
