package etcdcoord

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// watchRetryDelay is the pause before a watch that the server ended is begun again.
const watchRetryDelay = 100 * time.Millisecond

// follow delivers every change from a revision on, until the store is closed.
func (s *Store) follow(next int64) {
	for s.run.Err() == nil {
		var err error
		next, err = s.followOnce(next)
		if s.run.Err() != nil {
			return
		}
		if errors.Is(err, rpctypes.ErrCompacted) {
			if now, err := s.revision(s.run); err == nil {
				// What lay between is not to be had any more. From here on all is seen, so a reader who reads now misses nothing.
				next = now + 1
				s.watches.All()
				continue
			}
		}
		s.logger.Debug("watch of the coordination store is begun again", "from", next, "error", err)
		select {
		case <-s.run.Done():
		case <-time.After(watchRetryDelay):
		}
	}
}

// followOnce runs one etcd watch and returns the revision to go on from. A member without a leader ends it, so that the
// client may go to another.
func (s *Store) followOnce(next int64) (int64, error) {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(s.run))
	defer cancel()
	first, end := s.keys.all()
	events := s.client.Watch(ctx, first, clientv3.WithRange(end), clientv3.WithRev(next))
	for response := range events {
		if err := response.Err(); err != nil {
			return next, err
		}
		for _, event := range response.Events {
			s.deliver(event)
		}
		if n := len(response.Events); n > 0 {
			// A response never ends in the middle of a revision, unless fragments are asked for.
			next = response.Events[n-1].Kv.ModRevision + 1
		}
	}
	return next, errors.New("etcdcoord: the watch has ended")
}

func (s *Store) deliver(event *clientv3.Event) {
	path, ok := s.keys.path(string(event.Kv.Key))
	if !ok {
		return
	}
	cameOrWent := event.Type == mvccpb.DELETE || event.IsCreate() || decodeValue(event.Kv.Value).made == madeHere
	s.watches.Changed(path, cameOrWent)
}
