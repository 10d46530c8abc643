package group

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"milena/internal/coordinator"
	"milena/internal/group/assign"
	"milena/internal/groupmsg"
	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// upgrade makes a draft of a consumer group out of a classic one, whose members go on in it by the classic protocol, with what they have.
// It is done when a member joins by the new protocol, whose records follow.
func (m *machine) upgrade(old *classicGroup) (g *consumerGroup, records []coordinator.Record, undo func(), err error) {
	no := func(why string) (*consumerGroup, []coordinator.Record, func(), error) {
		m.host.Logger().Info("a classic group is not upgraded", "group", old.id, "why", why)
		return nil, nil, nil, refuse(kerr.GroupIDNotFound, "Cannot upgrade classic group %s to consumer group because %s", old.id, why)
	}
	config := &m.c.options.Config.Broker().Groups.Consumer
	switch {
	case !config.Upgrade:
		return no("online upgrade is disabled.")
	case old.typ != consumerProtocolType:
		return no("the group does not use the consumer embedded protocol.")
	case len(old.members) > config.MaxSize:
		return no("the group size exceeds the consumer group maximum size.")
	}
	g = newConsumerGroup(m, old.id)
	g.epoch, g.assignmentEpoch = old.generation, old.generation
	image := m.c.options.Metadata.Image()
	for _, member := range old.members {
		n, err := fromClassic(old, member, image)
		if errors.Is(err, errUserData) {
			return no("an unsupported custom assignor is in use. Please refer to the documentation or switch to a default assignor before " +
				"re-attempting the upgrade.")
		} else if err != nil {
			return no("the embedded consumer protocol is malformed.")
		}
		g.put(n)
		g.targets[n.id] = assign.Partitions{}
		for _, t := range n.assigned.sorted() {
			g.targets[n.id][t.TopicID] = t.Partitions
		}
	}
	members := g.with(nil)
	g.metadataHash = g.hashOf(g.topicsOf(members))
	records = old.tombstones(nil)
	for _, n := range members {
		records = append(records, metadataRecord(g.id, n))
		g.keepAlive(n)
	}
	records = append(records, epochRecord(g.id, g.epoch, g.metadataHash))
	for _, n := range members {
		records = append(records, targetRecord(g.id, n.id, g.targets[n.id]))
	}
	records = append(records, assignmentEpochRecord(g.id, g.assignmentEpoch, 0))
	for _, n := range members {
		records = append(records, currentRecord(g.id, n))
	}
	m.consumer.draft = g
	g.story.add(fmt.Sprintf("a classic group with %d members became a consumer group", len(members)))
	return g, records, func() {
		for _, n := range members {
			g.cancelTimers(n.id)
		}
	}, nil
}

var errUserData = errors.New("user data of an assignor would be lost")

// fromClassic is a classic member as one of a consumer group.
func fromClassic(g *classicGroup, member *classicMember, image *metadata.Image) (*consumerMember, error) {
	n := newConsumerMember(member.id)
	n.epoch, n.previousEpoch, n.instanceID = g.generation, g.generation, member.instanceID
	n.clientID, n.clientHost, n.rebalanceTimeoutMs = member.clientID, member.clientHost, member.rebalanceTimeoutMs
	n.classic = &groupmsg.ClassicMemberMetadata{SessionTimeoutMs: member.sessionTimeoutMs}
	for _, p := range member.protocols {
		n.classic.Protocols = append(n.classic.Protocols, groupmsg.ClassicProtocol{Name: p.name, Metadata: p.metadata})
	}
	said := member.metadataOf(g.protocol)
	if said == nil && len(member.protocols) > 0 {
		said = member.protocols[0].metadata // the group has had no generation yet
	}
	subscription, err := subscriptionIn(said)
	if err != nil {
		return nil, err
	}
	n.topics, n.rackID = slices.Compact(slices.Sorted(slices.Values(subscription.Topics))), subscription.Rack
	if len(member.assignment) == 0 {
		return n, nil
	}
	a := kmsg.NewConsumerMemberAssignment()
	if err := a.ReadFrom(member.assignment); err != nil {
		return nil, err
	}
	if len(a.UserData) > 0 {
		return nil, errUserData
	}
	n.assigned = owned{}
	for _, t := range a.Topics {
		if topic := image.Topics[t.Topic]; topic != nil {
			for _, p := range t.Partitions {
				n.assigned.add(topic.ID, p, g.generation)
			}
		}
	}
	return n, nil
}

// subscriptionIn reads what a consumer says in its classic protocols. A newer version is read as the newest known one, as Kafka does.
func subscriptionIn(b []byte) (*kmsg.ConsumerMemberMetadata, error) {
	v := kmsg.NewConsumerMemberMetadata()
	if len(b) < 2 {
		return nil, groupmsg.ErrCorrupt
	}
	if newest := uint16(3); binary.BigEndian.Uint16(b) > newest {
		b = slices.Concat(binary.BigEndian.AppendUint16(nil, newest), b[2:])
	}
	if err := v.ReadFrom(b); err != nil {
		return nil, err
	}
	return &v, nil
}

// classicMembers is how many members speak the classic protocol.
func classicMembers(members []*consumerMember) (n int) {
	for _, m := range members {
		if m.classic != nil {
			n++
		}
	}
	return n
}

// mayDowngrade tells whether only members of the classic protocol are left without these, some at least and not too many.
func (g *consumerGroup) mayDowngrade(without []*consumerMember) bool {
	rest := slices.DeleteFunc(g.with(nil), func(m *consumerMember) bool { return slices.Contains(without, m) })
	if len(rest) == 0 || classicMembers(rest) < len(rest) {
		return false
	}
	groups := &g.m.c.options.Config.Broker().Groups
	switch {
	case !groups.Consumer.Downgrade:
		g.m.host.Logger().Info("a consumer group is not downgraded", "group", g.id, "why", "online downgrade is disabled")
		return false
	case len(rest) > groups.MaxSize:
		g.m.host.Logger().Info("a consumer group is not downgraded", "group", g.id, "why", "group.max.size is less than its members")
		return false
	}
	return true
}

// downgrade makes a classic group of the members that are left, with joining, if any, in the place of the one with its instance id. The
// records come after those that joining itself has led to. why is why its members are to rebalance; "" where all of them have what they
// shall have.
func (g *consumerGroup) downgrade(
	gone []*consumerMember, joining *consumerMember, records []coordinator.Record, why string,
) coordinator.Result {
	m := g.m
	ids := []string{}
	for _, n := range g.with(joining) {
		ids = append(ids, n.id)
	}
	records = g.tombstonesFor(records, ids)
	c := newClassicGroup(m, g.id)
	c.now, c.generation = classicStable, g.epoch
	for _, n := range g.with(joining) {
		if !slices.Contains(gone, n) {
			c.add(toClassic(n), consumerProtocolType)
		}
	}
	c.protocol = c.selectProtocol()
	assignments := map[string][]byte{}
	image := m.c.options.Metadata.Image()
	for _, member := range c.members {
		id := member.id
		if member.instanceID != nil {
			id = g.static[*member.instanceID]
		}
		member.assignment = classicAssignment(image, g.targets[id], member.metadataOf(c.protocol))
		assignments[member.id] = member.assignment
	}
	c.learnTopics()
	m.groups[g.id] = c
	g.dropped()
	for _, member := range c.members {
		c.keepAlive(member)
	}
	if why != "" {
		m.again(func() coordinator.Result {
			if m.groups[c.id] != group(c) {
				return coordinator.Result{}
			}
			return c.rebalanceFor(&cause{memberID: "consumer group", what: "became a classic one: " + why})
		})
	}
	m.host.Logger().Info("group converted", "group", g.id, "from", "consumer", "to", "classic", "members", len(c.members))
	return coordinator.Result{Records: append(records, c.record(assignments)), Then: func(err error) {
		if err == nil || errors.Is(err, coordinator.ErrTimedOut) || m.groups[c.id] != group(c) {
			return
		}
		m.host.Logger().Warn("a converted group could not be written", "group", g.id, "error", err)
		c.answerAll(codeOf(err))
		c.dropped()
		m.groups[g.id] = g
		for _, n := range g.members {
			g.keepAlive(n)
		}
	}}
}

func toClassic(n *consumerMember) *classicMember {
	member := &classicMember{
		id: n.id, instanceID: n.instanceID, clientID: n.clientID, clientHost: n.clientHost, rebalanceTimeoutMs: n.rebalanceTimeoutMs,
		sessionTimeoutMs: n.classic.SessionTimeoutMs,
	}
	for _, p := range n.classic.Protocols {
		member.protocols = append(member.protocols, classicProtocolOf{p.Name, p.Metadata})
	}
	return member
}

// classicAssignment is an assignment as classic consumers read it, in the version of their subscription:
//
//	version int16 | topics [] { name string | partitions []int32 } | user data bytes (null)
func classicAssignment(image *metadata.Image, partitions assign.Partitions, subscription []byte) []byte {
	a := kmsg.NewConsumerMemberAssignment()
	if len(subscription) >= 2 {
		a.Version = min(int16(binary.BigEndian.Uint16(subscription)), 3)
	}
	for _, id := range sortedIDs(partitions) {
		if t := image.ByID[id]; t != nil && len(partitions[id]) > 0 {
			topic := kmsg.NewConsumerMemberAssignmentTopic()
			topic.Topic, topic.Partitions = t.Name, partitions[id]
			a.Topics = append(a.Topics, topic)
		}
	}
	return a.AppendTo(nil)
}
