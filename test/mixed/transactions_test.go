//go:build mixed

package mixed

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const committed, aborted, open = "committed", "aborted", "open"

// transactions writes into a topic that Kafka leads, in transactions that Kafka coordinates; Milena follows, takes over while one of them is
// open, and gives the topic back.
func (p *pair) transactions(controller int) string {
	p.t.Helper()
	topic := fmt.Sprintf("tx-%d", controller)
	p.create(topic, nil, []int32{kafkas, milenas})
	p.elect("__transaction_state")
	p.leads("__transaction_state", 0, kafkas)
	producer := p.client(kgo.TransactionalID(topic), kgo.TransactionTimeout(10*time.Second))
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	for _, end := range []string{committed, aborted, committed, open} {
		must(p.t, producer.BeginTransaction())
		for range 3 {
			must(p.t, producer.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(end)}).FirstErr())
		}
		if end != open {
			must(p.t, producer.EndTransaction(ctx, kgo.TransactionEndTry(end == committed)))
		}
	}
	p.isr([]string{topic}, kafkas, milenas)
	p.holds(topic, committed, committed)
	p.kill(kafkas)
	p.leads(topic, 0, milenas)
	p.holds(topic, committed, committed)
	if n := len(p.read(topic, 0, kgo.ReadUncommitted())); n != 12 {
		p.t.Errorf("%s: Milena serves %d records", topic, n)
	}
	p.start(kafkas)
	p.control(controller)
	p.isr([]string{topic, "__transaction_state"}, kafkas, milenas)
	p.elect("__transaction_state", topic)
	p.leads(topic, 0, kafkas)
	p.leads("__transaction_state", 0, kafkas)
	await(p.t, "end of the transaction that was left open", func() bool {
		all := p.ends(topic, 0, kgo.ReadUncommitted())
		return all > 15 && p.ends(topic, 0, kgo.ReadCommitted()) == all // a marker of its own
	})
	return topic
}

// holds compares what a reader of committed records gets.
func (p *pair) holds(topic string, want ...string) {
	p.t.Helper()
	var got []string
	for i, r := range p.read(topic, 0, kgo.ReadCommitted()) {
		if i%3 == 0 {
			got = append(got, string(r.Value))
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		p.t.Errorf("%s: read_committed gives %v, want %v", topic, got, want)
	}
}
