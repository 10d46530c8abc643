package replica

import (
	"errors"
	"time"

	"milena/internal/logdir"
	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// session is what the leader remembers of a fetcher's requests (KIP-227).
type session struct {
	id      int32 // 0: none
	epoch   int32 // of the next request; 0: it names all partitions and makes a session, in the place of id's
	byName  bool  // of topics: not every topic's id is known
	members map[logdir.TopicPartition]*followed
	names   map[metadata.TopicID]string
	lookAt  time.Time // when all partitions are looked at
}

// restart has the next request name all partitions.
func (s *session) restart() { s.epoch = 0 }

// lookEvery is how often all partitions are looked at: retention may move the start of a follower's log, of which nobody tells.
const lookEvery = 5 * time.Second

// Versions of the request: by topic ids where all are known, with the broker's epoch (KIP-903); by names else (Kafka 2.7 and later).
const (
	fetchByID   = 16
	fetchByName = 12
)

// request brings the session up to date with where the partitions are, and makes the request that says so. nil: there is nothing to fetch
// before next.
func (f *fetcher) request(now time.Time) (req *kmsg.FetchRequest, next time.Time) {
	s := &f.session
	if !now.Before(s.lookAt) {
		f.mu.Lock()
		f.lookAtAll = true
		f.mu.Unlock()
		s.lookAt = now.Add(lookEvery)
		s.tidy()
	}
	looked, gone := f.collect(now)
	if s.epoch > 0 && !s.byName {
		for _, p := range looked {
			if p.log.TopicID() == (metadata.TopicID{}) {
				s.restart()
				looked, gone = f.collect(now)
				break
			}
		}
	}
	if s.epoch == 0 {
		s.begin(looked)
		gone = nil
	}
	b := f.newRequest()
	for _, p := range looked {
		f.place(b, p, now)
	}
	for _, p := range gone {
		if s.members[p.tp] == p {
			b.forget(p)
		}
	}
	next = f.nextLater(now)
	if len(s.members) == 0 {
		s.restart()
		return nil, next
	}
	due := next.Sub(now) + time.Millisecond - 1 // up to the next millisecond
	b.req.MaxWaitMillis = int32(min(int64(b.req.MaxWaitMillis), due.Milliseconds()))
	return b.req, time.Time{}
}

// tidy drops the names of topics that are not fetched any more, and has a session by names begin anew: all ids may be known meanwhile.
func (s *session) tidy() {
	if s.byName {
		s.restart()
	}
	clear(s.names)
	for tp, p := range s.members {
		s.names[p.id] = tp.Topic
	}
}

// collect takes the partitions that are to be looked at, and those that are gone.
func (f *fetcher) collect(now time.Time) (looked, gone []*followed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.lookAtAll || f.session.epoch == 0 || f.replicas.throttles.follower.Limited()
	kept := f.later[:0]
	for _, p := range f.later {
		switch {
		case f.followed[p.tp] != p:
		case all || !p.notBefore.After(now):
			f.markLocked(p)
		default:
			kept = append(kept, p)
		}
	}
	clear(f.later[len(kept):])
	f.later = kept
	if all {
		for _, p := range f.followed {
			f.markLocked(p)
		}
	}
	looked, gone = f.dirty, f.gone
	f.dirty, f.gone, f.lookAtAll = nil, nil, false
	for _, p := range looked {
		p.dirty = false
	}
	return looked, gone
}

// begin starts a session of those partitions.
func (s *session) begin(all []*followed) {
	s.members, s.names = make(map[logdir.TopicPartition]*followed, len(all)), map[metadata.TopicID]string{}
	s.byName = false
	for _, p := range all {
		p.inSession = false
		s.byName = s.byName || p.log.TopicID() == metadata.TopicID{}
	}
}

// nextLater is when the first of those that wait is due.
func (f *fetcher) nextLater(now time.Time) time.Time {
	next := now.Add(time.Hour)
	for _, p := range f.later {
		if p.notBefore.Before(next) {
			next = p.notBefore
		}
	}
	return next
}

// place has a partition in the session where it is to be fetched now, and out of it where it is not.
func (f *fetcher) place(b *fetchBuilder, p *followed, now time.Time) {
	f.mu.Lock()
	current := f.followed[p.tp] == p
	f.mu.Unlock()
	if !current {
		return // it is among the gone
	}
	if f.replicas.holdsBack(p) {
		p.notBefore, p.throttled = f.replicas.throttles.follower.ClearAt(), true
	} else if p.throttled {
		p.notBefore, p.throttled = time.Time{}, false
	}
	if p.notBefore.After(now) {
		f.later = append(f.later, p)
		b.forget(p)
		return
	}
	position, err := p.part.FetchPosition(p.leaderEpoch)
	if err != nil {
		f.settle(p, err)
		if p.notBefore.After(now) {
			f.later = append(f.later, p)
		}
		b.forget(p)
		return
	}
	if !p.inSession || position != p.sent {
		p.sent = position
		b.want(p)
	}
}

// topicKey is a topic in a request.
type topicKey struct {
	name string
	id   metadata.TopicID
}

// fetchBuilder makes one request and keeps the session's members with it.
type fetchBuilder struct {
	session  *session
	req      *kmsg.FetchRequest
	maxBytes int32 // of a partition
	topics   map[topicKey]int
}

func (f *fetcher) newRequest() *fetchBuilder {
	options, s := &f.replicas.options, &f.session
	cfg := options.Config.Broker()
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = cfg.ReplicaFetchWaitMaxMs, cfg.ReplicaFetchMinBytes, cfg.ReplicaFetchResponseMaxBytes
	req.SessionID, req.SessionEpoch = s.id, s.epoch
	if s.byName {
		req.Version, req.ReplicaID = fetchByName, options.BrokerID
	} else {
		req.Version = fetchByID
		req.ReplicaState.ID, req.ReplicaState.Epoch = options.BrokerID, options.Cluster.BrokerEpoch()
	}
	return &fetchBuilder{session: s, req: req, maxBytes: cfg.ReplicaFetchMaxBytes}
}

// want names a partition.
func (b *fetchBuilder) want(p *followed) {
	s := b.session
	if old := s.members[p.tp]; old != nil && old != p && old.id != p.log.TopicID() && !s.byName {
		b.forget(old) // its topic's deleted namesake
	}
	p.id = p.log.TopicID()
	s.members[p.tp], s.names[p.id], p.inSession = p, p.tp.Topic, true
	if b.topics == nil {
		b.topics = map[topicKey]int{}
	}
	at, ok := b.topics[topicKey{p.tp.Topic, p.id}]
	if !ok {
		at = len(b.req.Topics)
		b.topics[topicKey{p.tp.Topic, p.id}] = at
		topic := kmsg.NewFetchRequestTopic()
		topic.Topic, topic.TopicID = p.tp.Topic, p.id
		b.req.Topics = append(b.req.Topics, topic)
	}
	one := kmsg.NewFetchRequestTopicPartition()
	one.Partition, one.CurrentLeaderEpoch, one.FetchOffset = p.tp.Partition, p.leaderEpoch, p.sent.Offset
	one.LastFetchedEpoch, one.LogStartOffset, one.PartitionMaxBytes = p.sent.LastEpoch, p.sent.LogStartOffset, b.maxBytes
	b.req.Topics[at].Partitions = append(b.req.Topics[at].Partitions, one)
}

// forget has the session without a partition, if it is there.
func (b *fetchBuilder) forget(p *followed) {
	if !p.inSession || b.session.members[p.tp] != p {
		return
	}
	p.inSession = false
	delete(b.session.members, p.tp)
	topic := kmsg.NewFetchRequestForgottenTopic()
	topic.Topic, topic.TopicID, topic.Partitions = p.tp.Topic, p.id, []int32{p.tp.Partition}
	if n := len(b.req.ForgottenTopics); n > 0 && b.req.ForgottenTopics[n-1].Topic == topic.Topic && b.req.ForgottenTopics[n-1].TopicID == p.id {
		last := &b.req.ForgottenTopics[n-1]
		last.Partitions = append(last.Partitions, p.tp.Partition)
		return
	}
	b.req.ForgottenTopics = append(b.req.ForgottenTopics, topic)
}

// errSessionLost: the leader does not have the session that a request was for.
var errSessionLost = errors.New("replica: the leader has not got the fetch session")

// answered takes the session's part of a reply.
func (s *session) answered(resp *kmsg.FetchResponse) error {
	err := codeError(resp.ErrorCode)
	switch {
	case errors.Is(err, kerr.FetchSessionIDNotFound), errors.Is(err, kerr.FetchSessionTopicIDError):
		*s = session{lookAt: s.lookAt}
		return errors.Join(errSessionLost, err)
	case errors.Is(err, kerr.InvalidFetchSessionEpoch), errors.Is(err, kerr.InconsistentTopicID), errors.Is(err, kerr.UnknownTopicID):
		s.restart() // another one in its place
		return errors.Join(errSessionLost, err)
	case err != nil:
		return err
	case s.epoch > 0 && resp.SessionID != s.id, resp.SessionID == 0:
		s.id, s.epoch = 0, 0 // the leader has no room for one
		return nil
	}
	s.id = resp.SessionID
	if s.epoch++; s.epoch < 0 {
		s.epoch = 1
	}
	return nil
}
