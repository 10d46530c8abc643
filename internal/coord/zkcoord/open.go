package zkcoord

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"milena/internal/coord"
	"milena/internal/netio"

	"github.com/go-zookeeper/zk"
)

const (
	// DefaultRequestTimeout bounds each operation.
	DefaultRequestTimeout = 10 * time.Second
	// DefaultMaxRequestBytes is ZooKeeper's jute.maxbuffer where nobody has set it.
	DefaultMaxRequestBytes = 0xfffff
	// DefaultMaxInFlight is Kafka's zookeeper.max.in.flight.requests.
	DefaultMaxInFlight = 10
	// ownTimeout is the time-out of the store's own session. Nothing is lost with it, so it only decides how soon a frozen member is left.
	ownTimeout = 6 * time.Second
)

// Options are those of an ensemble.
type Options struct {
	// Servers are host:port of the members, at least one; Chroot is the path that stands for "/" here, without a slash at its end, or "".
	Servers []string
	Chroot  string
	// ChrootExists demands that the chroot is there: Open makes none.
	ChrootExists bool
	// TLS is used where not nil, with a client certificate if it has one.
	TLS *tls.Config
	// Username and Password authenticate by ZooKeeper's scheme "digest" where Username is not empty.
	Username, Password string
	// Access is who may use a node that is made, by its path in this tree; OpenToAll where nil.
	Access func(path string) Access
	// MaxInFlight bounds the requests of a connection that have no answer yet; 10, as in Kafka, where 0.
	MaxInFlight int
	// MaxRequestBytes is the servers' jute.maxbuffer, DefaultMaxRequestBytes where 0.
	MaxRequestBytes int
	// ConnectTimeout bounds the wait for the first connection in Open, RequestTimeout each operation; 10 s each where 0.
	ConnectTimeout, RequestTimeout time.Duration
	Net                            netio.Net
	Logger                         *slog.Logger
}

// Access is who may use a node.
type Access int

const (
	// OpenToAll lets everybody do everything.
	OpenToAll Access = iota
	// Readable lets everybody read, and who made it do everything.
	Readable
	// Secret lets who made it do everything, and nobody else anything.
	Secret
)

func (s *settings) acl(path string) []zk.ACL {
	switch s.Access(path) {
	case Readable:
		return append(zk.AuthACL(zk.PermAll), zk.WorldACL(zk.PermRead)...)
	case Secret:
		return zk.AuthACL(zk.PermAll)
	}
	return zk.WorldACL(zk.PermAll)
}

// settings are Options with their defaults, and what all links of a store share.
type settings struct {
	Options
	mu   sync.Mutex
	last error // the last reason why no connection was made
}

func (s *settings) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = err
}

func (s *settings) lastError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func settingsOf(options Options) (*settings, error) {
	if len(options.Servers) == 0 {
		return nil, errors.New("zkcoord: no servers")
	}
	s := &settings{Options: options}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	if s.Net == nil {
		s.Net = netio.TCP{}
	}
	if s.MaxRequestBytes <= 0 {
		s.MaxRequestBytes = DefaultMaxRequestBytes
	}
	if s.ConnectTimeout <= 0 {
		s.ConnectTimeout = DefaultRequestTimeout
	}
	if s.RequestTimeout <= 0 {
		s.RequestTimeout = DefaultRequestTimeout
	}
	if s.Access == nil {
		s.Access = func(string) Access { return OpenToAll }
	}
	if s.MaxInFlight <= 0 {
		s.MaxInFlight = DefaultMaxInFlight
	}
	return s, nil
}

// Open connects to an ensemble, and makes the chroot where it is missing. It fails where no server answers within ConnectTimeout, or ctx.
func Open(ctx context.Context, options Options) (*Store, error) {
	set, err := settingsOf(options)
	if err != nil {
		return nil, err
	}
	s := &Store{set: set, sessions: make(map[*session]struct{})}
	// The watch is set on the chroot: that may be done before there is one.
	s.main = newLink(set, ownTimeout, events{tree: s.real("/"), changed: s.changed, ready: s.watches.All, expired: func() {}})
	if err := s.main.open(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, set.ConnectTimeout)
	defer cancel()
	if err := s.begin(ctx); err != nil {
		_ = s.main.close(context.Background())
		return nil, fmt.Errorf("zkcoord: %s: %w", strings.Join(set.Servers, ","), err)
	}
	return s, nil
}

// begin waits for the first connection, authenticates, and makes the chroot.
func (s *Store) begin(ctx context.Context) error {
	if err := s.main.authenticate(ctx); err != nil {
		if reason := s.set.lastError(); reason != nil && errors.Is(err, coord.ErrUnavailable) {
			return fmt.Errorf("%w (%w)", err, reason)
		}
		return err
	}
	for end := 1; end <= len(s.set.Chroot); end++ {
		if end < len(s.set.Chroot) && s.set.Chroot[end] != '/' {
			continue
		}
		path := s.set.Chroot[:end]
		_, err := call(ctx, s.main, func(c *zk.Conn) (string, error) {
			found, _, err := c.Exists(path)
			if found || err != nil {
				return path, err
			}
			if s.set.ChrootExists {
				return path, zk.ErrNoNode
			}
			return c.Create(path, nil, zk.FlagPersistent, s.set.acl("/"))
		})
		if err != nil && !errors.Is(err, zk.ErrNodeExists) {
			return fmt.Errorf("the chroot %s: %w", path, mapError(err, path))
		}
	}
	return nil
}

// authenticate waits for the link, and says who we are; the client repeats that on each further connection.
func (l *link) authenticate(ctx context.Context) error {
	if err := l.await(ctx); err != nil || l.options.Username == "" {
		return err
	}
	_, err := call(ctx, l, func(c *zk.Conn) (struct{}, error) {
		return struct{}{}, c.AddAuth("digest", []byte(l.options.Username+":"+l.options.Password))
	})
	return mapError(err, "/")
}
