package cli

import (
	"context"
	"errors"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// producing is what the sender needs of a client.
type producing interface {
	Produce(context.Context, *kgo.Record, func(*kgo.Record, error))
	ProduceSync(context.Context, ...*kgo.Record) kgo.ProduceResults
	Flush(context.Context) error
}

// recordSender sends records in batches. Of a batch that the broker finds too large each record is sent again by itself, so that only
// what is too large itself is lost: Kafka's producer splits such a batch for the same end.
type recordSender struct {
	client producing
	failed func(*kgo.Record, error) // told of what could not be sent

	sends sync.Mutex // held around each send, and while records are sent alone: no other comes into their batches. Taken before mu
	alone sync.WaitGroup

	mu    sync.Mutex    // guards again
	again []*kgo.Record // to be sent alone
}

// send hands a record to the client.
func (s *recordSender) send(ctx context.Context, record *kgo.Record) {
	s.sends.Lock()
	defer s.sends.Unlock()
	s.client.Produce(ctx, record, func(r *kgo.Record, err error) {
		switch {
		case errors.Is(err, kerr.MessageTooLarge):
			s.sendAgain(ctx, r)
		case err != nil:
			s.failed(r, err)
		}
	})
}

// sendAgain has a record sent alone. The client's callbacks must not wait, so that somebody else does it.
func (s *recordSender) sendAgain(ctx context.Context, record *kgo.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.again = append(s.again, record)
	if len(s.again) == 1 {
		s.alone.Go(func() { s.sendAlone(ctx) })
	}
}

func (s *recordSender) sendAlone(ctx context.Context) {
	s.sends.Lock()
	defer s.sends.Unlock()
	// What is under way comes back first; all of its records that were in too large a batch are in again then.
	_ = s.client.Flush(ctx)
	s.mu.Lock()
	again := s.again
	s.again = nil
	s.mu.Unlock()
	for _, record := range again {
		if err := s.client.ProduceSync(ctx, record).FirstErr(); err != nil {
			s.failed(record, err)
		}
	}
}

// flush returns when every record has been sent, or has failed.
func (s *recordSender) flush(ctx context.Context) error {
	err := s.client.Flush(ctx)
	s.alone.Wait()
	return err
}
