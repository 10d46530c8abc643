package cli

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// oneBatch is a client that sends what it was given since the last flush as one batch, and a broker that takes 10 bytes of it.
type oneBatch struct {
	mu    sync.Mutex // guards what follows
	batch []*kgo.Record
	done  []func(*kgo.Record, error)
	taken []string
}

func (c *oneBatch) Produce(_ context.Context, r *kgo.Record, done func(*kgo.Record, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.batch, c.done = append(c.batch, r), append(c.done, done)
}

func (c *oneBatch) Flush(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	size := 0
	for _, r := range c.batch {
		size += len(r.Value)
	}
	var err error
	if size > 10 {
		err = kerr.MessageTooLarge
	}
	for i, r := range c.batch {
		if err == nil {
			c.taken = append(c.taken, string(r.Value))
		}
		c.done[i](r, err)
	}
	c.batch, c.done = nil, nil
	return nil
}

func (c *oneBatch) ProduceSync(ctx context.Context, records ...*kgo.Record) kgo.ProduceResults {
	var results kgo.ProduceResults
	for _, r := range records {
		c.Produce(ctx, r, func(r *kgo.Record, err error) { results = append(results, kgo.ProduceResult{Record: r, Err: err}) })
	}
	_ = c.Flush(ctx)
	return results
}

// TestOnlyWhatIsTooLargeIsLost: a record that the topic does not take does not take its neighbours in the batch along.
func TestOnlyWhatIsTooLargeIsLost(t *testing.T) {
	client := &oneBatch{}
	var failed []string
	sender := &recordSender{client: client, failed: func(r *kgo.Record, err error) {
		failed = append(failed, fmt.Sprint(string(r.Value), err == kerr.MessageTooLarge))
	}}
	for _, value := range []string{"one", "much too large", "two"} {
		sender.send(t.Context(), kgo.StringRecord(value))
	}
	if err := sender.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(client.taken, []string{"one", "two"}) || !slices.Equal(failed, []string{"much too largetrue"}) {
		t.Error(client.taken, failed)
	}
	sender.send(t.Context(), kgo.StringRecord("three"))
	if err := sender.flush(t.Context()); err != nil || !slices.Equal(client.taken, []string{"one", "two", "three"}) || len(failed) != 1 {
		t.Error(err, client.taken, failed)
	}
}
