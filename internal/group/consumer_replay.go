package group

import (
	"errors"
	"fmt"

	"milena/internal/coordinator"
	"milena/internal/groupmsg"
)

// replayConsumer applies a record of a consumer group. Those of kinds that are not known here are passed over. A tombstone of what is
// not there is harmless: compaction may have taken what it removed.
func (m *machine) replayConsumer(_ int16, r *coordinator.Replayed) error {
	key, value, err := groupmsg.Decode(r.Key, r.Value)
	var unknown *groupmsg.UnknownTypeError
	switch {
	case errors.As(err, &unknown):
		return nil
	case err != nil:
		return err
	}
	g, err := m.persisted(key.Group, value != nil)
	if g == nil || err != nil {
		return err
	}
	switch key.Type {
	case groupmsg.ConsumerGroupMetadata:
		return g.replayEpoch(value)
	case groupmsg.ConsumerGroupPartitionMetadata:
		g.oldMetadata = value != nil
	case groupmsg.ConsumerGroupMemberMetadata:
		g.replayMember(key.Member, value)
	case groupmsg.ConsumerGroupTargetAssignmentMetadata:
		g.assignmentEpoch, g.assignmentMs = -1, 0
		if v, ok := value.(*groupmsg.ConsumerGroupTargetAssignmentMetadataValue); ok {
			g.assignmentEpoch, g.assignmentMs = v.AssignmentEpoch, v.AssignmentTimestampMs
		}
	case groupmsg.ConsumerGroupTargetAssignmentMember:
		delete(g.targets, key.Member)
		if v, ok := value.(*groupmsg.ConsumerGroupTargetAssignmentMemberValue); ok {
			g.targets[key.Member] = targetOf(v)
		}
	case groupmsg.ConsumerGroupCurrentMemberAssignment:
		g.replayCurrent(key.Member, value)
	case groupmsg.ConsumerGroupRegularExpression:
		delete(g.regexes, key.Regex)
		if v, ok := value.(*groupmsg.ConsumerGroupRegularExpressionValue); ok {
			g.regexes[key.Regex] = v
			m.consumer.topicsVersion = max(m.consumer.topicsVersion, v.MetadataVersion)
		}
		g.subscribed = nil
	}
	return nil
}

// persisted is the group that a record is about. One that is not there is made, also in the place of an empty classic group, which only
// holds offsets. Records of a group that has just become a classic one are that one's already.
func (m *machine) persisted(id string, create bool) (*consumerGroup, error) {
	switch g := m.groups[id].(type) {
	case *consumerGroup:
		return g, nil
	case nil:
	default:
		if !create || m.live && !g.empty() {
			return nil, nil
		}
		if !g.empty() {
			return nil, fmt.Errorf("group: a record of a consumer group for %s, a %s group with members", id, g.kind())
		}
		g.dropped()
	}
	if !create {
		return nil, nil
	}
	g := newConsumerGroup(m, id)
	if draft := m.consumer.draft; draft != nil && draft.id == id {
		g = draft
	}
	m.consumer.draft = nil
	m.groups[id] = g
	return g, nil
}

func (g *consumerGroup) replayEpoch(value groupmsg.Value) error {
	if v, ok := value.(*groupmsg.ConsumerGroupMetadataValue); ok {
		g.epoch, g.metadataHash = v.Epoch, v.MetadataHash
		return nil
	}
	if len(g.members) > 0 {
		return fmt.Errorf("group: a tombstone of %s, which still has %d members", g.id, len(g.members))
	}
	delete(g.m.groups, g.id)
	g.dropped()
	return nil
}

func (g *consumerGroup) replayMember(id string, value groupmsg.Value) {
	member := g.members[id]
	if v, ok := value.(*groupmsg.ConsumerGroupMemberMetadataValue); ok {
		if member == nil {
			member = newConsumerMember(id)
		}
		g.put(member.withMetadata(v))
	} else if member != nil {
		g.remove(member)
	}
}

func (g *consumerGroup) replayCurrent(id string, value groupmsg.Value) {
	member := g.members[id]
	if v, ok := value.(*groupmsg.ConsumerGroupCurrentMemberAssignmentValue); ok {
		if member == nil {
			member = newConsumerMember(id)
		}
		g.put(member.withCurrent(v))
	} else if member != nil {
		gone := *member
		gone.epoch, gone.previousEpoch, gone.assigned, gone.revoking = epochLeaving, epochLeaving, nil, nil
		g.put(&gone)
	}
}
