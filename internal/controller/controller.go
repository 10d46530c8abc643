package controller

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"milena/internal/clusterstore"
	"milena/internal/coord"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Config is what a controller needs to know of its node. All fields but NewID, NowMs and the intervals must be set.
type Config struct {
	BrokerID int32
	// Directory is the identity of this broker's data, its mark in the store.
	Directory string
	// Endpoint is where brokers reach this node, host:port, where it is no broker; "" for a broker.
	Endpoint string
	// InterBrokerListener is the listener by which brokers are reached that do not say which one it is.
	InterBrokerListener string
	// Dial makes a connection to a broker, lazily.
	Dial func(address string) Link
	// Reach makes plain connections, to see at once that a process is gone; nil: only sessions tell.
	Reach func(ctx context.Context, address string) (net.Conn, error)
	// DeleteTopics tells whether topics may be deleted (delete.topic.enable).
	DeleteTopics func() bool
	// UncleanElection is the broker's default of unclean.leader.election.enable.
	UncleanElection func() bool
	// MinInsync is a topic's min.insync.replicas; called by several goroutines. nil: 1 everywhere.
	MinInsync func(ctx context.Context, topic string) int
	// BalanceIntervalMs is how often leaders move back to preferred replicas (leader.imbalance.check.interval.seconds); 0: never.
	BalanceIntervalMs int64
	// ImbalancePercent is how many of the partitions that a broker should lead others may lead before they move back
	// (leader.imbalance.per.broker.percentage).
	ImbalancePercent int
	// NewID makes an id for a topic that has none; nil: random.
	NewID  func() [16]byte
	Logger *slog.Logger
}

// Controller campaigns to be the cluster's controller while this broker has a session, and reigns when elected.
type Controller struct {
	store *clusterstore.Store
	cfg   Config
	stop  context.CancelFunc
	ctx   context.Context
	done  sync.WaitGroup

	mu      sync.Mutex // guards what follows
	queue   []event
	reign   uint64 // number of the current reign here; events of earlier ones are dropped
	active  bool
	epoch   int32
	holder  int32 // broker that is controller, -1 unknown
	session coord.Session
	wake    chan struct{}
	renewed chan struct{}
}

// New makes a controller that does nothing until Start.
func New(store *clusterstore.Store, cfg Config) *Controller {
	if cfg.NewID == nil {
		cfg.NewID = NewTopicID
	}
	ctx, stop := context.WithCancel(context.Background())
	return &Controller{
		store: store, cfg: cfg, ctx: ctx, stop: stop, holder: -1,
		wake: make(chan struct{}, 1), renewed: make(chan struct{}, 1),
	}
}

// NewTopicID draws a random topic id (UUID version 4) that is none of those reserved and whose text does not begin with a dash.
func NewTopicID() (id [16]byte) {
	for {
		if _, err := rand.Read(id[:]); err != nil {
			panic(err) // crypto/rand does not fail
		}
		id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
		if clusterstore.FormatUUID(id)[0] != '-' {
			return id
		}
	}
}

// Start begins to campaign. SetSession gives it a session, without which it waits.
func (c *Controller) Start() { c.done.Go(c.campaign) }

// SetSession tells of this broker's session; a new one after each expiry. The broker is registered with it.
func (c *Controller) SetSession(s coord.Session) {
	c.mu.Lock()
	c.session = s
	c.mu.Unlock()
	select {
	case c.renewed <- struct{}{}:
	default:
	}
}

// Close resigns and ends all that runs.
func (c *Controller) Close() {
	c.stop()
	c.done.Wait()
}

// Active tells whether this broker is controller, as far as it knows, and the epoch of its reign.
func (c *Controller) Active() (epoch int32, active bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch, c.active
}

// Holder is the broker that is controller, -1 where nobody is known to be.
func (c *Controller) Holder() int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.holder
}

// AlterPartition has ISRs changed; done is called once, from another goroutine or this one, and must not block.
func (c *Controller) AlterPartition(req *kmsg.AlterPartitionRequest, done func(*kmsg.AlterPartitionResponse)) {
	e := alterPartition{req, once(done)}
	if !c.postNow(e) {
		e.refuse(kerr.NotController.Code)
	}
}

// ControlledShutdown has leaders moved away from a broker; done is called once and must not block.
func (c *Controller) ControlledShutdown(req *kmsg.ControlledShutdownRequest, done func(*kmsg.ControlledShutdownResponse)) {
	e := controlledShutdown{req, once(done)}
	if !c.postNow(e) {
		e.refuse(kerr.NotController.Code)
	}
}

// ElectLeaders has leaders elected at an operator's wish; done is called once and must not block.
func (c *Controller) ElectLeaders(req *kmsg.ElectLeadersRequest, done func(*kmsg.ElectLeadersResponse)) {
	e := electLeaders{req, once(done)}
	if !c.postNow(e) {
		e.refuse(kerr.NotController.Code)
	}
}

// AlterReassignments has partitions moved, or a move given up; done is called once and must not block.
func (c *Controller) AlterReassignments(req *kmsg.AlterPartitionAssignmentsRequest, done func(*kmsg.AlterPartitionAssignmentsResponse)) {
	e := alterReassignments{req, once(done)}
	if !c.postNow(e) {
		e.refuse(kerr.NotController.Code)
	}
}

// ListReassignments tells which partitions are being moved; done is called once and must not block.
func (c *Controller) ListReassignments(req *kmsg.ListPartitionReassignmentsRequest, done func(*kmsg.ListPartitionReassignmentsResponse)) {
	e := listReassignments{req, once(done)}
	if !c.postNow(e) {
		e.refuse(kerr.NotController.Code)
	}
}

// AllocateProducerIDs gives a broker a block of producer ids; done is called once and must not block.
func (c *Controller) AllocateProducerIDs(req *kmsg.AllocateProducerIDsRequest, done func(*kmsg.AllocateProducerIDsResponse)) {
	e := allocateProducerIDs{req, once(done)}
	if !c.postNow(e) {
		e.refuse(kerr.NotController.Code)
	}
}

func once[T any](f func(T)) func(T) {
	var o sync.Once
	return func(v T) { o.Do(func() { f(v) }) }
}

// postNow queues an event of the current reign; false where there is none.
func (c *Controller) postNow(e event) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.active {
		return false
	}
	c.put(e)
	return true
}

// poster gives a function that queues events of one reign and drops them once it is over.
func (c *Controller) poster(reign uint64) func(event) {
	return func(e event) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.active && c.reign == reign {
			c.put(e)
		}
	}
}

func (c *Controller) put(e event) {
	// Watches that tell the same again before it was looked at add nothing.
	if n := len(c.queue); n > 0 && isWatch(e) && c.queue[n-1] == e {
		return
	}
	c.queue = append(c.queue, e)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func isWatch(e event) bool {
	switch e.(type) {
	case brokersChanged, topicsChanged, deletionsChanged, isrsChanged, logDirsFailed, preferredWanted, movesWanted, leadersUnbalanced:
		return true
	}
	return false
}

// next takes the first event of the queue, or waits; false when ctx is over.
func (c *Controller) next(ctx context.Context) (event, bool) {
	for {
		c.mu.Lock()
		if len(c.queue) > 0 && ctx.Err() == nil {
			e := c.queue[0]
			c.queue[0] = nil
			c.queue = c.queue[1:]
			c.mu.Unlock()
			return e, true
		}
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, false
		case <-c.wake:
		}
	}
}

// rule is one reign from election to its end, on the campaign's goroutine. The error says why it ended.
func (c *Controller) rule(ctx context.Context, epoch clusterstore.Epoch) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.mu.Lock()
	c.reign++
	c.active, c.epoch, c.holder, c.queue = true, epoch.Number, c.cfg.BrokerID, nil
	number := c.reign
	c.mu.Unlock()
	defer c.abdicate()

	out := &senders{
		ctx: ctx, dial: c.cfg.Dial, listener: c.cfg.InterBrokerListener, log: c.cfg.Logger, brokers: map[int32]*sender{},
		reach: c.cfg.Reach, store: c.store, own: c.cfg.BrokerID,
	}
	defer func() {
		cancel() // what runs beside the senders goes by it, where a failed write ends the reign and not ctx
		out.closeAll()
	}()
	r := &reign{
		ctx: ctx, store: c.store, epoch: epoch, cfg: &c.cfg, log: c.cfg.Logger, state: newClusterState(), out: out, post: c.poster(number),
	}
	watches, err := watchStore(ctx, c.store.Coord(), r.post)
	if err != nil {
		return err
	}
	defer watches.close()
	if err := c.store.EnsureFeature(ctx); err != nil {
		return err
	}
	if err := r.begin(); err != nil {
		return err
	}
	if c.cfg.BalanceIntervalMs > 0 {
		ticker := time.NewTicker(time.Duration(c.cfg.BalanceIntervalMs) * time.Millisecond)
		defer ticker.Stop()
		out.running.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-ticker.C:
					r.post(leadersUnbalanced{})
				}
			}
		})
	}
	for {
		e, ok := c.next(ctx)
		if !ok {
			return ctx.Err()
		}
		err := e.handle(r)
		if err == nil {
			err = r.completeElected()
		}
		if err != nil {
			refuseAll([]event{e})
			return err
		}
		r.flush()
	}
}

// abdicate ends a reign: whoever waits for an answer is sent to the next controller.
func (c *Controller) abdicate() {
	c.mu.Lock()
	c.active, c.holder = false, -1
	waiting := c.queue
	c.queue = nil
	c.mu.Unlock()
	refuseAll(waiting)
}

func refuseAll(events []event) {
	for _, e := range events {
		if asked, ok := e.(interface{ refuse(int16) }); ok {
			asked.refuse(kerr.NotController.Code)
		}
	}
}

// isFenced tells the end of a reign because another has begun.
func isFenced(err error) bool { return errors.Is(err, clusterstore.ErrFenced) }
