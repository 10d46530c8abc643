package group

import (
	"cmp"
	"slices"
	"strings"

	"milena/internal/coordinator"
	"milena/internal/groupmsg"
	"milena/internal/metadata"
)

// offset is a committed offset. There may be millions of them: what is rare stands behind pointers, what is repeated is shared.
type offset struct {
	offset      int64
	logOffset   int64 // of its record: of two commits the later one holds, whenever their transactions end
	commitMs    int64
	details     *offsetDetails // nil: none
	topic       *topicIdentity // whose offset it is
	partition   int32
	leaderEpoch int32
}

// offsetDetails are what most commits do not have.
type offsetDetails struct {
	metadata string
	expireMs int64 // of a retention that the client asked for (before Kafka 2.1); -1 none
}

// topicIdentity is a topic's name and id (zero: not known), once for all offsets that name it.
type topicIdentity struct {
	name string
	id   metadata.TopicID
}

func (o *offset) metadata() string {
	if o.details == nil {
		return ""
	}
	return o.details.metadata
}

// groupOffsets are the offsets of a group: topics by name, and in each partitions by number.
type groupOffsets struct{ topics []topicOffsets }

type topicOffsets struct {
	name       string
	partitions []offset
}

// topic finds a topic's offsets; nil where there are none. The pointer holds until offsets are put or removed.
func (g *groupOffsets) topic(name string) *topicOffsets {
	if g == nil {
		return nil
	}
	if i, ok := g.find(name); ok {
		return &g.topics[i]
	}
	return nil
}

func (g *groupOffsets) find(name string) (int, bool) {
	return slices.BinarySearchFunc(g.topics, name, func(t topicOffsets, name string) int { return strings.Compare(t.name, name) })
}

// partition finds an offset; nil where there is none. The pointer holds until offsets are put or removed.
func (t *topicOffsets) partition(number int32) *offset {
	if t == nil {
		return nil
	}
	if i, ok := t.find(number); ok {
		return &t.partitions[i]
	}
	return nil
}

func (t *topicOffsets) find(number int32) (int, bool) {
	// Partitions without a gap stand at their number, and those loaded in order come at the end.
	if n := len(t.partitions); int(number) < n && number >= 0 && t.partitions[number].partition == number {
		return int(number), true
	} else if n == 0 || t.partitions[n-1].partition < number {
		return n, false
	}
	return slices.BinarySearchFunc(t.partitions, number, func(o offset, number int32) int { return cmp.Compare(o.partition, number) })
}

// put adds or replaces an offset.
func (g *groupOffsets) put(o *offset) {
	i, ok := g.find(o.topic.name)
	if !ok {
		g.topics = slices.Insert(g.topics, i, topicOffsets{name: o.topic.name})
	}
	t := &g.topics[i]
	if i, ok := t.find(o.partition); ok {
		t.partitions[i] = *o
	} else {
		t.partitions = slices.Insert(t.partitions, i, *o)
	}
}

// remove forgets an offset.
func (g *groupOffsets) remove(topic string, partition int32) {
	i, ok := g.find(topic)
	if !ok {
		return
	}
	t := &g.topics[i]
	if at, ok := t.find(partition); ok {
		t.partitions = slices.Delete(t.partitions, at, at+1)
	}
	if len(t.partitions) == 0 {
		g.topics = slices.Delete(g.topics, i, i+1)
	}
}

// offsetStore is the committed offsets of a partition's groups, and those of transactions that have not ended.
type offsetStore struct {
	groups map[string]*groupOffsets
	topics map[topicIdentity]*topicIdentity
	// pending are the offsets of open transactions by producer id, and by group. open are the producers of each group.
	pending map[int64]map[string]*groupOffsets
	open    map[string]map[int64]struct{}
}

func (s *offsetStore) init() {
	s.groups = map[string]*groupOffsets{}
	s.topics = map[topicIdentity]*topicIdentity{}
	s.pending = map[int64]map[string]*groupOffsets{}
	s.open = map[string]map[int64]struct{}{}
}

// identity finds or makes the shared name and id of a topic. What no offset names any more stays: as many as there ever were topics.
func (s *offsetStore) identity(name []byte, id metadata.TopicID) *topicIdentity {
	if t := s.topics[topicIdentity{string(name), id}]; t != nil {
		return t
	}
	t := &topicIdentity{string(name), id}
	s.topics[*t] = t
	return t
}

// unstable tells whether a transaction that has not ended has an offset for the partition.
func (s *offsetStore) unstable(group, topic string, partition int32) bool {
	for producer := range s.open[group] {
		if s.pending[producer][group].topic(topic).partition(partition) != nil {
			return true
		}
	}
	return false
}

// replayOffset applies a commit or its tombstone.
func (m *machine) replayOffset(r *coordinator.Replayed) error {
	var rec groupmsg.OffsetRecord
	if err := rec.Read(r.Key, r.Value); err != nil {
		return err
	}
	if rec.Tombstone {
		m.offsets.remove(&rec)
		return nil
	}
	o := offset{
		offset: rec.Offset, logOffset: r.Offset, commitMs: rec.CommitTimestampMs, partition: rec.Partition, leaderEpoch: rec.LeaderEpoch,
		topic: m.offsets.identity(rec.Topic, rec.TopicID),
	}
	if len(rec.Metadata) > 0 || rec.ExpireTimestampMs >= 0 {
		o.details = &offsetDetails{metadata: string(rec.Metadata), expireMs: rec.ExpireTimestampMs}
	}
	if r.ProducerID >= 0 {
		m.offsets.putPending(r.ProducerID, string(rec.Group), &o)
	} else {
		m.offsets.of(rec.Group).put(&o)
	}
	if m.live {
		m.ensureGroup(rec.Group)
	}
	return nil
}

// of finds or makes a group's offsets.
func (s *offsetStore) of(group []byte) *groupOffsets {
	g := s.groups[string(group)]
	if g == nil {
		g = &groupOffsets{}
		s.groups[string(group)] = g
	}
	return g
}

// remove forgets an offset, also in transactions that have not ended.
func (s *offsetStore) remove(rec *groupmsg.OffsetRecord) {
	if g := s.groups[string(rec.Group)]; g != nil {
		g.remove(string(rec.Topic), rec.Partition)
		if len(g.topics) == 0 {
			delete(s.groups, string(rec.Group))
		}
	}
	for producer := range s.open[string(rec.Group)] {
		if g := s.pending[producer][string(rec.Group)]; g != nil {
			g.remove(string(rec.Topic), rec.Partition)
		}
	}
}

func (s *offsetStore) putPending(producer int64, group string, o *offset) {
	groups := s.pending[producer]
	if groups == nil {
		groups = map[string]*groupOffsets{}
		s.pending[producer] = groups
	}
	if groups[group] == nil {
		groups[group] = &groupOffsets{}
	}
	groups[group].put(o)
	if s.open[group] == nil {
		s.open[group] = map[int64]struct{}{}
	}
	s.open[group][producer] = struct{}{}
}

// endTransaction applies or forgets the offsets of a producer's transaction. A commit that was written later than the transaction's
// holds over it.
func (m *machine) endTransaction(producer int64, committed bool) {
	s := &m.offsets
	for id, of := range s.pending[producer] {
		if delete(s.open[id], producer); len(s.open[id]) == 0 {
			delete(s.open, id)
		}
		if !committed {
			continue
		}
		for t := range of.topics {
			for i := range of.topics[t].partitions {
				o := &of.topics[t].partitions[i]
				if now := s.groups[id].topic(o.topic.name).partition(o.partition); now == nil || now.logOffset < o.logOffset {
					s.of([]byte(id)).put(o)
				}
			}
		}
	}
	delete(s.pending, producer)
}

// ensureGroup makes the group of an offset whose client has no membership.
func (m *machine) ensureGroup(id []byte) {
	if m.groups[string(id)] == nil {
		g := newClassicGroup(m, string(id))
		m.groups[g.id] = g
	}
}

// offsetsLoaded makes the groups that only have offsets, and has retention begin.
func (m *machine) offsetsLoaded() {
	for id := range m.offsets.groups {
		m.ensureGroup([]byte(id))
	}
	for id := range m.offsets.open {
		m.ensureGroup([]byte(id))
	}
	m.scheduleExpiry()
}
