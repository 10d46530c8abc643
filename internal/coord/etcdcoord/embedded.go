package etcdcoord

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"time"

	"milena/internal/coord"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.uber.org/zap"
)

// What the embedded server is tuned to: ready at once, and small.
const (
	// EmbeddedMaxTxnOps is what its remote clients may put into one transaction.
	EmbeddedMaxTxnOps       = 100_000
	embeddedMaxRequestBytes = 10 << 20
	embeddedQuotaBytes      = 2 << 30
	// tickMs and electionMs of a lone member, which elects itself and has no network to wait for; etcd demands five ticks.
	tickMs     = 20
	electionMs = 100
	// Entries between snapshots, which a start reads again, and those that are kept in memory for members that lag.
	snapshotCount  = 10_000
	catchUpEntries = 100
	// walSegmentBytes is the size to which etcd preallocates the files of its log, two at a time.
	walSegmentBytes = 8 << 20
	// keptRevisions of history: what a watch cut off for longer has missed it reads anew.
	keptRevisions = "10000"
	slowRequest   = time.Second

	memberName = "milena"
	// loneMemberURL is where a member without peers says it is; nothing listens there.
	loneMemberURL = "http://127.0.0.1:2380"
)

// EmbeddedOptions are those of the server in this process.
type EmbeddedOptions struct {
	// Dir is the server's own directory, made where missing. What it holds survives; the caller sees to it that no other
	// process uses it.
	Dir string
	// Quorum is nil for a server that stands alone and is reached from this process only.
	Quorum *Quorum
	// Prefix, RequestTimeout and Logger are as in Options.
	Prefix         string
	RequestTimeout time.Duration
	Logger         *slog.Logger
}

// Embedded is an etcd server in this process, and a store on it, whose client calls it directly. Without a Quorum it listens nowhere.
type Embedded struct {
	*Store
	etcd   *embed.Etcd
	front  *front // nil where it listens nowhere
	others *asker // nil where it listens nowhere
	set    settings

	// reserved is the length up to which the database has room set aside: of StartEmbedded, then of keepReserve.
	reserved int64
	closing  sync.Once
}

// setSegmentSize writes etcd's variable once a process: it is read whenever a segment is made.
var setSegmentSize = sync.OnceFunc(func() { wal.SegmentSizeBytes = walSegmentBytes })

// StartEmbedded starts the server and waits, until ctx ends, for it to take requests, which among several members is when a majority is
// there. Sessions that a former process left behind are ended where the server listens nowhere: all its clients are in its process then, so
// nobody can be keeping them alive.
func StartEmbedded(ctx context.Context, options EmbeddedOptions) (*Embedded, error) {
	if options.Dir == "" {
		return nil, errors.New("etcdcoord: no directory for the embedded etcd")
	}
	set, err := settingsOf(options.Prefix, options.Logger, options.RequestTimeout, EmbeddedMaxTxnOps)
	if err != nil {
		return nil, err
	}
	e, err := startServer(ctx, options.Dir, options.Quorum, set.logger)
	if err != nil {
		return nil, fmt.Errorf("etcdcoord: embedded etcd in %s: %w", options.Dir, err)
	}
	e.set = set
	if e.Store, err = reached(ctx, func() (*Store, error) { return e.OpenClient(ctx) }); err == nil && e.front == nil {
		if err = e.endOldSessions(ctx); err != nil {
			_ = e.Store.Close()
		}
	}
	if err != nil {
		e.stop()
		return nil, fmt.Errorf("etcdcoord: embedded etcd in %s: %w", options.Dir, err)
	}
	e.setAside(options.Dir)
	if err := evict(databaseFile(options.Dir)); err != nil {
		e.logger.Debug("the coordination store's reserve stays in memory", "error", err)
	}
	e.running.Go(func() { e.keepReserve(options.Dir) })
	if options.Quorum != nil && len(options.Quorum.Members) > 1 {
		e.running.Go(func() { e.settle(options.Quorum) })
		e.running.Go(e.succeed)
	}
	return e, nil
}

func embeddedConfig(dir string, quorum *Quorum, existing []remoteMember, logger *zap.Logger) (*embed.Config, error) {
	advertised, err := url.Parse(loneMemberURL)
	if err != nil {
		return nil, err
	}
	setSegmentSize()
	config := embed.NewConfig()
	config.Name = memberName
	config.Dir = dir
	config.ListenPeerUrls, config.ListenClientUrls, config.AdvertiseClientUrls = nil, nil, nil
	config.AdvertisePeerUrls = []url.URL{*advertised}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	config.TickMs, config.ElectionMs = tickMs, electionMs
	if quorum != nil && len(quorum.Members) > 1 {
		if err := quorum.join(config, existing); err != nil {
			return nil, err
		}
	}
	config.SnapshotCount, config.SnapshotCatchUpEntries = snapshotCount, catchUpEntries
	config.MaxTxnOps, config.MaxRequestBytes = EmbeddedMaxTxnOps, embeddedMaxRequestBytes
	config.QuotaBackendBytes = embeddedQuotaBytes
	config.AutoCompactionMode, config.AutoCompactionRetention = embed.CompactorModeRevision, keptRevisions
	config.WarningApplyDuration, config.WarningUnaryRequestDuration = slowRequest, slowRequest
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(logger)
	return config, nil
}

// Requests gives the connections of Kafka's protocol; nil where the quorum does not have them. Closing it leaves the others be.
func (e *Embedded) Requests() net.Listener {
	if e.front == nil || e.front.requests == nil {
		return nil
	}
	return e.front.requests
}

// OpenClient makes another store on the same server, with sessions and watches of its own.
func (e *Embedded) OpenClient(ctx context.Context) (*Store, error) {
	return e.open(ctx, e.set)
}

func (e *Embedded) open(ctx context.Context, set settings) (*Store, error) {
	client := v3client.New(e.etcd.Server)
	return newStore(ctx, client, renewInProcess(client), set)
}

func (e *Embedded) endOldSessions(ctx context.Context) error {
	ctx, cancel := e.bound(ctx)
	defer cancel()
	leases, err := e.client.Leases(ctx)
	if err != nil {
		return e.mapError(err)
	}
	for _, lease := range leases.Leases {
		if _, err := e.client.Revoke(ctx, clientv3.LeaseID(lease.ID)); err != nil {
			if err = e.mapError(err); !errors.Is(err, coord.ErrSessionExpired) {
				return err
			}
		}
	}
	return nil
}

// Done is closed when the server has stopped, by Close or by itself.
func (e *Embedded) Done() <-chan struct{} { return e.etcd.Server.StopNotify() }

// Reason is why the server has stopped, where that was not by Close.
func (e *Embedded) Reason() error { return whyStopped(e.etcd, e.others) }

// Close closes the store, then stops the server. Stores from OpenClient must be closed before.
func (e *Embedded) Close() error {
	err := e.Store.Close()
	e.closing.Do(e.stop)
	return err
}

// handOverTimeout bounds how long a leader of other members waits for one of them to lead: where they stop at the same time, none will.
const handOverTimeout = time.Second

// stop has another member lead while this one can still be reached, then stops the server.
func (e *Embedded) stop() {
	handedOver := make(chan struct{})
	go func() {
		defer close(handedOver)
		_ = e.etcd.Server.TryTransferLeadershipOnShutdown() // else the others elect one when they miss this one
	}()
	patience := time.NewTimer(handOverTimeout)
	defer patience.Stop()
	select {
	case <-handedOver:
	case <-patience.C:
	}
	if e.front != nil {
		e.front.close()
	}
	e.etcd.Server.HardStop() // ends a transfer that is under way, and keeps Close from waiting for one
	<-handedOver
	e.etcd.Close()
}
