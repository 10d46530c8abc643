package api

import (
	"math"
	"math/rand/v2"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// sessionEvictionMs is how long a session must have lived, or been silent, before another may take its place (Kafka:
// min.incremental.fetch.session.eviction.ms, which has no key in the configuration).
const sessionEvictionMs = 2 * 60 * 1000

// sessionCache holds the fetch sessions of a broker, at most max.incremental.fetch.session.cache.slots of them. mu guards it and them.
type sessionCache struct {
	mu       sync.Mutex
	slots    func() int
	sessions map[int32]*fetchSession
	used     fetchSession // ring by last use: used.newer is the oldest
}

func newSessionCache(slots func() int) *sessionCache {
	c := &sessionCache{slots: slots, sessions: map[int32]*fetchSession{}}
	c.used.older, c.used.newer = &c.used, &c.used
	return c
}

// begin finds the session of an incremental request, checks it and brings it up to date. A nil session with code 0 is a request without a
// session: one that forgot its last partition.
func (c *sessionCache) begin(req *kmsg.FetchRequest, nowMs int64) (*fetchSession, int16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sessions[req.SessionID]
	switch {
	case s == nil:
		return nil, kerr.FetchSessionIDNotFound.Code
	case s.epoch != req.SessionEpoch:
		return nil, kerr.InvalidFetchSessionEpoch.Code
	case s.usesTopicIDs != (req.Version >= 13):
		return nil, kerr.FetchSessionTopicIDError.Code
	}
	s.update(req)
	if len(s.partitions) == 0 {
		c.remove(s)
		return nil, 0
	}
	c.touch(s, nowMs)
	s.epoch = nextSessionEpoch(s.epoch)
	return s, 0
}

// end forgets a session that its client has ended.
func (c *sessionCache) end(id int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.sessions[id]; s != nil {
		c.remove(s)
	}
}

// create keeps a new session if there is room for it or can be made, and gives its id, 0 where not.
func (c *sessionCache) create(s *fetchSession, nowMs int64) int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slots := c.slots(); slots <= 0 || len(c.sessions) >= slots && !c.evict(s.privileged, len(s.partitions), nowMs) {
		return 0
	}
	for s.id == 0 || c.sessions[s.id] != nil {
		s.id = 1 + rand.Int32N(math.MaxInt32)
	}
	s.epoch, s.createdMs = nextSessionEpoch(sessionEpochInitial), nowMs
	c.sessions[s.id] = s
	c.touch(s, nowMs)
	return s.id
}

// touch moves a session to the end of the ring.
func (c *sessionCache) touch(s *fetchSession, nowMs int64) {
	if s.older != nil {
		s.older.newer, s.newer.older = s.newer, s.older
	}
	newest := c.used.older
	s.older, s.newer = newest, &c.used
	newest.newer, c.used.older = s, s
	s.lastUsedMs, s.size = nowMs, len(s.partitions)
}

func (c *sessionCache) remove(s *fetchSession) {
	s.older.newer, s.newer.older = s.newer, s.older
	s.older, s.newer = nil, nil
	delete(c.sessions, s.id)
}

// evict makes room for a session of that size as KIP-227 has it: first the longest silent one, if it has been silent long enough; else the
// smallest of those that may be evicted, if it is not larger than the new one. A client's may always go for a follower's, all others only
// when they have lived long enough.
func (c *sessionCache) evict(privileged bool, size int, nowMs int64) bool {
	oldest := c.used.newer
	if oldest == &c.used {
		return false
	}
	if nowMs-oldest.lastUsedMs > sessionEvictionMs {
		c.remove(oldest)
		return true
	}
	var least *fetchSession
	for s := c.used.newer; s != &c.used; s = s.newer {
		if s.lastUsedMs-s.createdMs <= sessionEvictionMs && (s.privileged || !privileged) {
			continue
		}
		if least == nil || lessSession(s.privileged, s.size, s.id, least) {
			least = s
		}
	}
	if least == nil || lessSession(privileged, size, 0, least) {
		return false
	}
	c.remove(least)
	return true
}

// lessSession orders sessions by how little is lost with them.
func lessSession(privileged bool, size int, id int32, than *fetchSession) bool {
	if privileged != than.privileged {
		return !privileged
	}
	if size != than.size {
		return size < than.size
	}
	return id < than.id
}
