package replica

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"milena/internal/config"
	"milena/internal/logdir"
	"milena/internal/metadata"
	"milena/internal/metrics"
	"milena/internal/partition"
)

// Options is what the replicas need.
type Options struct {
	BrokerID int32
	Config   *config.Live
	Dirs     *logdir.Dirs
	Metadata *metadata.Cache
	Logger   *slog.Logger
	Metrics  *metrics.Metrics // may be nil
	// TopicOverrides reads a topic's own configuration when it is first needed; later changes come by SetTopicConfig. nil: none has
	// any.
	TopicOverrides func(topic string) map[string]string
	// Cluster is the way to the other brokers.
	Cluster Cluster
	// OnLeadership is told how this broker stands to a partition after each of the controller's requests and each failure of a directory:
	// whether it leads, in that epoch; -1 where there is none any more (deleted, offline). Calls come one after the other, the last one
	// tells how it is. It is called under no lock that Append, Read or a TopicLog takes; it must not call for the controller's requests.
	// nil: nobody wants to know.
	OnLeadership func(topic string, partition int32, leads bool, leaderEpoch int32)
}

// Replicas is the set of hosted partitions.
type Replicas struct {
	options Options

	mu     sync.RWMutex
	hosted map[logdir.TopicPartition]*hosted

	changeMu        turn
	controllerEpoch int32
	leadMu          sync.Mutex // orders calls of OnLeadership; taken after changeMu

	configMu turn
	topics   map[string]*topicConfig

	appends, fetches sync.Pool // *appending, *fetching

	fetchers  fetchers
	throttles throttles
	proposals proposals
	unmade    unmade
	handovers handovers

	parked  atomic.Int64 // requests that wait
	stop    chan struct{}
	running sync.WaitGroup
}

// hosted is one partition. part is nil where its log could not be opened: it answers with a storage error.
type hosted struct {
	part    *partition.Partition
	log     *logdir.Log
	traffic *metrics.Topic // the topic's counters
}

// New makes an empty set over directories that may not have been loaded yet: TopicConfig is what they are to be loaded with.
func New(o Options) *Replicas {
	if o.Metrics == nil {
		o.Metrics = metrics.New()
	}
	r := &Replicas{
		options: o, hosted: map[logdir.TopicPartition]*hosted{}, topics: map[string]*topicConfig{},
		controllerEpoch: -1, stop: make(chan struct{}), changeMu: newTurn(), configMu: newTurn(),
	}
	r.appends.New = func() any { return &appending{} }
	r.fetches.New = func() any { return &fetching{} }
	o.Dirs.OnFailure(r.directoryFailed)
	o.Config.OnChange(func(_, now *config.Broker) {
		r.brokerConfigChanged(now)
		r.setRates(now)
	})
	r.throttles = newThrottles(o.Config.Broker())
	r.report(o.Metrics)
	r.throttles.report(o.Metrics)
	r.fetchers.byID, r.fetchers.fetching = map[fetcherID]*fetcher{}, map[logdir.TopicPartition]*fetcher{}
	r.proposals.waiting, r.proposals.wake = map[logdir.TopicPartition]wish{}, make(chan struct{}, 1)
	r.unmade.logs = map[logdir.TopicPartition]becoming{}
	r.handovers.open, r.handovers.wake = map[logdir.TopicPartition]handover{}, make(chan struct{}, 1)
	r.running.Go(r.checkpointHighWatermarks)
	r.running.Go(r.remake)
	if o.Cluster.AlterPartition != nil {
		r.running.Go(r.keepISRs)
		r.running.Go(r.sendProposals)
	}
	return r
}

// directoryFailed takes the partitions of a directory out of service.
func (r *Replicas) directoryFailed(d *logdir.Dir) {
	var failed []*partition.Partition
	r.mu.RLock()
	for _, h := range r.hosted {
		if h.part != nil && h.log.Dir() == d {
			failed = append(failed, h.part)
		}
	}
	r.mu.RUnlock()
	for _, p := range failed {
		p.GoOffline()
	}
	for _, p := range failed {
		r.tellLeadership(p)
	}
}

// at is what is hosted of a partition; nil: nothing.
func (r *Replicas) at(tp logdir.TopicPartition) *hosted {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.hosted[tp]
}

// find is a hosted partition of the topic with that id (zero: whichever has the name); the caller holds mu for reading.
func (r *Replicas) find(topic string, index int32, id metadata.TopicID) (*hosted, error) {
	if h := r.hosted[logdir.TopicPartition{Topic: topic, Partition: index}]; h != nil {
		if h.part == nil {
			return nil, partition.ErrOffline
		}
		if id != (metadata.TopicID{}) && id != h.log.TopicID() {
			return nil, ErrInconsistentTopicID
		}
		return h, nil
	}
	if r.options.Metadata.Image().Partition(topic, index) != nil {
		return nil, partition.ErrNotLeaderOrFollower
	}
	return nil, ErrUnknownTopicOrPartition
}

// Partition is a hosted partition, for those who ask about one.
func (r *Replicas) Partition(topic string, index int32) (*partition.Partition, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	h, err := r.find(topic, index, metadata.TopicID{})
	if err != nil {
		return nil, err
	}
	return h.part, nil
}

// Parked is the number of requests that wait for records or for their commit.
func (r *Replicas) Parked() int64 { return r.parked.Load() }

// checkpointHighWatermarks writes them every replica.high.watermark.checkpoint.interval.ms.
func (r *Replicas) checkpointHighWatermarks() {
	interval := r.options.Config.Broker().HighWatermarkCheckpointMs
	if interval <= 0 || interval > math.MaxInt64/int64(time.Millisecond) {
		return
	}
	tick := time.NewTicker(time.Duration(interval) * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-tick.C:
			r.writeHighWatermarks()
		}
	}
}

func (r *Replicas) writeHighWatermarks() {
	r.options.Dirs.CheckpointHighWatermarks(func(l *logdir.Log) (int64, bool) {
		h := r.at(l.TopicPartition)
		if h == nil || h.part == nil || h.log != l {
			return 0, false
		}
		return h.part.HighWatermark(), true
	})
}

// Close takes every partition out of service, so that those who wait are answered, and writes the high watermarks. The logs are for
// logdir to close, afterwards.
func (r *Replicas) Close(ctx context.Context) error {
	close(r.stop)
	r.stopFetchers()
	r.running.Wait()
	r.changeMu.Lock()
	defer r.changeMu.Unlock()
	r.mu.RLock()
	parts := make([]*partition.Partition, 0, len(r.hosted))
	for _, h := range r.hosted {
		if h.part != nil {
			parts = append(parts, h.part)
		}
	}
	r.mu.RUnlock()
	for _, p := range parts {
		p.Retire()
	}
	r.writeHighWatermarks()
	if err := ctx.Err(); err != nil {
		return errors.Join(errors.New("replica: closed in haste"), err)
	}
	return nil
}
