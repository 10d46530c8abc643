package group

import (
	"encoding/binary"

	"milena/internal/coordinator"
	"milena/internal/groupmsg"
)

func classicKey(id string) []byte {
	return groupmsg.Key{Type: groupmsg.GroupMetadata, Group: id}.Bytes()
}

// record is the group as its log has it, in this generation, with these assignments by member id; members without one have an empty one.
func (g *classicGroup) record(assignments map[string][]byte) coordinator.Record {
	v := groupmsg.GroupMetadataValue{
		Version: 3, ProtocolType: g.typ, Generation: g.generation, Protocol: g.protocol, Leader: g.leader,
		CurrentStateTimestampMs: g.sinceMs, Members: make([]groupmsg.GroupMember, len(g.members)),
	}
	for i, member := range g.members {
		v.Members[i] = groupmsg.GroupMember{
			MemberID: member.id, GroupInstanceID: member.instanceID, ClientID: member.clientID, ClientHost: member.clientHost,
			RebalanceTimeoutMs: member.rebalanceTimeoutMs, SessionTimeoutMs: member.sessionTimeoutMs,
			Subscription: member.metadataOf(g.protocol), Assignment: assignments[member.id],
		}
	}
	return coordinator.Record{Key: classicKey(g.id), Value: v.Append(nil)}
}

// emptyRecord is that of a group before its first generation.
func (g *classicGroup) emptyRecord() coordinator.Record {
	v := groupmsg.GroupMetadataValue{Version: 3, CurrentStateTimestampMs: g.sinceMs}
	return coordinator.Record{Key: classicKey(g.id), Value: v.Append(nil)}
}

// replayClassic applies a group's record. A live group is what its record says already, and more.
func (m *machine) replayClassic(r *coordinator.Replayed) error {
	key, value, err := groupmsg.Decode(r.Key, r.Value)
	if err != nil {
		return err
	}
	old, classic := m.groups[key.Group].(*classicGroup)
	if value == nil {
		if classic {
			old.dropped()
			delete(m.groups, key.Group)
		}
		return nil
	}
	if classic && m.live {
		return nil
	}
	m.groups[key.Group] = loadClassic(m, key.Group, value.(*groupmsg.GroupMetadataValue))
	return nil
}

// loadClassic makes a group as its record says.
func loadClassic(m *machine, id string, v *groupmsg.GroupMetadataValue) *classicGroup {
	g := newClassicGroup(m, id)
	g.generation, g.protocol, g.typ, g.sinceMs = v.Generation, v.Protocol, v.ProtocolType, v.CurrentStateTimestampMs
	if len(v.Members) > 0 {
		g.now, g.leader = classicStable, v.Leader
	}
	for i := range v.Members {
		of := &v.Members[i]
		if g.byID[of.MemberID] != nil {
			continue // not written by any coordinator
		}
		member := &classicMember{
			id: of.MemberID, instanceID: of.GroupInstanceID, clientID: of.ClientID, clientHost: of.ClientHost,
			rebalanceTimeoutMs: of.RebalanceTimeoutMs, sessionTimeoutMs: of.SessionTimeoutMs, assignment: of.Assignment,
		}
		if member.rebalanceTimeoutMs == -1 {
			member.rebalanceTimeoutMs = member.sessionTimeoutMs
		}
		if v.Protocol != nil {
			member.protocols = []classicProtocolOf{{*v.Protocol, of.Subscription}}
		}
		g.add(member, v.ProtocolType)
	}
	g.learnTopics()
	return g
}

// classicLoaded begins the sessions of members. A group that is over group.max.size is rebalanced, so that those over it are turned away.
func (m *machine) classicLoaded() {
	limit := m.c.options.Config.Broker().Groups.MaxSize
	for _, g := range m.groups {
		g, classic := g.(*classicGroup)
		if !classic {
			continue
		}
		for _, member := range g.members {
			g.keepAlive(member)
		}
		if len(g.members) > limit {
			m.later(g.prepareRebalance(&cause{memberID: "group.max.size", what: "is less than the members of the group"}))
		}
	}
}

// learnTopics keeps which topics a group of consumers subscribes to; nil where that cannot be read.
func (g *classicGroup) learnTopics() {
	g.subscribed = nil
	if g.typ != consumerProtocolType {
		return
	}
	if len(g.members) > 0 && g.protocol == nil {
		return
	}
	topics := map[string]struct{}{}
	for _, member := range g.members {
		if !addSubscription(topics, member.metadataOf(g.protocol)) {
			g.m.host.Logger().Warn("a member's subscription cannot be read: the group's offsets do not expire", "group", g.id,
				"member", member.id)
			return
		}
	}
	g.subscribed = topics
}

// addSubscription adds the topics of a consumer's subscription:
//
//	version int16 | topics [] string | …
//
// Every version begins so.
func addSubscription(topics map[string]struct{}, b []byte) bool {
	if len(b) < 6 {
		return false
	}
	count := int32(binary.BigEndian.Uint32(b[2:]))
	b = b[6:]
	if count < 0 {
		return false
	}
	for ; count > 0; count-- {
		if len(b) < 2 {
			return false
		}
		n := int(int16(binary.BigEndian.Uint16(b)))
		if n < 0 || n > len(b)-2 {
			return false
		}
		topics[string(b[2:2+n])] = struct{}{}
		b = b[2+n:]
	}
	return true
}
