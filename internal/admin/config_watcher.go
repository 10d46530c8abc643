package admin

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"milena/internal/clusterstore"
	"milena/internal/config"
	"milena/internal/coord"
)

// changeExpiry is how long a notification of a changed configuration stands before it is purged (Kafka: 15 minutes).
const changeExpiry = 15 * time.Minute

// ConfigWatcher brings configurations from the store to this broker: topics' overrides when a partition is opened and when they change,
// dynamic broker values into Live. Users' and clients' entities are left to others.
type ConfigWatcher struct {
	store *clusterstore.Store
	live  *config.Live
	topic func(name string, overrides map[string]string)
	log   *slog.Logger
	ctx   context.Context
	stop  context.CancelFunc
	watch coord.Watch
	done  sync.WaitGroup

	// last is the highest notification applied, seen when each standing one was first seen. Only run touches them.
	last int64
	seen map[int64]time.Time

	mu      sync.Mutex // guards initial
	initial map[string]map[string]string
}

// WatchConfigs puts this broker's dynamic values in force, reads all topics' overrides for the start, and begins to watch. onTopic is told
// of each topic's changed overrides. Dynamic values that this broker cannot take are logged and left out.
func WatchConfigs(
	ctx context.Context, store *clusterstore.Store, live *config.Live, log *slog.Logger, onTopic func(string, map[string]string),
) (*ConfigWatcher, error) {
	watch, err := store.Coord().Watch(clusterstore.ConfigChangesPath, coord.WatchChildren)
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.Background())
	w := &ConfigWatcher{
		store: store, live: live, topic: onTopic, log: log, ctx: running, stop: stop, watch: watch, last: -1, seen: map[int64]time.Time{},
	}
	if err := w.start(ctx); err != nil {
		stop()
		watch.Close()
		return nil, err
	}
	w.done.Go(w.run)
	return w, nil
}

func (w *ConfigWatcher) start(ctx context.Context) error {
	// The notifications first: what they tell is read after them, so that nothing is missed between.
	changes, err := w.store.ConfigChanges(ctx)
	if err != nil {
		return err
	}
	for _, c := range changes {
		w.last = max(w.last, c.Sequence)
		w.seen[c.Sequence] = time.Now()
	}
	if err := w.applyBroker(ctx); err != nil {
		return err
	}
	w.initial, err = w.store.Configs(ctx, "topics")
	return err
}

// Topic gives a topic's overrides as the store has them. What was read at the start is used once, so that opening thousands of partitions
// needs no round trips; it may be a moment old, and a change after it comes by onTopic.
func (w *ConfigWatcher) Topic(name string) map[string]string {
	w.mu.Lock()
	overrides, ok := w.initial[name]
	delete(w.initial, name)
	w.mu.Unlock()
	if ok {
		return overrides
	}
	overrides, err := w.store.Config(w.ctx, clusterstore.TopicEntity(name))
	if err != nil {
		w.log.Error("a topic's configuration cannot be read, the broker's defaults apply", "topic", name, "error", err)
		return nil
	}
	return overrides
}

// Close ends the watch.
func (w *ConfigWatcher) Close() {
	w.stop()
	w.watch.Close()
	w.done.Wait()
}

func (w *ConfigWatcher) run() {
	purge := time.NewTicker(changeExpiry / 3)
	defer purge.Stop()
	var again <-chan time.Time
	for {
		select {
		case <-w.ctx.Done():
			return
		case _, open := <-w.watch.C():
			if !open {
				return
			}
		case <-purge.C:
		case <-again:
		}
		again = nil
		if err := w.apply(); err != nil && w.ctx.Err() == nil {
			w.log.Warn("changed configurations cannot be read, trying again", "error", err)
			again = time.After(time.Second)
		}
	}
}

// apply reads the notifications not applied yet, each entity once, and purges those that have stood long enough.
func (w *ConfigWatcher) apply() error {
	changes, err := w.store.ConfigChanges(w.ctx)
	if err != nil {
		return err
	}
	entities := map[clusterstore.Entity]bool{}
	last, standing := w.last, map[int64]time.Time{}
	for _, c := range changes {
		since, known := w.seen[c.Sequence]
		if !known {
			since = time.Now()
		}
		if time.Since(since) >= changeExpiry {
			if err := w.store.RemoveConfigChange(w.ctx, c); err != nil {
				return err
			}
			continue
		}
		standing[c.Sequence] = since
		if c.Sequence > w.last {
			entities[c.Entity] = true
			last = max(last, c.Sequence)
		}
	}
	w.seen = standing
	for _, e := range slices.Sorted(maps.Keys(entities)) {
		if err := w.applyEntity(e); err != nil {
			return err
		}
	}
	w.last = last
	return nil
}

func (w *ConfigWatcher) applyEntity(e clusterstore.Entity) error {
	switch kind, name := e.Split(); {
	case kind == "topics":
		overrides, err := w.store.Config(w.ctx, e)
		if err != nil {
			return err
		}
		w.mu.Lock()
		delete(w.initial, name)
		w.mu.Unlock()
		w.topic(name, overrides)
	case kind == "brokers" && (name == clusterstore.DefaultEntity || name == strconv.Itoa(int(w.live.Broker().BrokerID))):
		return w.applyBroker(w.ctx)
	}
	return nil
}

// applyBroker puts the dynamic values in force that the store has for this broker and for all.
func (w *ConfigWatcher) applyBroker(ctx context.Context) error {
	now := w.live.Broker()
	own, err := w.store.Config(ctx, clusterstore.BrokerEntity(strconv.Itoa(int(now.BrokerID))))
	if err != nil {
		return err
	}
	defaults, err := w.store.Config(ctx, clusterstore.BrokerEntity(""))
	if err != nil {
		return err
	}
	if len(own)+len(defaults)+len(now.Values.DynamicBroker)+len(now.Values.DynamicDefault) == 0 {
		return nil
	}
	next, err := now.WithDynamic(own, defaults)
	if err != nil {
		// One value that this release cannot take must not keep the others out.
		next, err = now.WithDynamic(w.acceptable(now, own, true), w.acceptable(now, defaults, false))
	}
	if err != nil {
		w.log.Error("dynamic broker configuration cannot be taken", "error", err)
		return nil
	}
	w.live.Replace(next)
	return nil
}

// acceptable leaves out the values that this broker cannot take.
func (w *ConfigWatcher) acceptable(now *config.Broker, values map[string]string, perBroker bool) map[string]string {
	kept := map[string]string{}
	for _, key := range sortedKeys(values) {
		if err := now.ValidateDynamic(map[string]string{key: values[key]}, perBroker); err != nil {
			w.log.Error("dynamic broker value left out", "key", key, "error", err)
			continue
		}
		kept[key] = values[key]
	}
	return kept
}
