package etcdcoord

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"milena/internal/coord"
	"milena/internal/coord/watches"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Store is a coordination store over one etcd client.
type Store struct {
	client         *clientv3.Client
	renew          renew
	keys           keys
	logger         *slog.Logger
	requestTimeout time.Duration
	maxReadOps     int
	watches        watches.Set
	// run is cancelled by Close; what the store does in the background hangs on it.
	run     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	sessions map[*session]struct{}
}

var _ coord.Store = (*Store)(nil)

// settings are what Open and StartEmbedded fill in.
type settings struct {
	prefix         string
	logger         *slog.Logger
	requestTimeout time.Duration
	maxReadOps     int
}

// newStore begins to watch before it returns, so that Watch needs no call to etcd. It owns the client, also on an error.
func newStore(ctx context.Context, client *clientv3.Client, renew renew, set settings) (*Store, error) {
	run, stop := context.WithCancel(context.Background())
	s := &Store{
		client:         client,
		renew:          renew,
		keys:           keys{prefix: set.prefix},
		logger:         set.logger,
		requestTimeout: set.requestTimeout,
		maxReadOps:     set.maxReadOps,
		run:            run,
		stop:           stop,
		sessions:       make(map[*session]struct{}),
	}
	revision, err := s.revision(ctx)
	if err != nil {
		stop()
		_ = client.Close()
		return nil, err
	}
	s.running.Go(func() { s.follow(revision + 1) })
	return s, nil
}

// revision is the store's present position.
func (s *Store) revision(ctx context.Context) (int64, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	first, _ := s.keys.all()
	response, err := s.client.Get(ctx, first)
	if err != nil {
		return 0, s.mapError(err)
	}
	return response.Header.Revision, nil
}

// bound gives a call a limit of its own, so that none hangs while no endpoint answers.
func (s *Store) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.requestTimeout)
}

func (s *Store) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
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
	response, err := s.client.Get(ctx, s.keys.node(path))
	if err != nil {
		return coord.Node{}, s.mapError(err)
	}
	if len(response.Kvs) == 0 {
		return coord.Node{}, fmt.Errorf("%w: %s", coord.ErrNoNode, path)
	}
	return nodeOf(response.Kvs[0]), nil
}

func (s *Store) check(path string) error {
	if s.isClosed() {
		return coord.ErrClosed
	}
	return coord.CheckPath(path)
}

// Children lists names.
func (s *Store) Children(ctx context.Context, path string) ([]string, error) {
	children, err := s.list(ctx, path, clientv3.WithKeysOnly())
	if err != nil {
		return nil, err
	}
	names := make([]string, len(children))
	for i := range children {
		names[i] = children[i].Name
	}
	return names, nil
}

// List reads children with their data.
func (s *Store) List(ctx context.Context, path string) ([]coord.Child, error) {
	return s.list(ctx, path)
}

// list reads a node and its children at one revision.
func (s *Store) list(ctx context.Context, path string, options ...clientv3.OpOption) ([]coord.Child, error) {
	if err := s.check(path); err != nil {
		return nil, err
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	first, end := s.keys.children(path)
	response, err := s.readAll(ctx,
		clientv3.OpGet(s.keys.node(path), clientv3.WithCountOnly()),
		clientv3.OpGet(first, append(options, clientv3.WithRange(end))...),
	)
	if err != nil {
		return nil, s.mapError(err)
	}
	if path != "/" && rangeOf(response, 0).Count == 0 {
		return nil, fmt.Errorf("%w: %s", coord.ErrNoNode, path)
	}
	kvs := rangeOf(response, 1).Kvs
	children := make([]coord.Child, 0, len(kvs))
	for _, kv := range kvs {
		name := string(kv.Key[len(first):])
		if err := checkName(name, string(kv.Key)); err != nil {
			return nil, err
		}
		children = append(children, coord.Child{Name: name, Node: nodeOf(kv)})
	}
	return children, nil
}

// readAll reads at one revision. Of a transaction etcd's client does not know that it only reads, so where its connection is lost, what the
// client does for single reads is done here: another endpoint is asked.
func (s *Store) readAll(ctx context.Context, gets ...clientv3.Op) (response *clientv3.TxnResponse, err error) {
	for range max(1, len(s.client.Endpoints())) {
		response, err = s.client.Txn(ctx).Then(gets...).Commit()
		if status.Code(err) != codes.Unavailable { // etcd's own errors, of members without a leader, are not of this kind
			break
		}
	}
	return response, err
}

func rangeOf(response *clientv3.TxnResponse, i int) *etcdserverpb.RangeResponse {
	return response.Responses[i].GetResponseRange()
}

// Watch reports changes.
func (s *Store) Watch(path string, what coord.WatchKind) (coord.Watch, error) {
	if err := s.check(path); err != nil {
		return nil, err
	}
	return s.watches.Add(path, what)
}

// Close ends watches and sessions. Sessions that cannot be ended now, because etcd does not answer, run out there.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	open := make([]*session, 0, len(s.sessions))
	for session := range s.sessions {
		open = append(open, session)
	}
	s.mu.Unlock()
	s.endAll(open)
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.running.Wait()
	s.watches.Close()
	if err := s.client.Close(); err != nil && !errors.Is(err, context.Canceled) { // in-process clients say so always
		return err
	}
	return nil
}
