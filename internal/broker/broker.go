// Package broker joins the rooms to a running broker: configuration and environment in, running parts out, started from the bottom up and
// stopped from the top down. Only this package knows all others.
package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"

	"milena/internal/admin"
	"milena/internal/clusterstore"
	"milena/internal/config"
	"milena/internal/controller"
	"milena/internal/coord"
	"milena/internal/coord/etcdcoord"
	"milena/internal/group"
	"milena/internal/logdir"
	"milena/internal/metadata"
	"milena/internal/metrics"
	"milena/internal/netio"
	"milena/internal/replica"
	"milena/internal/server"
	"milena/internal/vfs"
)

// Options is what a broker needs from outside.
type Options struct {
	Config *config.Broker
	Logger *slog.Logger
	Net    netio.Net
	FS     vfs.FS
	// LogLevel is the Logger's level, to be changed at run time; nil: it cannot be.
	LogLevel *slog.LevelVar
	// Store is the coordination store; nil opens the one that the configuration names. The broker closes it.
	Store coord.Store
}

// Broker is a running broker. Its parts stand in the order of their start; they stop in the reverse order.
type Broker struct {
	options      Options
	live         *config.Live
	metrics      *metrics.Metrics
	dirs         *logdir.Dirs
	handles      *handles
	coord        coord.Store
	store        *clusterstore.Store
	metadata     *metadata.Cache
	replicas     *replica.Replicas
	groups       *group.Coordinator
	configs      *admin.ConfigWatcher
	admin        *admin.Admin
	server       *server.Server
	controller   *controller.Controller
	membership   *controller.Membership
	candidacy    *controller.Candidacy         // in the place of membership where this is no broker
	epoch        atomic.Int64                  // of the registration in force
	session      atomic.Pointer[coord.Session] // of the registration
	givingUp     atomic.Bool                   // the controller is asked to move leaderships away, and may have done so
	toController *controllerLink

	gate    *gate
	failed  chan error
	ctx     context.Context    // ends with stop
	stop    context.CancelFunc // ends the goroutines below
	running sync.WaitGroup
}

// Start brings a broker up; when it returns, every listener answers and this broker leads what it has to lead. An error leaves nothing behind
// that runs.
func Start(ctx context.Context, o Options) (*Broker, error) {
	b := &Broker{options: o, live: config.NewLive(o.Config), metrics: metrics.New(), failed: make(chan error, 1)}
	b.ctx, b.stop = context.WithCancel(context.Background())
	b.gate = newGate(b.ctx)
	steps := []func(context.Context) error{b.shareFiles, b.openDirs, b.openStore, b.loadLogs, b.serve, b.join}
	if o.Config.ControllerOnly {
		steps = []func(context.Context) error{b.shareFiles, b.openDirs, b.refuseLogs, b.openStore, b.watchBrokerConfigs, b.serveBrokers, b.stand}
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			stopping, cancel := context.WithCancel(context.Background())
			cancel() // nothing was promised to anyone: no grace
			_ = b.Stop(stopping)
			return nil, err
		}
	}
	b.gate.open()
	b.watch()
	return b, nil
}

// watch waits for what ends a broker from within.
func (b *Broker) watch() {
	var storeEnded <-chan struct{}
	embedded, ok := b.coord.(*etcdcoord.Embedded)
	if ok {
		storeEnded = embedded.Done()
	}
	b.dirs.OnFailure(func(d *logdir.Dir) {
		// The controller then asks which partitions are lost, and elects other leaders where it can.
		if err := b.store.NotifyLogDirFailure(b.ctx, b.live.Broker().BrokerID); err != nil && b.ctx.Err() == nil {
			b.options.Logger.Warn("the controller cannot be told of a failed log directory", "directory", d.Path(), "error", err)
		}
	})
	b.running.Go(func() {
		select {
		case <-b.ctx.Done():
		case <-b.dirs.AllOffline():
			b.failed <- errors.New("every log directory is offline; see the messages above")
		case <-storeEnded:
			b.failed <- fmt.Errorf("the embedded coordination store has stopped: %w", embedded.Reason())
		}
	})
}

// Stop shuts down cleanly: leadership given up, answers out, logs flushed, checkpoints and the clean-shutdown marker written.
// When ctx ends before that, it stops at once and the next start recovers.
func (b *Broker) Stop(ctx context.Context) error {
	b.stop()
	if b.configs != nil {
		b.configs.Close() // first: a change of the configuration may start what is waited for
	}
	b.running.Wait()
	var errs []error
	if b.membership != nil {
		b.giveUpLeadership(ctx)
		b.membership.Expire()
	}
	if b.groups != nil {
		b.groups.Stop() // while the server runs: who waits for a rebalance is told to look for another coordinator
	}
	if b.server != nil {
		errs = append(errs, ignoreEnd(b.server.Stop(ctx)))
	}
	if b.admin != nil {
		b.admin.Close()
	}
	var brokerEpoch int64 = -1
	if b.controller != nil {
		b.controller.Close()
	}
	if b.membership != nil {
		brokerEpoch = b.membership.Epoch()
		errs = append(errs, ignoreEnd(b.membership.Close(ctx)))
	}
	if b.candidacy != nil {
		errs = append(errs, ignoreEnd(b.candidacy.Close(ctx)))
	}
	if b.replicas != nil {
		errs = append(errs, b.replicas.Close(ctx))
		b.toController.close()
	}
	if b.dirs != nil {
		errs = append(errs, b.dirs.Close(ctx, brokerEpoch))
	}
	if b.coord != nil {
		errs = append(errs, b.coord.Close())
	}
	return errors.Join(errs...)
}

// ignoreEnd drops the error that says only that the time for a clean stop was over.
func ignoreEnd(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// Addr is the address that a listener is bound to, "host:port"; "" where there is no such listener.
func (b *Broker) Addr(listener string) string {
	host, port := b.bound(listener)
	if port == 0 {
		return ""
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// ClusterID is the id of the cluster that the broker is in.
func (b *Broker) ClusterID() string { return b.metadata.Image().ClusterID }

// Config is the configuration in force.
func (b *Broker) Config() *config.Broker { return b.live.Broker() }

// Metrics are the broker's metrics.
func (b *Broker) Metrics() *metrics.Metrics { return b.metrics }

// Failed gets the error that made the broker unable to go on (all log directories offline, for example).
func (b *Broker) Failed() <-chan error { return b.failed }
