package replica

import (
	"context"
	"errors"
	"sync"
	"time"

	"milena/internal/logdir"
	"milena/internal/metadata"
	"milena/internal/partition"
	"milena/internal/peer"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetcher pulls partitions from the broker that leads them, with one request under way at a time. mu guards followed and interrupt.
type fetcher struct {
	replicas *Replicas
	leader   int32
	stop     context.CancelFunc
	conn     *peer.Conn // of run alone, as failures is
	failures int        // of the connection, in a row
	changed  chan struct{}

	mu        sync.Mutex
	followed  map[logdir.TopicPartition]*followed
	interrupt context.CancelFunc // ends the request under way
}

// followed is a partition that is pulled, in one leader epoch.
type followed struct {
	*hosted
	leaderEpoch int32
	notBefore   time.Time // after a failure
	failures    int       // in a row
	failing     bool      // it was told
}

// add begins to pull a partition. The request under way may be waiting for records of the others: it is given up, so that whoever waits
// for this partition's records to be here does not wait for them too.
func (f *fetcher) add(tp logdir.TopicPartition, p *followed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.followed[tp] = p
	f.wake()
}

// remove tells whether partitions are left.
func (f *fetcher) remove(tp logdir.TopicPartition) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.followed, tp)
	return len(f.followed) > 0
}

func (f *fetcher) wake() {
	if f.interrupt != nil {
		f.interrupt()
	}
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

func (f *fetcher) run(ctx context.Context) {
	defer f.disconnect()
	for ctx.Err() == nil {
		due, next := f.due(time.Now())
		if len(due) == 0 {
			f.pause(ctx, time.Until(next))
			continue
		}
		if err := f.fetch(ctx, due); err != nil && ctx.Err() == nil {
			f.disconnect()
			if !errors.Is(err, context.Canceled) { // else another partition came
				f.replicas.options.Logger.Debug("fetching from a leader failed", "leader", f.leader, "error", err)
				f.pause(ctx, f.backoff(f.failures))
				f.failures++
			}
			continue
		}
		f.failures = 0
	}
}

func (f *fetcher) disconnect() {
	if f.conn != nil {
		f.conn.Close()
		f.conn = nil
	}
}

// firstBackoff is short: most often the leader is about to learn that it leads, and producers wait for what is fetched here.
const firstBackoff = 10 * time.Millisecond

// backoff is the pause after that many failures in a row and one more: replica.fetch.backoff.ms in the end.
func (f *fetcher) backoff(failures int) time.Duration {
	longest := time.Duration(f.replicas.options.Config.Broker().ReplicaFetchBackoffMs) * time.Millisecond
	return min(firstBackoff<<min(failures, 20), longest)
}

// pause waits that long, until a partition is added, or for the end.
func (f *fetcher) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-f.changed:
	case <-timer.C:
	}
}

// due gives the partitions to fetch now, or when the next one is.
func (f *fetcher) due(now time.Time) (due map[logdir.TopicPartition]*followed, next time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.changed: // what it told of is seen here
	default:
	}
	due, next = make(map[logdir.TopicPartition]*followed, len(f.followed)), now.Add(time.Hour)
	for tp, p := range f.followed {
		if !p.notBefore.After(now) {
			due[tp] = p
		} else if p.notBefore.Before(next) {
			next = p.notBefore
		}
	}
	return due, next
}

// begin tells how the request that follows can be ended; false where a partition was added after due has looked: it would wait for a whole
// request that asks for the others.
func (f *fetcher) begin(interrupt context.CancelFunc) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.changed) > 0 {
		return false
	}
	f.interrupt = interrupt
	return true
}

// fetch sends one request and takes in its reply. The error is that of the connection.
func (f *fetcher) fetch(ctx context.Context, due map[logdir.TopicPartition]*followed) error {
	cfg := f.replicas.options.Config.Broker()
	wait := time.Duration(int64(cfg.ReplicaFetchWaitMaxMs)+cfg.ReplicaSocketTimeoutMs) * time.Millisecond
	reqCtx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if !f.begin(cancel) {
		return nil
	}
	if f.conn == nil {
		conn, ok := f.replicas.options.Cluster.Dial(f.leader)
		if !ok {
			return errUnknownAddress
		}
		conn.Reuse(int16(kmsg.Fetch))
		f.conn = conn
	}
	resp, err := f.conn.Do(reqCtx, f.request(due))
	f.mu.Lock()
	f.interrupt = nil
	f.mu.Unlock()
	if err != nil {
		return err
	}
	return f.take(ctx, due, resp.(*kmsg.FetchResponse))
}

var errUnknownAddress = errors.New("replica: the leader's address is not known yet")

// Versions of the request: by topic ids where all are known, with the broker's epoch (KIP-903); by names else (Kafka 2.7 and later).
const (
	fetchByID   = 16
	fetchByName = 12
)

func (f *fetcher) request(due map[logdir.TopicPartition]*followed) *kmsg.FetchRequest {
	options := &f.replicas.options
	cfg := options.Config.Broker()
	req := kmsg.NewPtrFetchRequest()
	req.Version = fetchByID
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = cfg.ReplicaFetchWaitMaxMs, cfg.ReplicaFetchMinBytes, cfg.ReplicaFetchResponseMaxBytes
	req.SessionID, req.SessionEpoch = 0, -1
	req.ReplicaState.ID, req.ReplicaState.Epoch = options.BrokerID, options.Cluster.BrokerEpoch()
	topics := map[string]int{}
	for tp, p := range due {
		position, err := p.part.FetchPosition(p.leaderEpoch)
		if err != nil {
			f.forget(tp, p) // it follows another leader meanwhile, or none
			delete(due, tp)
			continue
		}
		at, ok := topics[tp.Topic]
		if !ok {
			at = len(req.Topics)
			topics[tp.Topic] = at
			topic := kmsg.NewFetchRequestTopic()
			topic.Topic, topic.TopicID = tp.Topic, p.log.TopicID()
			if topic.TopicID == (metadata.TopicID{}) {
				req.Version = fetchByName
			}
			req.Topics = append(req.Topics, topic)
		}
		one := kmsg.NewFetchRequestTopicPartition()
		one.Partition, one.CurrentLeaderEpoch, one.FetchOffset = tp.Partition, p.leaderEpoch, position.Offset
		one.LastFetchedEpoch, one.LogStartOffset, one.PartitionMaxBytes = position.LastEpoch, position.LogStartOffset, cfg.ReplicaFetchMaxBytes
		req.Topics[at].Partitions = append(req.Topics[at].Partitions, one)
	}
	if req.Version < 15 {
		req.ReplicaID = options.BrokerID
	}
	return req
}

// forget ends the fetching of a partition, unless it has begun anew.
func (f *fetcher) forget(tp logdir.TopicPartition, p *followed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.followed[tp] == p {
		delete(f.followed, tp)
	}
}

// delay has a partition wait before it is fetched again.
func (f *fetcher) delay(p *followed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.notBefore = time.Now().Add(f.backoff(p.failures))
	p.failures++
}

// offset asks the leader for its log's earliest or latest offset.
func (f *fetcher) offset(ctx context.Context, tp logdir.TopicPartition, p *followed, timestamp int64) (int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.Version, req.ReplicaID = 7, f.replicas.options.BrokerID
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = tp.Topic
	one := kmsg.NewListOffsetsRequestTopicPartition()
	one.Partition, one.CurrentLeaderEpoch, one.Timestamp = tp.Partition, p.leaderEpoch, timestamp
	topic.Partitions = append(topic.Partitions, one)
	req.Topics = append(req.Topics, topic)
	resp, err := f.conn.Do(ctx, req)
	if err != nil {
		return 0, err
	}
	for _, t := range resp.(*kmsg.ListOffsetsResponse).Topics {
		for _, answer := range t.Partitions {
			if t.Topic == tp.Topic && answer.Partition == tp.Partition {
				return answer.Offset, codeError(answer.ErrorCode)
			}
		}
	}
	return 0, errNotAnswered
}

var errNotAnswered = errors.New("replica: the leader did not answer for this partition")

// startAnew is for a follower whose end is outside of the leader's log: where the leader has less, which only an unclean election can
// bring about, what is above goes; where the leader's log begins later, the follower's begins there too.
func (f *fetcher) startAnew(ctx context.Context, tp logdir.TopicPartition, p *followed) error {
	position, err := p.part.FetchPosition(p.leaderEpoch)
	if err != nil {
		return err
	}
	latest, err := f.offset(ctx, tp, p, partition.TimestampLatest)
	if err != nil {
		return err
	}
	if latest < position.Offset {
		f.replicas.options.Logger.Warn("the leader's log ends before this follower's: truncating", "topic", tp.Topic, "partition", tp.Partition,
			"leader", f.leader, "from", position.Offset, "to", latest)
		return p.part.CutTo(p.leaderEpoch, latest)
	}
	earliest, err := f.offset(ctx, tp, p, partition.TimestampEarliest)
	if err != nil || earliest <= position.Offset {
		return err
	}
	f.replicas.options.Logger.Info("the leader's log begins after this follower's end: starting there", "topic", tp.Topic,
		"partition", tp.Partition, "leader", f.leader, "from", position.Offset, "to", earliest)
	return p.part.StartAt(p.leaderEpoch, earliest)
}
