package etcdcoord

import (
	"context"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
)

// kill ends a member as a killed process ends: it hands nothing over.
func (q *quorumOf) kill(i int) {
	e := q.running[i]
	q.running[i] = nil
	e.closing.Do(func() {
		e.front.close()
		e.etcd.Server.HardStop()
		e.etcd.Close()
	})
	_ = e.Store.Close()
}

// TestSuccession: two of three know that the third, which led, is gone, and one of them leads long before it would have been missed.
func TestSuccession(t *testing.T) {
	const missedAfter = 10 * time.Second
	q := newQuorum(t, 3)
	for i := range q.options {
		q.options[i].Quorum.electionMs = uint(missedAfter.Milliseconds())
	}
	q.start(0, 1, 2)
	leads := func(e *Embedded) types.ID { return e.etcd.Server.Leader() }
	former := 0
	for q.running[former].etcd.Server.MemberID() != leads(q.running[former]) {
		former++
	}
	id := leads(q.running[former])
	ctx, cancel := context.WithTimeout(context.Background(), missedAfter)
	defer cancel()
	q.kill(former)
	for _, e := range q.running {
		if e == nil {
			continue
		}
		for changed := e.etcd.Server.LeaderChangedNotify(); leads(e) == id || leads(e) == 0; changed = e.etcd.Server.LeaderChangedNotify() {
			select {
			case <-changed:
			case <-time.After(10 * time.Millisecond): // it changed before it was asked
			case <-ctx.Done():
				t.Fatal("nobody leads")
			}
		}
	}
}
