package zkcoord

import (
	"math/rand/v2"
	"sync"
)

// hosts gives the client one server after the other, from a random one on. Names are looked up at each attempt: a member may come up, or
// move, later.
type hosts struct {
	mu      sync.Mutex
	servers []string
	next    int
	tried   int // since the last one that answered
}

func newHosts(servers []string) *hosts {
	h := &hosts{servers: append([]string{}, servers...)}
	rand.Shuffle(len(h.servers), func(i, j int) { h.servers[i], h.servers[j] = h.servers[j], h.servers[i] })
	return h
}

// Init is part of zk.HostProvider.
func (h *hosts) Init([]string) error { return nil }

// Len is part of zk.HostProvider.
func (h *hosts) Len() int { return len(h.servers) }

// Next is part of zk.HostProvider: the client pauses for a second where pause says that all have been tried.
func (h *hosts) Next() (server string, pause bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	server = h.servers[h.next]
	h.next = (h.next + 1) % len(h.servers)
	pause = h.tried > 0 && h.tried%len(h.servers) == 0
	h.tried++
	return server, pause
}

// Connected is part of zk.HostProvider.
func (h *hosts) Connected() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tried = 0
}
