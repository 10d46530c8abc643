package server

import (
	"fmt"
	"sync"

	"milena/internal/config"
)

// quota counts connections against max.connections, what the process can have, and max.connections.per.ip with its overrides. As with Kafka, a
// connection beyond the first limits waits to be taken in, and one beyond the last is refused.
type quota struct {
	config    *config.Live
	fits      func(connections int) bool
	mu        sync.Mutex
	changed   sync.Cond
	total     int
	byAddress map[string]int
	closed    bool
}

func newQuota(live *config.Live, fits func(int) bool) *quota {
	q := &quota{config: live, fits: fits, byAddress: map[string]int{}}
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
	for !protected && !q.closed && q.fullLocked() != "" {
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
	q.fits(q.total)
	if q.byAddress[address]--; q.byAddress[address] <= 0 {
		delete(q.byAddress, address)
	}
	q.changed.Signal()
}

// full names the limit that keeps another connection out, "" for none.
func (q *quota) full() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.fullLocked()
}

func (q *quota) fullLocked() string {
	switch {
	case q.total >= q.config.Broker().MaxConnections:
		return fmt.Sprintf("%d are open (max.connections)", q.total)
	case !q.fits(q.total + 1):
		return fmt.Sprintf("%d are open, and this process may not have more files open (ulimit -n, LimitNOFILE)", q.total)
	}
	return ""
}

func (q *quota) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
}
