package etcdcoord

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"time"

	"milena/internal/coord"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
)

const (
	// DefaultPrefix is where the tree stands in etcd.
	DefaultPrefix = "/milena"
	// DefaultMaxTxnOps is what etcd allows in one transaction if not told otherwise.
	DefaultMaxTxnOps = 128
	// DefaultRequestTimeout bounds each operation.
	DefaultRequestTimeout = 10 * time.Second

	dialTimeout = 5 * time.Second
	// gRPC pings no oftener than every 10 s, and etcd takes offence at more than one in 5 s. A machine that is gone is noticed
	// within keepAliveTimeout nevertheless while a request is under way: gRPC makes it the TCP user time-out.
	keepAliveTime    = 10 * time.Second
	keepAliveTimeout = 3 * time.Second
)

// Options are those of an external etcd.
type Options struct {
	// Endpoints are URLs or host:port; at least one.
	Endpoints []string
	// TLS is used where not nil, with client certificates if it has any.
	TLS *tls.Config
	// Username and Password where etcd's authentication is on.
	Username, Password string
	// Prefix is where the tree stands, "/milena" where empty. It has no trailing slash. Clusters that share an etcd differ in it.
	Prefix string
	// MaxTxnOps is the server's --max-txn-ops, 128 where 0.
	MaxTxnOps int
	// RequestTimeout bounds each operation, 10 s where 0.
	RequestTimeout time.Duration
	Logger         *slog.Logger
}

// Open connects to an external etcd; it fails where none of its endpoints answers until ctx ends or the request time-out is over.
func Open(ctx context.Context, options Options) (*Store, error) {
	if len(options.Endpoints) == 0 {
		return nil, errors.New("etcdcoord: no endpoints")
	}
	set, err := settingsOf(options.Prefix, options.Logger, options.RequestTimeout, options.MaxTxnOps)
	if err != nil {
		return nil, err
	}
	return dial(ctx, options, set)
}

// OpenQuorum makes a client of the members of an embedded store, of which this process is none, and waits for them until ctx ends. Of the
// quorum only members and TLS are needed.
func OpenQuorum(ctx context.Context, q *Quorum, logger *slog.Logger) (*Store, error) {
	options := Options{Endpoints: q.urls(), MaxTxnOps: EmbeddedMaxTxnOps, RequestTimeout: tryTimeout, Logger: logger}
	if q.TLS != nil {
		options.TLS = q.TLS.Client
	}
	set, err := settingsOf(options.Prefix, options.Logger, options.RequestTimeout, options.MaxTxnOps)
	if err != nil {
		return nil, err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go newAsker(q, set.logger).watch(watching)
	store, err := reached(ctx, func() (*Store, error) { return dial(ctx, options, set, leaveSilent()...) })
	if err == nil {
		store.requestTimeout = DefaultRequestTimeout
	}
	return store, err
}

// reached opens a store again until its members answer: they may be electing a leader.
func reached(ctx context.Context, open func() (*Store, error)) (*Store, error) {
	for {
		store, err := open()
		if !errors.Is(err, coord.ErrUnavailable) || ctx.Err() != nil {
			return store, err
		}
		select {
		case <-time.After(changeAgain):
		case <-ctx.Done():
		}
	}
}

func dial(ctx context.Context, options Options, set settings, more ...grpc.DialOption) (*Store, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints:            options.Endpoints,
		TLS:                  options.TLS,
		Username:             options.Username,
		Password:             options.Password,
		DialTimeout:          dialTimeout,
		DialKeepAliveTime:    keepAliveTime,
		DialKeepAliveTimeout: keepAliveTimeout,
		MaxCallSendMsgSize:   math.MaxInt32, // the server knows its limit
		DialOptions:          more,
		Logger:               zapLogger(set.logger, slog.LevelInfo),
	})
	if err != nil {
		return nil, fmt.Errorf("etcdcoord: %s: %w", strings.Join(options.Endpoints, ","), err)
	}
	store, err := newStore(ctx, client, renewRemote(client), set)
	if err != nil {
		return nil, fmt.Errorf("etcdcoord: %s: %w", strings.Join(options.Endpoints, ","), err)
	}
	return store, nil
}

func settingsOf(prefix string, logger *slog.Logger, requestTimeout time.Duration, maxTxnOps int) (settings, error) {
	set := settings{prefix: prefix, logger: logger, requestTimeout: requestTimeout, maxReadOps: maxTxnOps}
	if set.prefix == "" {
		set.prefix = DefaultPrefix
	}
	if strings.HasSuffix(set.prefix, "/") || strings.ContainsRune(set.prefix, 0) {
		return settings{}, fmt.Errorf("etcdcoord: prefix %q: it must not end with a slash or hold a zero byte", prefix)
	}
	if set.logger == nil {
		set.logger = slog.New(slog.DiscardHandler)
	}
	if set.requestTimeout <= 0 {
		set.requestTimeout = DefaultRequestTimeout
	}
	if set.maxReadOps <= 0 {
		set.maxReadOps = DefaultMaxTxnOps
	}
	return set, nil
}
