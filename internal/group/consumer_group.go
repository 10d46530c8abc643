package group

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"milena/internal/coordinator"
	"milena/internal/group/assign"
	"milena/internal/groupmsg"
	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kerr"
)

// partitionOf is one partition of a topic.
type partitionOf struct {
	topic     metadata.TopicID
	partition int32
}

// consumerGroup is a group whose members heartbeat by ConsumerGroupHeartbeat (KIP-848); some may still speak the classic protocol. All
// but the soft state is what its records say: handlers return records, and change nothing.
type consumerGroup struct {
	m  *machine
	id string

	epoch           int32 // is raised by whatever asks for a new assignment
	metadataHash    int64
	assignmentEpoch int32 // the group epoch that targets is for
	assignmentMs    int64 // when it was computed; 0 unknown
	members         map[string]*consumerMember
	static          map[string]string // instance id: member id
	targets         map[string]assign.Partitions
	regexUses       map[string]int         // expressions that members are subscribed by, and by how many
	owners          map[partitionOf]string // member ids; of what members are assigned or have yet to give back
	regexes         map[string]*groupmsg.ConsumerGroupRegularExpressionValue
	oldMetadata     bool // there is a record of Kafka 4.0's about its topics, to be removed

	// Soft state.
	refreshAtMs    int64           // when the subscribed topics are to be looked at again; 0: at the next heartbeat
	refreshedEpoch int32           // the group epoch that this led to; the group is not there yet when that could not be written
	resolving      bool            // regular expressions are being resolved
	joinDue        map[string]bool // classic members that are to join again: their timer runs
	subscribed     map[string]struct{}
	story          consumerStory
}

func newConsumerGroup(m *machine, id string) *consumerGroup {
	return &consumerGroup{
		m: m, id: id, epoch: 1, assignmentEpoch: 1,
		members: map[string]*consumerMember{}, static: map[string]string{}, targets: map[string]assign.Partitions{},
		regexUses: map[string]int{}, owners: map[partitionOf]string{}, regexes: map[string]*groupmsg.ConsumerGroupRegularExpressionValue{},
	}
}

func (g *consumerGroup) kind() string             { return "consumer" }
func (g *consumerGroup) protocolType() string     { return consumerProtocolType }
func (g *consumerGroup) hasMember(id string) bool { return g.members[id] != nil }
func (g *consumerGroup) empty() bool              { return len(g.members) == 0 }

func (g *consumerGroup) state() string {
	switch {
	case len(g.members) == 0:
		return "Empty"
	case g.epoch > g.assignmentEpoch:
		return "Assigning"
	}
	for _, m := range g.members {
		if !m.reconciledTo(g.assignmentEpoch) {
			return "Reconciling"
		}
	}
	return "Stable"
}

// put takes a member in, or a changed one in the place of itself.
func (g *consumerGroup) put(m *consumerMember) {
	if old := g.members[m.id]; old != nil {
		g.disown(old)
		g.countRegex(old, -1)
	}
	g.members[m.id] = m
	g.countRegex(m, 1)
	for _, o := range []owned{m.assigned, m.revoking} {
		for topic, partitions := range o {
			for p := range partitions {
				g.owners[partitionOf{topic, p}] = m.id
			}
		}
	}
	if m.instanceID != nil {
		g.static[*m.instanceID] = m.id
	}
	g.subscribed = nil
}

func (g *consumerGroup) countRegex(m *consumerMember, by int) {
	if m.regex == "" {
		return
	}
	if g.regexUses[m.regex] += by; g.regexUses[m.regex] == 0 {
		delete(g.regexUses, m.regex)
	}
}

func (g *consumerGroup) disown(m *consumerMember) {
	for _, o := range []owned{m.assigned, m.revoking} {
		for topic, partitions := range o {
			for p := range partitions {
				if at := (partitionOf{topic, p}); g.owners[at] == m.id {
					delete(g.owners, at)
				}
			}
		}
	}
}

func (g *consumerGroup) remove(m *consumerMember) {
	g.disown(m)
	g.countRegex(m, -1)
	delete(g.members, m.id)
	if m.instanceID != nil && g.static[*m.instanceID] == m.id {
		delete(g.static, *m.instanceID)
	}
	g.subscribed = nil
}

// staticMember is the member that holds an instance id, or nil.
func (g *consumerGroup) staticMember(instanceID string) *consumerMember {
	return g.members[g.static[instanceID]]
}

func (g *consumerGroup) subscribedTo(topic string) bool {
	if g.subscribed == nil {
		g.subscribed = map[string]struct{}{}
		for _, name := range g.topicsOf(g.with(nil)) {
			g.subscribed[name] = struct{}{}
		}
	}
	_, ok := g.subscribed[topic]
	return ok
}

// refused is one of kerr's errors with Kafka's text for it.
type refused struct {
	err  *kerr.Error
	text string
}

func (e *refused) Error() string { return e.text }
func (e *refused) Unwrap() error { return e.err }

func refuse(err *kerr.Error, format string, a ...any) error {
	return &refused{err, fmt.Sprintf(format, a...)}
}

func (g *consumerGroup) unknownMember(id string) error {
	return refuse(kerr.UnknownMemberID, "Member %s is not a member of group %s.", id, g.id)
}

// checkCommit takes the member's current epoch. An older one is good for partitions that the member has had since then, which
// f.partition checks.
func (g *consumerGroup) checkCommit(f *fence) error {
	if f.epoch < 0 && len(g.members) == 0 {
		return nil
	}
	if f.transactional && f.epoch == -1 && f.memberID == "" && f.instanceID == nil {
		return nil
	}
	m := g.members[f.memberID]
	switch {
	case m == nil:
		return g.unknownMember(f.memberID)
	case !f.transactional && m.classic == nil && f.version < 9:
		return refuse(kerr.UnsupportedVersion, "OffsetCommit version 9 or above must be used by members using the consumer group protocol")
	case f.epoch > m.epoch:
		return m.staleEpoch()
	case f.epoch < m.epoch:
		f.partition = func(topic metadata.TopicID, partition int32) error {
			since, ok := m.assigned[topic][partition]
			if !ok {
				since, ok = m.revoking[topic][partition]
			}
			if !ok || f.epoch < since {
				return m.staleEpoch()
			}
			return nil
		}
	}
	return nil
}

// staleEpoch is how a member hears that its epoch is not the group's for it.
func (m *consumerMember) staleEpoch() error {
	if m.classic != nil {
		return kerr.IllegalGeneration
	}
	return kerr.StaleMemberEpoch
}

func (g *consumerGroup) checkFetch(memberID *string, epoch int32) error {
	if memberID == nil && epoch < 0 {
		return nil
	}
	id := ""
	if memberID != nil {
		id = *memberID
	}
	m := g.members[id]
	switch {
	case m == nil:
		return g.unknownMember(id)
	case m.epoch != epoch:
		return m.staleEpoch()
	}
	return nil
}

func (g *consumerGroup) checkOffsetDelete() error { return nil }

func (g *consumerGroup) checkDelete() error {
	if len(g.members) > 0 {
		return kerr.NonEmptyGroup
	}
	return nil
}

func (g *consumerGroup) tombstones(records []coordinator.Record) []coordinator.Record {
	return g.tombstonesFor(records, slices.Sorted(maps.Keys(g.members)))
}

// tombstonesFor removes the group with these members: those of the log, which are not those of the group where one is just replaced.
func (g *consumerGroup) tombstonesFor(records []coordinator.Record, members []string) []coordinator.Record {
	of := func(t groupmsg.Type) {
		for _, id := range members {
			records = append(records, recordOf(memberKey(t, g.id, id), nil))
		}
	}
	of(groupmsg.ConsumerGroupCurrentMemberAssignment)
	of(groupmsg.ConsumerGroupTargetAssignmentMember)
	records = append(records, recordOf(groupmsg.Key{Type: groupmsg.ConsumerGroupTargetAssignmentMetadata, Group: g.id}, nil))
	of(groupmsg.ConsumerGroupMemberMetadata)
	for _, regex := range slices.Sorted(maps.Keys(g.regexes)) {
		records = append(records, regexRecord(g.id, regex, nil))
	}
	return append(records, recordOf(groupmsg.Key{Type: groupmsg.ConsumerGroupPartitionMetadata, Group: g.id}, nil),
		recordOf(groupmsg.Key{Type: groupmsg.ConsumerGroupMetadata, Group: g.id}, nil))
}

// retentionStart is the commit: offsets of topics that a group is subscribed to do not expire, all others do.
func (g *consumerGroup) retentionStart(o *offset) (sinceMs int64, expires bool) {
	return o.commitMs, true
}

func (g *consumerGroup) dropped() {
	for id := range g.members {
		g.cancelTimers(id)
	}
}

// unloaded has nobody to answer: whoever waits for a commit is told by the runtime.
func (g *consumerGroup) unloaded() {}

// with gives the members by their ids as they will be when that member, which may be nil, has joined or changed; of those with its
// instance id it is the only one.
func (g *consumerGroup) with(changed *consumerMember) []*consumerMember {
	members := make([]*consumerMember, 0, len(g.members)+1)
	for _, id := range slices.Sorted(maps.Keys(g.members)) {
		m := g.members[id]
		if changed != nil && (id == changed.id || changed.instanceID != nil && equalPtr(m.instanceID, changed.instanceID)) {
			continue
		}
		members = append(members, m)
	}
	if changed != nil {
		at, _ := slices.BinarySearchFunc(members, changed.id, func(m *consumerMember, id string) int {
			switch {
			case m.id < id:
				return -1
			case m.id > id:
				return 1
			}
			return 0
		})
		members = slices.Insert(members, at, changed)
	}
	return members
}

// refreshDue tells whether the topics that the group is subscribed to must be looked at again.
func (g *consumerGroup) refreshDue() bool {
	return time.Now().UnixMilli() >= g.refreshAtMs || g.epoch < g.refreshedEpoch
}
