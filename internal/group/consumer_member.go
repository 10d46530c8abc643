package group

import (
	"bytes"
	"maps"
	"slices"

	"milena/internal/coordinator"
	"milena/internal/group/assign"
	"milena/internal/groupmsg"
	"milena/internal/metadata"
)

// The epochs by which a member tells that it joins or leaves.
const (
	epochJoining       = 0
	epochLeaving       = -1
	epochStaticLeaving = -2 // of a static member that will be back; also the epoch of one that has gone so
)

// owned are partitions with the epochs in which they were assigned. It is not changed once it is a member's.
type owned map[metadata.TopicID]map[int32]int32

// consumerMember is a member of a consumer group. It is not changed; a changed member takes its place.
type consumerMember struct {
	id                   string
	epoch, previousEpoch int32
	state                groupmsg.MemberState
	instanceID, rackID   *string
	rebalanceTimeoutMs   int32
	clientID, clientHost string
	topics               []string // subscribed by name; sorted
	regex                string   // "": none
	regexNull            bool     // there is not even an empty one: so it is in records of others
	assignor             *string
	// assigned is what it may consume, revoking what it has been asked to give back and has not yet: it owns both.
	assigned, revoking owned
	// classic is there for a member that speaks the classic protocol.
	classic *groupmsg.ClassicMemberMetadata
}

func newConsumerMember(id string) *consumerMember {
	return &consumerMember{id: id, previousEpoch: -1, rebalanceTimeoutMs: -1}
}

// reconciledTo tells that the member has all that the target assignment of that epoch gives it.
func (m *consumerMember) reconciledTo(epoch int32) bool {
	return m.state == groupmsg.MemberStable && m.epoch == epoch
}

// sameMetadata compares what a member metadata record says.
func (m *consumerMember) sameMetadata(o *consumerMember) bool {
	return equalPtr(m.instanceID, o.instanceID) && equalPtr(m.rackID, o.rackID) && m.rebalanceTimeoutMs == o.rebalanceTimeoutMs &&
		m.clientID == o.clientID && m.clientHost == o.clientHost && slices.Equal(m.topics, o.topics) && m.regex == o.regex &&
		m.regexNull == o.regexNull && equalPtr(m.assignor, o.assignor) && sameClassic(m.classic, o.classic)
}

func (m *consumerMember) sameAssignment(o *consumerMember) bool {
	return m.epoch == o.epoch && m.previousEpoch == o.previousEpoch && m.state == o.state &&
		m.assigned.equal(o.assigned) && m.revoking.equal(o.revoking)
}

func sameClassic(a, b *groupmsg.ClassicMemberMetadata) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.SessionTimeoutMs == b.SessionTimeoutMs && slices.EqualFunc(a.Protocols, b.Protocols, func(p, q groupmsg.ClassicProtocol) bool {
		return p.Name == q.Name && bytes.Equal(p.Metadata, q.Metadata)
	})
}

func equalPtr[T comparable](a, b *T) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

func (o owned) equal(p owned) bool {
	return maps.EqualFunc(o, p, func(a, b map[int32]int32) bool { return maps.Equal(a, b) })
}

func (o owned) has(topic metadata.TopicID, partition int32) bool {
	_, ok := o[topic][partition]
	return ok
}

func (o owned) add(topic metadata.TopicID, partition, epoch int32) {
	if o[topic] == nil {
		o[topic] = map[int32]int32{}
	}
	o[topic][partition] = epoch
}

// sorted gives the partitions by topic id, ascending.
func (o owned) sorted() []groupmsg.TopicPartitions {
	topics := make([]groupmsg.TopicPartitions, 0, len(o))
	for _, id := range sortedIDs(o) {
		t := groupmsg.TopicPartitions{TopicID: id, Partitions: slices.Sorted(maps.Keys(o[id]))}
		for _, p := range t.Partitions {
			t.AssignmentEpochs = append(t.AssignmentEpochs, o[id][p])
		}
		topics = append(topics, t)
	}
	return topics
}

func sortedIDs[V any](m map[metadata.TopicID]V) []metadata.TopicID {
	return slices.SortedFunc(maps.Keys(m), func(a, b metadata.TopicID) int { return bytes.Compare(a[:], b[:]) })
}

// ownedOf reads partitions out of a record; those without an epoch of their own are the member's since its epoch.
func ownedOf(topics []groupmsg.TopicPartitions, memberEpoch int32) owned {
	o := owned{}
	for _, t := range topics {
		for i, p := range t.Partitions {
			epoch := max(memberEpoch, 0)
			if len(t.AssignmentEpochs) == len(t.Partitions) {
				epoch = t.AssignmentEpochs[i]
			}
			o.add(t.TopicID, p, epoch)
		}
	}
	return o
}

// Records.

func recordOf(k groupmsg.Key, v groupmsg.Value) coordinator.Record {
	r := coordinator.Record{Key: k.Bytes()}
	if v != nil {
		r.Value = v.Append(nil)
	}
	return r
}

func memberKey(t groupmsg.Type, group, member string) groupmsg.Key {
	return groupmsg.Key{Type: t, Group: group, Member: member}
}

func metadataRecord(group string, m *consumerMember) coordinator.Record {
	v := &groupmsg.ConsumerGroupMemberMetadataValue{
		InstanceID: m.instanceID, RackID: m.rackID, ClientID: m.clientID, ClientHost: m.clientHost, SubscribedTopicNames: m.topics,
		RebalanceTimeoutMs: m.rebalanceTimeoutMs, ServerAssignor: m.assignor, Classic: m.classic,
	}
	if !m.regexNull {
		v.SubscribedTopicRegex = &m.regex
	}
	return recordOf(memberKey(groupmsg.ConsumerGroupMemberMetadata, group, m.id), v)
}

// withMetadata is the member with what a record says.
func (m *consumerMember) withMetadata(v *groupmsg.ConsumerGroupMemberMetadataValue) *consumerMember {
	n := *m
	n.instanceID, n.rackID, n.clientID, n.clientHost = v.InstanceID, v.RackID, v.ClientID, v.ClientHost
	n.topics = slices.Compact(slices.Sorted(slices.Values(v.SubscribedTopicNames)))
	n.regex, n.regexNull = "", v.SubscribedTopicRegex == nil
	if v.SubscribedTopicRegex != nil {
		n.regex = *v.SubscribedTopicRegex
	}
	n.rebalanceTimeoutMs, n.assignor, n.classic = v.RebalanceTimeoutMs, v.ServerAssignor, v.Classic
	return &n
}

func currentRecord(group string, m *consumerMember) coordinator.Record {
	return recordOf(memberKey(groupmsg.ConsumerGroupCurrentMemberAssignment, group, m.id),
		&groupmsg.ConsumerGroupCurrentMemberAssignmentValue{
			MemberEpoch: m.epoch, PreviousMemberEpoch: m.previousEpoch, State: m.state,
			Assigned: m.assigned.sorted(), PendingRevocation: m.revoking.sorted(),
		})
}

// withCurrent is the member with what a record says.
func (m *consumerMember) withCurrent(v *groupmsg.ConsumerGroupCurrentMemberAssignmentValue) *consumerMember {
	n := *m
	n.epoch, n.previousEpoch, n.state = v.MemberEpoch, v.PreviousMemberEpoch, v.State
	if n.state < groupmsg.MemberStable || n.state > groupmsg.MemberUnreleasedPartitions {
		n.state = groupmsg.MemberUnknown
	}
	n.assigned, n.revoking = ownedOf(v.Assigned, v.MemberEpoch), ownedOf(v.PendingRevocation, v.MemberEpoch)
	return &n
}

func targetRecord(group, member string, target assign.Partitions) coordinator.Record {
	v := &groupmsg.ConsumerGroupTargetAssignmentMemberValue{TopicPartitions: make([]groupmsg.TopicPartitions, 0, len(target))}
	for _, id := range sortedIDs(target) {
		v.TopicPartitions = append(v.TopicPartitions, groupmsg.TopicPartitions{TopicID: id, Partitions: target[id]})
	}
	return recordOf(memberKey(groupmsg.ConsumerGroupTargetAssignmentMember, group, member), v)
}

func targetOf(v *groupmsg.ConsumerGroupTargetAssignmentMemberValue) assign.Partitions {
	target := assign.Partitions{}
	for _, t := range v.TopicPartitions {
		if len(t.Partitions) > 0 {
			target[t.TopicID] = slices.Compact(slices.Sorted(slices.Values(t.Partitions)))
		}
	}
	return target
}

func sameTarget(a, b assign.Partitions) bool {
	return maps.EqualFunc(a, b, func(p, q []int32) bool { return slices.Equal(p, q) })
}

// memberTombstones remove a member.
func memberTombstones(records []coordinator.Record, group, member string) []coordinator.Record {
	for _, t := range []groupmsg.Type{
		groupmsg.ConsumerGroupCurrentMemberAssignment, groupmsg.ConsumerGroupTargetAssignmentMember, groupmsg.ConsumerGroupMemberMetadata,
	} {
		records = append(records, recordOf(memberKey(t, group, member), nil))
	}
	return records
}

func epochRecord(group string, epoch int32, hash int64) coordinator.Record {
	return recordOf(groupmsg.Key{Type: groupmsg.ConsumerGroupMetadata, Group: group},
		&groupmsg.ConsumerGroupMetadataValue{Epoch: epoch, MetadataHash: hash})
}

func assignmentEpochRecord(group string, epoch int32, timestampMs int64) coordinator.Record {
	return recordOf(groupmsg.Key{Type: groupmsg.ConsumerGroupTargetAssignmentMetadata, Group: group},
		&groupmsg.ConsumerGroupTargetAssignmentMetadataValue{AssignmentEpoch: epoch, AssignmentTimestampMs: timestampMs})
}

func regexRecord(group, regex string, v *groupmsg.ConsumerGroupRegularExpressionValue) coordinator.Record {
	k := groupmsg.Key{Type: groupmsg.ConsumerGroupRegularExpression, Group: group, Regex: regex}
	if v == nil {
		return recordOf(k, nil)
	}
	return recordOf(k, v)
}
