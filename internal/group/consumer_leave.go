package group

import (
	"maps"
	"slices"

	"milena/internal/coordinator"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// consumerLeave serves the heartbeat of a member that leaves, for good or, a static one, for a while.
func (m *machine) consumerLeave(
	req *kmsg.ConsumerGroupHeartbeatRequest,
) (coordinator.Result, *kmsg.ConsumerGroupHeartbeatResponse, error) {
	g, ok := m.groups[req.Group].(*consumerGroup)
	switch {
	case m.groups[req.Group] == nil:
		return coordinator.Result{}, nil, refuse(kerr.GroupIDNotFound, "Group %s not found.", req.Group)
	case !ok:
		return coordinator.Result{}, nil, refuse(kerr.GroupIDNotFound, "Group %s is not a consumer group.", req.Group)
	}
	member := g.members[req.MemberID]
	if req.InstanceID != nil {
		member = g.staticMember(*req.InstanceID)
		if err := g.checkInstance(member, req.MemberID, *req.InstanceID); err != nil {
			return coordinator.Result{}, nil, err
		}
	} else if member == nil {
		return coordinator.Result{}, nil, g.unknownMember(req.MemberID)
	}
	r := kmsg.NewPtrConsumerGroupHeartbeatResponse()
	r.Version, r.MemberID, r.MemberEpoch = req.Version, &member.id, req.MemberEpoch
	if req.MemberEpoch == epochStaticLeaving {
		return coordinator.Result{Records: []coordinator.Record{currentRecord(g.id, member.away())}}, r, nil
	}
	return g.removeMembers([]*consumerMember{member}, member.id+" left"), r, nil
}

// away is a static member that has left for a while: it keeps what it is assigned, for whoever comes in its place.
func (m *consumerMember) away() *consumerMember {
	n := *m
	n.epoch, n.revoking, n.assigned = epochStaticLeaving, nil, owned{}
	for topic, partitions := range m.assigned {
		for p := range partitions {
			n.assigned.add(topic, p, 0)
		}
	}
	return &n
}

// expel removes a member that failed to do something in time; nothing happens when it has gone already.
func (m *machine) expel(groupID, memberID, why string) coordinator.Result {
	g, ok := m.groups[groupID].(*consumerGroup)
	if !ok || g.members[memberID] == nil {
		return coordinator.Result{}
	}
	return g.removeMembers([]*consumerMember{g.members[memberID]}, memberID+" was removed: "+why)
}

// removeMembers removes members, and raises the group's epoch so that the others share what they had. Where only members of the classic
// protocol are left, the group becomes a classic one.
func (g *consumerGroup) removeMembers(gone []*consumerMember, why string) coordinator.Result {
	if len(gone) == 0 {
		return coordinator.Result{}
	}
	if g.mayDowngrade(gone) {
		return g.downgrade(gone, nil, nil, why)
	}
	g.m.look()
	var records []coordinator.Record
	for _, m := range gone {
		records = memberTombstones(records, g.id, m.id)
	}
	rest := slices.DeleteFunc(g.with(nil), func(m *consumerMember) bool { return slices.Contains(gone, m) })
	for _, regex := range slices.Sorted(maps.Keys(g.regexes)) {
		lost := func(m *consumerMember) bool { return m.regex == regex }
		if slices.ContainsFunc(gone, lost) && !slices.ContainsFunc(rest, lost) {
			records = append(records, regexRecord(g.id, regex, nil))
		}
	}
	records = append(records, epochRecord(g.id, g.epoch+1, g.hashOf(g.topicsOf(rest))))
	for _, m := range gone {
		g.cancelTimers(m.id)
	}
	g.story.add(why)
	return coordinator.Result{Records: records, Then: func(err error) {
		for _, m := range gone {
			if err != nil && g.members[m.id] != nil {
				g.keepAlive(m) // it will be tried again
			}
		}
		g.story.settle(g)
	}}
}

// timer is the key of a member's timer.
func (g *consumerGroup) timer(what, memberID string) string {
	return "consumer-" + what + "-" + g.id + "\x00" + memberID
}

func (g *consumerGroup) cancelTimers(memberID string) {
	delete(g.joinDue, memberID)
	for _, what := range []string{"session", "revoke", "join", "sync"} {
		g.m.host.Cancel(g.timer(what, memberID))
	}
}
