package controller

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"milena/internal/clusterstore"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Link is a lasting connection to one broker (peer.Conn).
type Link interface {
	Do(ctx context.Context, req kmsg.Request) (kmsg.Response, error)
	Close()
}

// senders is the outbox of a reign: one queue and one goroutine for each live broker. Only the event loop calls it.
type senders struct {
	ctx      context.Context
	dial     func(address string) Link
	listener string
	log      *slog.Logger
	reach    reach // nil: nobody is looked after
	store    *clusterstore.Store
	own      int32
	brokers  map[int32]*sender
	running  sync.WaitGroup
}

// sender sends to one broker, one request at a time, each until it is answered or the broker is gone.
type sender struct {
	broker  int32
	epoch   int64 // of the registration
	address string
	link    Link
	cancel  context.CancelFunc
	wake    chan struct{}

	mu    sync.Mutex // guards queue, whose first one is being sent
	queue []outgoing
}

type outgoing struct {
	req  kmsg.Request
	done func(kmsg.Response)
}

// resendDelay is waited after a broker could not be reached.
const resendDelay = 100 * time.Millisecond

// open begins to send to a broker. Where its registration is the same and only what it says has changed, nothing is lost of what was to be sent.
func (s *senders) open(b *clusterstore.Broker) {
	address, ok := addressOf(b, s.listener)
	old := s.brokers[b.ID]
	same := old != nil && old.epoch == b.Epoch
	if same && ok && old.address == address {
		return
	}
	unsent := s.end(b.ID)
	if !ok {
		s.log.Error("controller: broker has no endpoint for the listener between brokers", "broker", b.ID, "listener", s.listener)
		return
	}
	ctx, cancel := context.WithCancel(s.ctx)
	to := &sender{broker: b.ID, epoch: b.Epoch, address: address, link: s.dial(address), cancel: cancel, wake: make(chan struct{}, 1)}
	if same && len(unsent) > 0 {
		to.queue = unsent
		to.wake <- struct{}{}
	}
	s.brokers[b.ID] = to
	s.running.Go(func() { to.run(ctx, s.log) })
	s.lookAfter(ctx, b, address)
}

func (s *senders) close(broker int32) { s.end(broker) }

// end ends the sending to a broker and gives what was not sent, or not answered.
func (s *senders) end(broker int32) (unsent []outgoing) {
	to := s.brokers[broker]
	if to == nil {
		return nil
	}
	delete(s.brokers, broker)
	to.mu.Lock()
	defer to.mu.Unlock()
	to.cancel()
	return to.queue
}

func (s *senders) closeAll() {
	for broker := range s.brokers {
		s.close(broker)
	}
	s.running.Wait()
}

func (s *senders) send(broker int32, req kmsg.Request, done func(kmsg.Response)) {
	to := s.brokers[broker]
	if to == nil {
		return
	}
	to.mu.Lock()
	to.queue = append(to.queue, outgoing{req, done})
	to.mu.Unlock()
	select {
	case to.wake <- struct{}{}:
	default:
	}
}

func (s *sender) run(ctx context.Context, log *slog.Logger) {
	defer s.link.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		for next, ok := s.first(); ok; next, ok = s.first() {
			if !s.deliver(ctx, next, log) {
				return
			}
		}
	}
}

func (s *sender) first() (next outgoing, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return outgoing{}, false
	}
	return s.queue[0], true
}

// answered takes the first one from the queue; false where the sending has ended before.
func (s *sender) answered(ctx context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	s.queue[0] = outgoing{}
	s.queue = s.queue[1:]
	return true
}

func (s *sender) deliver(ctx context.Context, out outgoing, log *slog.Logger) bool {
	told := false
	for {
		resp, err := s.link.Do(ctx, out.req)
		if ctx.Err() != nil {
			return false
		}
		if err == nil {
			if !s.answered(ctx) {
				return false
			}
			if out.done != nil {
				out.done(resp)
			}
			return true
		}
		if !told {
			log.Warn("controller: broker cannot be reached, trying again", "broker", s.broker,
				"request", kmsg.NameForKey(out.req.Key()), "error", err)
			told = true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(resendDelay):
		}
	}
}
