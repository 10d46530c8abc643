package server

import "time"

// The idle scan looks at every connection a few times in connections.max.idle.ms: one timer for all of them.
const (
	leastScanInterval = 100 * time.Millisecond
	mostScanInterval  = 5 * time.Second
)

// watchIdle closes connections that have been silent, or whose client has not read its replies, for connections.max.idle.ms.
// It also moves the coarse clock by which connections note their last use.
func (s *Server) watchIdle() {
	for {
		idleMs := s.opts.Config.Broker().ConnectionsMaxIdleMs
		interval := mostScanInterval
		if idleMs > 0 {
			interval = min(max(time.Duration(idleMs)*time.Millisecond/10, leastScanInterval), mostScanInterval)
		}
		if !s.pause(interval) {
			return
		}
		nowMs := time.Now().UnixMilli()
		s.tick.Store(nowMs)
		if idleMs <= 0 {
			continue
		}
		for _, c := range s.snapshot() {
			// In this order: an answer notes the use before it ends the wait.
			if !c.waiting() && nowMs-c.lastUsedMs.Load() > idleMs {
				c.listener.metrics.Idle.Inc()
				c.close(errIdle)
			}
		}
	}
}

func (s *Server) snapshot() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	return conns
}

// closeIdlest makes room for a connection of listener l by closing the longest unused one of the others.
func (s *Server) closeIdlest(l *listener) {
	var idlest *conn
	for _, c := range s.snapshot() {
		if c.listener != l && (idlest == nil || c.lastUsedMs.Load() < idlest.lastUsedMs.Load()) {
			idlest = c
		}
	}
	if idlest != nil {
		idlest.close(errIdle)
	}
}
