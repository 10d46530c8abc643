package api

import (
	"math"
	"strings"

	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Epochs of a fetch session (KIP-227).
const (
	sessionEpochInitial = 0  // make a session
	sessionEpochFinal   = -1 // no session, or the end of one
)

func nextSessionEpoch(epoch int32) int32 {
	switch {
	case epoch < 0:
		return sessionEpochFinal
	case epoch == math.MaxInt32:
		return 1
	}
	return epoch + 1
}

// fetchKey names a partition in a session: by topic id from v13 on, by name before.
type fetchKey struct {
	topic     string
	id        metadata.TopicID
	partition int32
}

// fetchWant is where a client wants a partition read.
type fetchWant struct {
	offset           int64
	logStartOffset   int64
	leaderEpoch      int32
	lastFetchedEpoch int32
	maxBytes         int32
}

func wantOf(p *kmsg.FetchRequestTopicPartition) fetchWant {
	return fetchWant{
		offset: p.FetchOffset, logStartOffset: p.LogStartOffset, leaderEpoch: p.CurrentLeaderEpoch,
		lastFetchedEpoch: p.LastFetchedEpoch, maxBytes: p.PartitionMaxBytes,
	}
}

// sessionPartition is what a session remembers of a partition: what the client wants, and what it was last told.
type sessionPartition struct {
	key            fetchKey
	want           fetchWant
	highWatermark  int64
	logStartOffset int64
	prev, next     *sessionPartition // order in which partitions are served
}

// fetchSession is one client's session. The cache's lock guards it; a client uses its session with one request at a time, and the epoch
// refuses a second.
type fetchSession struct {
	id, epoch    int32
	privileged   bool // a follower's
	usesTopicIDs bool
	createdMs    int64
	lastUsedMs   int64
	size         int // partitions when it was last used: its weight in eviction
	partitions   map[fetchKey]*sessionPartition
	order        sessionPartition // ring: order.next is served first
	older, newer *fetchSession    // by last use
}

func (s *fetchSession) init() {
	s.partitions = map[fetchKey]*sessionPartition{}
	s.order.prev, s.order.next = &s.order, &s.order
}

// set adds a partition at the end of the order, or changes what is wanted of it. The key's name may alias a request's body.
func (s *fetchSession) set(key fetchKey, want fetchWant) *sessionPartition {
	if p := s.partitions[key]; p != nil {
		p.want = want
		return p
	}
	key.topic = strings.Clone(key.topic)
	p := &sessionPartition{key: key, want: want, highWatermark: -1, logStartOffset: -1}
	s.partitions[key] = p
	s.link(p)
	return p
}

func (s *fetchSession) forget(key fetchKey) {
	if p := s.partitions[key]; p != nil {
		s.unlink(p)
		delete(s.partitions, key)
	}
}

func (s *fetchSession) link(p *sessionPartition) {
	last := s.order.prev
	p.prev, p.next = last, &s.order
	last.next, s.order.prev = p, p
}

func (s *fetchSession) unlink(p *sessionPartition) {
	p.prev.next, p.next.prev = p.next, p.prev
	p.prev, p.next = nil, nil
}

// moveLast has a partition that was served wait until the others have had their turn.
func (s *fetchSession) moveLast(p *sessionPartition) {
	if p.next != nil && s.order.prev != p {
		s.unlink(p)
		s.link(p)
	}
}

// update applies an incremental request.
func (s *fetchSession) update(req *kmsg.FetchRequest) {
	for ti := range req.Topics {
		t := &req.Topics[ti]
		for pi := range t.Partitions {
			p := &t.Partitions[pi]
			s.set(fetchKey{t.Topic, t.TopicID, p.Partition}, wantOf(p))
		}
	}
	for ti := range req.ForgottenTopics {
		t := &req.ForgottenTopics[ti]
		for _, partition := range t.Partitions {
			s.forget(fetchKey{t.Topic, t.TopicID, partition})
		}
	}
}

// told notes what the client is told of a partition, and whether there is anything new to tell.
func (p *sessionPartition) told(highWatermark, logStartOffset int64, errorCode int16, always bool) (respond bool) {
	respond = always || errorCode != 0
	if p.highWatermark != highWatermark {
		p.highWatermark, respond = highWatermark, true
	}
	if p.logStartOffset != logStartOffset {
		p.logStartOffset, respond = logStartOffset, true
	}
	if errorCode != 0 {
		p.highWatermark = -1 // the end of the error is news
	}
	return respond
}
