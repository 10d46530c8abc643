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

// fetcher pulls partitions from the broker that leads them, with one request under way at a time, in a fetch session (KIP-227): a request
// names what has changed since the last one, so that a partition in which nothing happens costs nothing. mu guards followed, dirty, gone,
// lookAtAll and interrupt.
type fetcher struct {
	replicas *Replicas
	leader   int32
	stop     context.CancelFunc
	conn     *peer.Conn // of run alone, as failures, session and later are
	failures int        // in a row, of the connection or the session
	session  session
	later    []*followed // whose notBefore has not come
	changed  chan struct{}

	mu        sync.Mutex
	followed  map[logdir.TopicPartition]*followed
	dirty     []*followed // may be elsewhere than the session has them
	gone      []*followed // not followed any more, though the session may have them
	lookAtAll bool        // all may be
	interrupt context.CancelFunc
}

// followed is a partition that is pulled, in one leader epoch. Its fetcher's mu guards dirty, all else is of run alone.
type followed struct {
	*hosted
	tp          logdir.TopicPartition
	leaderEpoch int32
	dirty       bool      // it is in the list of them
	notBefore   time.Time // after a failure, or while it is throttled
	failures    int       // in a row
	failing     bool      // it was told
	inSync      bool      // when last fetched it had all that was committed
	throttled   bool      // why it waits

	inSession bool // the leader's session has it, as what follows
	id        metadata.TopicID
	sent      partition.FetchPosition
}

func newFetcher(r *Replicas, leader int32) *fetcher {
	return &fetcher{replicas: r, leader: leader, changed: make(chan struct{}, 1), followed: map[logdir.TopicPartition]*followed{}}
}

// add begins to pull partitions. The request under way may be waiting for records of the others: it is given up, so that whoever waits
// for these partitions' records to be here does not wait for them too.
func (f *fetcher) add(partitions ...*followed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range partitions {
		f.followed[p.tp] = p
		f.markLocked(p)
	}
	f.wake()
}

// remove tells whether partitions are left.
func (f *fetcher) remove(tp logdir.TopicPartition) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.followed[tp]; p != nil {
		delete(f.followed, tp)
		f.gone = append(f.gone, p)
	}
	return len(f.followed) > 0
}

// forget ends the fetching of a partition, unless it has begun anew.
func (f *fetcher) forget(p *followed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.followed[p.tp] == p {
		delete(f.followed, p.tp)
	}
	f.gone = append(f.gone, p)
}

// mark has the next request look where a partition is.
func (f *fetcher) mark(p *followed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.markLocked(p)
}

func (f *fetcher) markLocked(p *followed) {
	if !p.dirty {
		p.dirty = true
		f.dirty = append(f.dirty, p)
	}
}

// look has all partitions looked at anew, at once.
func (f *fetcher) look() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lookAtAll = true
	f.wake()
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
		next, err := f.fetch(ctx)
		switch {
		case ctx.Err() != nil:
		case err == nil && next.IsZero():
			f.failures = 0
		case err == nil:
			f.pause(ctx, time.Until(next))
		case errors.Is(err, context.Canceled): // another partition came
			f.disconnect()
		default:
			if !errors.Is(err, errSessionLost) {
				f.disconnect()
			}
			f.replicas.options.Logger.Debug("fetching from a leader failed", "leader", f.leader, "error", err)
			f.pause(ctx, f.backoff(f.failures))
			f.failures++
		}
	}
}

// disconnect gives up the connection. What the leader made of a request that was not answered is not known, so the session ends with it.
func (f *fetcher) disconnect() {
	f.session.restart()
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

// begin tells how the request that follows can be ended. What was told before is seen by that request.
func (f *fetcher) begin(interrupt context.CancelFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.interrupt = interrupt
	select {
	case <-f.changed:
	default:
	}
}

func (f *fetcher) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.interrupt = nil
}

// fetch sends one request and takes in its reply. The error is that of the connection or the session. A time is when there is something to
// ask for: nothing was.
func (f *fetcher) fetch(ctx context.Context) (next time.Time, err error) {
	cfg := f.replicas.options.Config.Broker()
	wait := time.Duration(int64(cfg.ReplicaFetchWaitMaxMs)+cfg.ReplicaSocketTimeoutMs) * time.Millisecond
	reqCtx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	f.begin(cancel)
	defer f.end()
	req, next := f.request(time.Now())
	if req == nil {
		return next, nil
	}
	if f.conn == nil {
		conn, ok := f.replicas.options.Cluster.Dial(f.leader)
		if !ok {
			return time.Time{}, errUnknownAddress
		}
		conn.Reuse(int16(kmsg.Fetch))
		f.conn = conn
	}
	resp, err := f.conn.Do(reqCtx, req)
	if err != nil {
		return time.Time{}, err
	}
	f.end()
	return time.Time{}, f.take(ctx, resp.(*kmsg.FetchResponse))
}

var errUnknownAddress = errors.New("replica: the leader's address is not known yet")

// delay has a partition wait before it is fetched again.
func (f *fetcher) delay(p *followed) {
	p.notBefore = time.Now().Add(f.backoff(p.failures))
	p.failures++
}
