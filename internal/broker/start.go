package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"milena/internal/admin"
	"milena/internal/api"
	"milena/internal/clusterstore"
	"milena/internal/config"
	"milena/internal/controller"
	"milena/internal/coord"
	"milena/internal/logdir"
	"milena/internal/metadata"
	"milena/internal/replica"
	"milena/internal/server"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// openDirs locks the data directories and settles which broker this is.
func (b *Broker) openDirs(context.Context) error {
	cfg := b.live.Broker()
	metaVersion := 0
	if cfg.KRaft {
		metaVersion = 1
	}
	var err error
	b.dirs, err = logdir.Open(logdir.Options{
		FS: b.options.FS, Config: b.live, Logger: b.options.Logger, Files: b.handles.logs, MetaVersion: metaVersion,
	})
	if err != nil {
		b.dirs = nil
		return err
	}
	if _, id := b.dirs.Identity(); cfg.BrokerIDGenerated && id >= 0 {
		b.live.Replace(cfg.WithBrokerID(id))
	}
	return nil
}

// openStore reaches the coordination store, and claims the directories for its cluster.
func (b *Broker) openStore(ctx context.Context) error {
	cfg := b.live.Broker()
	var err error
	if b.coord = b.options.Store; b.coord == nil {
		store, err := openStore(ctx, cfg, &b.options)
		if err != nil {
			return err
		}
		b.coord = store
	}
	b.store = clusterstore.New(b.coord)
	id, err := answered(ctx, b, func() (string, error) {
		if err := b.store.EnsureParents(ctx); err != nil {
			return "", fmt.Errorf("preparing the coordination store: %w", err)
		}
		return b.identify(ctx)
	})
	if err != nil {
		return err
	}
	b.metadata = metadata.NewCache(id)
	return nil
}

// answered has a start ask the coordination store again until it answers: it may be electing its leader, and a voter that went away for that would
// keep it from having one. What asks must bear to be done twice, for of a request without an answer nobody knows whether it happened.
func answered[T any](ctx context.Context, b *Broker, ask func() (T, error)) (T, error) {
	for next := time.Now(); ; {
		got, err := ask()
		if !errors.Is(err, coord.ErrUnavailable) || ctx.Err() != nil {
			return got, err
		}
		if now := time.Now(); !now.Before(next) {
			b.options.Logger.Warn("the coordination store does not answer a start, asking again", "error", err)
			next = now.Add(complainEvery)
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
		}
	}
}

const (
	askAgain      = 100 * time.Millisecond
	complainEvery = 10 * time.Second
)

// loadLogs puts dynamic configuration in force and opens every log with its topic's configuration.
func (b *Broker) loadLogs(ctx context.Context) error {
	b.replicas = replica.New(replica.Options{
		BrokerID: b.live.Broker().BrokerID, Config: b.live, Dirs: b.dirs, Metadata: b.metadata, Logger: b.options.Logger,
		Metrics:        b.metrics,
		TopicOverrides: func(topic string) map[string]string { return b.configs.Topic(topic) },
		Cluster:        b.cluster(),
		OnLeadership:   b.leadership,
	})
	b.startGroups()
	if err := b.watchConfigs(ctx, b.replicas.SetTopicConfig); err != nil {
		return err
	}
	return b.dirs.Load(ctx, b.replicas.TopicConfig)
}

// watchConfigs puts dynamic configuration in force, now and when it changes.
func (b *Broker) watchConfigs(ctx context.Context, onTopic func(topic string, overrides map[string]string)) error {
	var err error
	b.configs, err = answered(ctx, b, func() (*admin.ConfigWatcher, error) {
		return admin.WatchConfigs(ctx, b.store, b.live, b.options.Logger, onTopic)
	})
	if err != nil {
		return fmt.Errorf("reading the configurations in the coordination store: %w", err)
	}
	return nil
}

// serve listens. The controller's first requests come by these listeners too, so they open before the broker registers; clients wait at
// the gate.
func (b *Broker) serve(ctx context.Context) error {
	cfg := b.live.Broker()
	b.controller = b.newController()
	b.admin = admin.New(admin.Options{
		Store: b.store, Metadata: b.metadata, Config: b.live, Logger: b.options.Logger, NewID: controller.NewTopicID,
		Loggers: b.loggers(),
	})
	services := &api.Services{
		Config: b.live, Metadata: b.metadata, Replicas: b.replicas, Store: b.store, Logger: b.options.Logger, BrokerEpoch: b.epoch.Load,
		Registered: b.registered,
		AutoCreate: b.admin, Admin: b.admin, Controller: office{b.controller, b}, Groups: b.groups,
	}
	b.server = server.New(server.Options{
		Net: b.options.Net, Listeners: cfg.Listeners, Table: b.gate.guard(services.Table()), Config: b.live, Logger: b.options.Logger,
		Metrics: b.metrics, Fits: b.handles.connections,
	})
	b.running.Go(b.followMetadata)
	return b.server.Start(ctx)
}

// newController makes what campaigns, and rules when elected.
func (b *Broker) newController() *controller.Controller {
	cfg := b.live.Broker()
	return controller.New(b.store, controller.Config{
		BrokerID: cfg.BrokerID, Directory: b.directory(), Endpoint: controllerEndpoint(cfg), InterBrokerListener: cfg.InterBrokerListener,
		Dial:              func(address string) controller.Link { return b.dialPeer(b.options.Net, address) },
		Reach:             b.options.Net.Dial,
		BalanceIntervalMs: balanceIntervalMs(cfg), ImbalancePercent: cfg.LeaderImbalancePercentage,
		DeleteTopics:    func() bool { return b.live.Broker().DeleteTopicEnable },
		UncleanElection: func() bool { return b.live.Broker().UncleanLeaderElection },
		MinInsync:       b.minInsync,
		Logger:          b.options.Logger,
	})
}

// join registers the broker, campaigns if it is to, and waits until the controller, which may be this very process, has told the broker what
// it leads.
func (b *Broker) join(ctx context.Context) error {
	cfg := b.live.Broker()
	registration := clusterstore.Broker{ID: cfg.BrokerID, Endpoints: b.endpoints(cfg), Rack: cfg.Rack, Directory: b.directory(), Unclean: b.dirs.Unclean()}
	if cfg.KRaft { // a controller that is no broker need not know by its own file
		registration.InterBroker = cfg.InterBrokerListener
	}
	if cfg.Campaigns() {
		b.controller.Start()
	}
	onSession := func(s coord.Session, epoch int64) {
		b.epoch.Store(epoch)
		b.session.Store(&s)
		b.controller.SetSession(s)
	}
	var err error
	b.membership, err = answered(ctx, b, func() (*controller.Membership, error) {
		return controller.Join(ctx, b.store, registration, cfg.SessionTimeoutMs, b.options.Logger, onSession, b.dirs.Settled)
	})
	if err != nil {
		return err
	}
	b.live.OnChange(b.advertise)
	return b.awaitMetadata(ctx)
}

// registered tells whether the session of the registration lives, as far as this broker knows. It is over, too, when the broker has begun to give
// up what it leads: others may lead that before it hears of them.
func (b *Broker) registered() bool {
	session := b.session.Load()
	if session == nil || b.givingUp.Load() {
		return false
	}
	select {
	case <-(*session).Expired():
		return false
	default:
		return true
	}
}

// minInsync is a topic's min.insync.replicas by the store's configuration.
func (b *Broker) minInsync(ctx context.Context, topic string) int {
	overrides, err := b.store.Config(ctx, clusterstore.TopicEntity(topic))
	if err != nil {
		return 1 // nobody outside of ISRs is eligible then
	}
	cfg, err := config.TopicOf(b.live.Broker(), overrides)
	if err != nil {
		return 1
	}
	return cfg.MinInsyncReplicas
}

// awaitMetadata waits until the controller has told of this broker and of every topic in the store: it tells brokers what they lead
// before it tells them what there is.
func (b *Broker) awaitMetadata(ctx context.Context) error {
	topics, err := answered(ctx, b, func() ([]string, error) { return b.coord.Children(ctx, clusterstore.TopicsPath) })
	if err != nil {
		return fmt.Errorf("reading the topics: %w", err)
	}
	leaving, err := answered(ctx, b, func() ([]string, error) { return b.store.TopicDeletions(ctx) })
	if err != nil {
		return fmt.Errorf("reading the topics to be deleted: %w", err)
	}
	topics = slices.DeleteFunc(topics, func(t string) bool { return slices.Contains(leaving, t) })
	patience := time.NewTimer(metadataPatience)
	defer patience.Stop()
	for {
		changed := b.metadata.Changed()
		if b.knows(topics) {
			return nil
		}
		select {
		case <-changed:
		case <-patience.C:
			b.options.Logger.Warn("the controller has not told of every topic yet; starting all the same", "topics", len(topics))
			return nil
		case <-ctx.Done():
			return fmt.Errorf("no controller has taken this broker in: %w", ctx.Err())
		}
	}
}

// metadataPatience bounds how long a start waits for the controller's picture to be whole.
const metadataPatience = 20 * time.Second

func (b *Broker) knows(topics []string) bool {
	image := b.metadata.Image()
	if _, ok := image.Brokers[b.live.Broker().BrokerID]; !ok {
		return false
	}
	return !slices.ContainsFunc(topics, func(t string) bool { return image.Topics[t] == nil })
}

// directory is this broker's mark in the store: who finds a registration with the same mark while it holds the directories' locks knows that
// the process which made it is dead.
func (b *Broker) directory() string { return hostName() + ":" + b.dirs.Dirs()[0].Path() }

// loggers lets the level of the log be changed at run time, where there is one to change.
func (b *Broker) loggers() *admin.Loggers {
	level := b.options.LogLevel
	if level == nil {
		return nil
	}
	b.live.OnChange(func(old, now *config.Broker) {
		if old.LogLevel != now.LogLevel {
			_ = level.UnmarshalText([]byte(now.LogLevel)) // the key's validator has seen it
		}
	})
	return admin.NewLoggers(level)
}

// giveUpLeadership asks the controller to move leaders away (controlled shutdown, KIP-291's first request of a stop).
func (b *Broker) giveUpLeadership(ctx context.Context) {
	cfg := b.live.Broker()
	if !cfg.ControlledShutdownEnable {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(cfg.RequestTimeoutMs)*time.Millisecond)
	defer cancel()
	b.givingUp.Store(true)
	req := kmsg.NewPtrControlledShutdownRequest()
	req.SetVersion(3)
	req.BrokerID, req.BrokerEpoch = cfg.BrokerID, b.epoch.Load()
	if _, err := b.toController.do(ctx, req); err != nil && !errors.Is(err, errNoController) && ctx.Err() == nil {
		b.options.Logger.Warn("the controller did not answer the controlled shutdown", "error", err)
	}
}
