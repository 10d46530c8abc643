package server

import (
	"fmt"
	"sync"

	"milena/internal/config"
)

// quota counts connections against max.connections, max.connections.per.ip and its overrides. As with Kafka, a connection beyond the first
// limit waits to be taken in, and one beyond the second is refused.
type quota struct {
	config    *config.Live
	mu        sync.Mutex
	changed   sync.Cond
	total     int
	byAddress map[string]int
	closed    bool
}

func newQuota(live *config.Live) *quota {
	q := &quota{config: live, byAddress: map[string]int{}}
	q.changed.L = &q.mu
	live.OnChange(func(_, _ *config.Broker) { q.changed.Broadcast() })
	return q
}

// enter counts a connection, waiting for a free place unless it is protected.
func (q *quota) enter(address string, protected bool) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	cfg := q.config.Broker()
	most, ok := cfg.MaxConnectionsPerIPOverrides[address]
	if !ok {
		most = cfg.MaxConnectionsPerIP
	}
	if q.byAddress[address] >= most {
		return fmt.Errorf("%d connections from there are open already (max.connections.per.ip)", q.byAddress[address])
	}
	for !protected && !q.closed && q.total >= q.config.Broker().MaxConnections {
		q.changed.Wait()
	}
	if q.closed {
		return errStopped
	}
	q.total++
	q.byAddress[address]++
	return nil
}

func (q *quota) leave(address string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.total--
	if q.byAddress[address]--; q.byAddress[address] <= 0 {
		delete(q.byAddress, address)
	}
	q.changed.Signal()
}

func (q *quota) full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.total >= q.config.Broker().MaxConnections
}

func (q *quota) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
}
