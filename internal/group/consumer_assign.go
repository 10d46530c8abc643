package group

import (
	"fmt"
	"slices"
	"time"

	"milena/internal/coordinator"
	"milena/internal/group/assign"
	"milena/internal/groupmsg"
	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kerr"
)

// target is what a member shall have in the end, and the group epoch for which that was computed.
type target struct {
	epoch      int32
	partitions assign.Partitions
}

// lastTarget is the target of a member, or of the one that it replaces, by the last assignment.
func (g *consumerGroup) lastTarget(m *consumerMember) target {
	id := m.id
	if m.instanceID != nil {
		id = g.static[*m.instanceID]
	}
	return target{g.assignmentEpoch, g.targets[id]}
}

// retarget computes a new target assignment where the group's epoch is ahead of the last one, but not more often than
// group.consumer.assignment.interval.ms allows: what comes in between waits, and is assigned together.
func (s *heartbeat) retarget() error {
	g, config := s.g, &s.g.m.c.options.Config.Broker().Groups.Consumer
	s.target = g.lastTarget(s.now)
	if g.assignmentEpoch >= s.epoch {
		return nil
	}
	now := time.Now()
	if next := g.assignmentMs + int64(config.AssignmentIntervalMs); g.assignmentMs != 0 && config.AssignmentIntervalMs != 0 &&
		now.UnixMilli() < next {
		return nil
	}
	members := g.with(s.now)
	image := g.m.c.options.Metadata.Image()
	spec := &assign.Spec{
		Homogeneous: g.homogeneous(members), Members: make([]assign.Member, len(members)), NumPartitions: map[metadata.TopicID]int32{},
	}
	for i, m := range members {
		topics := idsOf(image, g.subscriptionOf(m))
		spec.Members[i] = assign.Member{ID: m.id, InstanceID: m.instanceID, Topics: topics, Target: g.lastTarget(m).partitions}
		for _, id := range topics {
			spec.NumPartitions[id] = int32(len(image.ByID[id].Partitions))
		}
	}
	assignor := preferredAssignor(members, config.Assignors)
	targets, err := assign.Assign(assignor, spec)
	if err != nil {
		return refuse(kerr.UnknownServerError, "Failed to compute a new target assignment for epoch %d: %s", s.epoch, err)
	}
	for _, m := range members {
		if old, had := g.targets[m.id]; !had || !sameTarget(old, targets[m.id]) {
			s.records = append(s.records, targetRecord(g.id, m.id, targets[m.id]))
		}
	}
	s.records = append(s.records, assignmentEpochRecord(g.id, s.epoch, time.Now().UnixMilli()))
	s.target = target{s.epoch, targets[s.now.id]}
	g.m.host.Logger().Debug("new assignment", "group", g.id, "epoch", s.epoch, "assignor", assignor, "members", len(members),
		"tookMs", time.Since(now).Milliseconds())
	return nil
}

// preferredAssignor is the one that most members ask for, else the default one.
func preferredAssignor(members []*consumerMember, assignors []string) string {
	votes := map[string]int{}
	for _, m := range members {
		if m.assignor != nil && slices.Contains(assignors, *m.assignor) {
			votes[*m.assignor]++
		}
	}
	best := assignors[0]
	for _, name := range []string{"range", "uniform"} {
		if votes[name] > 0 && votes[name] >= votes[best] {
			best = name
		}
	}
	return best
}

// reconcile brings the member one step nearer to its target: first it gives back what it is not to have, then it moves on to the
// target's epoch and gets what nobody else owns.
func (s *heartbeat) reconcile(subscribed bool) error {
	if !subscribed && s.now.reconciledTo(s.target.epoch) {
		return nil
	}
	next, err := s.step(subscribed)
	if err != nil || next.sameAssignment(s.now) {
		return err
	}
	s.now = next
	s.records = append(s.records, currentRecord(s.g.id, next))
	if next.classic == nil {
		if next.state == groupmsg.MemberUnrevokedPartitions {
			s.g.awaitRevocation(next)
		} else {
			s.g.m.host.Cancel(s.g.timer("revoke", next.id))
		}
	}
	return nil
}

func (s *heartbeat) step(subscribed bool) (*consumerMember, error) {
	m := s.now
	switch m.state {
	case groupmsg.MemberStable:
		if m.epoch == s.target.epoch {
			return s.unsubscribed(), nil
		}
		return s.advance(), nil
	case groupmsg.MemberUnrevokedPartitions:
		if !s.own.anyOf(m.revoking) {
			return s.advance(), nil
		}
		if subscribed {
			return s.unsubscribed(), nil
		}
		return m, nil
	case groupmsg.MemberUnreleasedPartitions:
		return s.advance(), nil
	default:
		// A newer coordinator wrote this. The member starts anew.
		if s.own == nil || len(*s.own) > 0 {
			return nil, refuse(kerr.FencedMemberEpoch,
				"The consumer group member is in a unknown state. The member must abandon all its partitions and rejoin.")
		}
		n := *m
		n.epoch = s.target.epoch
		s.now = &n
		next := s.advance()
		s.now = m
		return next, nil
	}
}

// topicIDs are the topics that the member is subscribed to.
func (s *heartbeat) topicIDs() map[metadata.TopicID]bool {
	ids := map[metadata.TopicID]bool{}
	for _, id := range idsOf(s.g.m.c.options.Metadata.Image(), s.g.subscriptionOf(s.now)) {
		ids[id] = true
	}
	return ids
}

// unsubscribed has the member give back what it is no longer subscribed to, before a new target says so.
func (s *heartbeat) unsubscribed() *consumerMember {
	m, topics := s.now, s.topicIDs()
	assigned, revoking := owned{}, owned{}
	for id, partitions := range m.revoking {
		for p, epoch := range partitions {
			revoking.add(id, p, epoch)
		}
	}
	changed := false
	for id, partitions := range m.assigned {
		for p, epoch := range partitions {
			if topics[id] {
				assigned.add(id, p, epoch)
			} else {
				revoking.add(id, p, epoch)
				changed = true
			}
		}
	}
	if !changed {
		return m
	}
	n := *m
	n.previousEpoch, n.assigned = m.epoch, assigned
	if s.own.anyOf(revoking) {
		n.state, n.revoking = groupmsg.MemberUnrevokedPartitions, revoking
	}
	return &n
}

// advance compares what the member has with its target.
func (s *heartbeat) advance() *consumerMember {
	m, topics := s.now, s.topicIDs()
	assigned, revoking, pending := owned{}, owned{}, owned{}
	wanted := map[partitionOf]bool{}
	unreleased := false
	for id, partitions := range s.target.partitions {
		if !topics[id] {
			continue
		}
		for _, p := range partitions {
			at := partitionOf{id, p}
			wanted[at] = true
			_, taken := s.g.owners[at]
			switch {
			case m.assigned.has(id, p):
			// What the member itself has yet to give back is free for it: nobody else can have got it.
			case taken && !m.revoking.has(id, p):
				unreleased = true
			default:
				pending.add(id, p, s.target.epoch)
			}
		}
	}
	for id, partitions := range m.assigned {
		for p, epoch := range partitions {
			if wanted[partitionOf{id, p}] {
				assigned.add(id, p, epoch)
			} else {
				revoking.add(id, p, epoch)
			}
		}
	}
	n := *m
	n.previousEpoch = m.epoch
	if len(revoking) > 0 && s.own.anyOf(revoking) {
		n.state, n.assigned, n.revoking = groupmsg.MemberUnrevokedPartitions, assigned, revoking
		return &n
	}
	for id, partitions := range pending {
		for p, epoch := range partitions {
			assigned.add(id, p, epoch)
		}
	}
	n.epoch, n.assigned, n.revoking, n.state = s.target.epoch, assigned, nil, groupmsg.MemberStable
	if unreleased {
		n.state = groupmsg.MemberUnreleasedPartitions
	}
	return &n
}

// awaitRevocation gives a member its rebalance time-out to give partitions back.
func (g *consumerGroup) awaitRevocation(m *consumerMember) {
	within := time.Duration(m.rebalanceTimeoutMs) * time.Millisecond
	g.m.host.Schedule(g.timer("revoke", m.id), within, func() coordinator.Result {
		now, _ := g.m.groups[g.id].(*consumerGroup)
		if now == nil || now.members[m.id] == nil || now.members[m.id].epoch != m.epoch {
			return coordinator.Result{}
		}
		return g.m.expel(g.id, m.id, fmt.Sprintf("it did not give back partitions within %v", within))
	})
}
