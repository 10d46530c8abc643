package etcdcoord

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	embeddedMaxTxnOps       = 100_000
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
	// Prefix, RequestTimeout and Logger are as in Options.
	Prefix         string
	RequestTimeout time.Duration
	Logger         *slog.Logger
}

// Embedded is an etcd server of one member in this process, and a store on it. It listens nowhere: its clients call it
// directly.
type Embedded struct {
	*Store
	etcd *embed.Etcd
	set  settings

	// reserved is the length up to which the database has room set aside: of StartEmbedded, then of keepReserve.
	reserved int64
	closing  sync.Once
}

// setSegmentSize writes etcd's variable once a process: it is read whenever a segment is made.
var setSegmentSize = sync.OnceFunc(func() { wal.SegmentSizeBytes = walSegmentBytes })

// StartEmbedded starts the server and waits until it takes requests. Sessions that a former process left behind are ended:
// all clients of a lone member are in its process, so nobody can be keeping them alive.
func StartEmbedded(ctx context.Context, options EmbeddedOptions) (*Embedded, error) {
	if options.Dir == "" {
		return nil, errors.New("etcdcoord: no directory for the embedded etcd")
	}
	set, err := settingsOf(options.Prefix, options.Logger, options.RequestTimeout, embeddedMaxTxnOps)
	if err != nil {
		return nil, err
	}
	etcd, err := startServer(ctx, options.Dir, set.logger)
	if err != nil {
		return nil, fmt.Errorf("etcdcoord: embedded etcd in %s: %w", options.Dir, err)
	}
	e := &Embedded{etcd: etcd, set: set}
	if e.Store, err = e.OpenClient(ctx); err == nil {
		if err = e.endOldSessions(ctx); err != nil {
			_ = e.Store.Close()
		}
	}
	if err != nil {
		etcd.Close()
		return nil, fmt.Errorf("etcdcoord: embedded etcd in %s: %w", options.Dir, err)
	}
	e.setAside(options.Dir)
	e.running.Go(func() { e.keepReserve(options.Dir) })
	return e, nil
}

// abandonAfter bounds how long a start that is no longer wanted is waited for; a disk that hangs may never let it end.
const abandonAfter = 10 * time.Second

// startServer waits until the server is ready. When ctx ends before, the server is closed as soon as it can be, so that nothing of it
// uses the directory any more. Where it gives up, what it has begun is left behind: the caller is about to end the process.
func startServer(ctx context.Context, dir string, logger *slog.Logger) (*embed.Etcd, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	end := &giveUp{reason: make(chan error, 1)}
	end.starting.Store(true)
	warnings := new(slog.LevelVar)
	warnings.Set(slog.LevelDebug) // at the start they are about settings, which are ours, not the user's
	config, err := embeddedConfig(dir, zapLogger(logger, warnings, zap.WithFatalHook(end), zap.WithPanicHook(end)))
	if err != nil {
		return nil, err
	}
	started := make(chan *embed.Etcd, 1)
	go func() {
		defer func() {
			if reason := recover(); reason != nil { // of a damaged log it makes nothing better
				end.tell(fmt.Errorf("its files are damaged: %v", reason))
			}
		}()
		etcd, err := embed.StartEtcd(config)
		if err != nil {
			end.tell(err)
			return
		}
		select {
		case <-etcd.Server.ReadyNotify():
			started <- etcd
		case <-etcd.Server.StopNotify():
			end.tell(errors.New("the server stopped at once"))
		}
	}()
	select {
	case etcd := <-started:
		end.starting.Store(false)
		warnings.Set(slog.LevelInfo) // of a slow disk, mostly
		return etcd, nil
	case err := <-end.reason:
		return nil, err
	case <-ctx.Done():
		patience := time.NewTimer(abandonAfter)
		defer patience.Stop()
		select {
		case etcd := <-started:
			etcd.Close()
		case <-end.reason:
		case <-patience.C:
		}
		return nil, ctx.Err()
	}
}

func embeddedConfig(dir string, logger *zap.Logger) (*embed.Config, error) {
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
	config.SnapshotCount, config.SnapshotCatchUpEntries = snapshotCount, catchUpEntries
	config.MaxTxnOps, config.MaxRequestBytes = embeddedMaxTxnOps, embeddedMaxRequestBytes
	config.QuotaBackendBytes = embeddedQuotaBytes
	config.AutoCompactionMode, config.AutoCompactionRetention = embed.CompactorModeRevision, keptRevisions
	config.WarningApplyDuration, config.WarningUnaryRequestDuration = slowRequest, slowRequest
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(logger)
	return config, nil
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

// Close closes the store, then stops the server. Stores from OpenClient must be closed before.
func (e *Embedded) Close() error {
	err := e.Store.Close()
	e.closing.Do(e.etcd.Close)
	return err
}
