package etcdcoord

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/types"
)

// mortal is a listener whose connections end with it, as the kernel ends those of a killed process.
type mortal struct {
	net.Listener
	mu       sync.Mutex
	dead     bool
	accepted []net.Conn
}

func (m *mortal) Accept() (net.Conn, error) {
	conn, err := m.Listener.Accept()
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	m.accepted = append(m.accepted, conn)
	return conn, nil
}

func (m *mortal) die() {
	_ = m.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
	for _, conn := range m.accepted {
		_ = conn.Close()
	}
}

// kill ends a member as a killed process ends: it hands nothing over.
func (q *quorumOf) kill(i int) {
	q.options[i].Quorum.Listener.(*mortal).die()
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
		quorum := q.options[i].Quorum
		quorum.electionMs = uint(missedAfter.Milliseconds())
		quorum.Listener = &mortal{Listener: quorum.Listener}
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
