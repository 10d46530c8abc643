package group

import (
	"slices"
	"time"

	"milena/internal/coordinator"
	"milena/internal/group/assign"
	"milena/internal/groupmsg"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// joinClassic has a member join, or join again, by the classic protocol: it is brought a step nearer to its target, its epoch is told as
// the generation, and it fetches what it has by SyncGroup. Everybody is a follower: the group assigns.
func (g *consumerGroup) joinClassic(by Caller, req *kmsg.JoinGroupRequest, reply func(*kmsg.JoinGroupResponse)) coordinator.Result {
	g.m.look()
	fail := func(err error, id string) coordinator.Result {
		r := kmsg.NewPtrJoinGroupResponse()
		r.Version, r.ErrorCode, r.MemberID = req.Version, codeOf(err), id
		reply(r)
		return coordinator.Result{}
	}
	id, config := req.MemberID, &g.m.c.options.Config.Broker().Groups.Consumer
	if id == "" {
		id = newMemberID()
	}
	if !config.Upgrade && !config.Downgrade || !g.supportsClassic(req) {
		return fail(kerr.InconsistentGroupProtocol, req.MemberID)
	}
	if err := g.checkRoom(id); err != nil {
		return fail(err, req.MemberID)
	}
	if req.Version >= 4 && req.MemberID == "" && req.InstanceID == nil {
		return fail(kerr.MemberIDRequired, id)
	}
	subscription, err := subscriptionIn(req.Protocols[0].Metadata)
	if err != nil {
		return fail(kerr.UnknownServerError, req.MemberID)
	}
	s := &heartbeat{g: g, joining: true, own: g.ownsByName(subscription)}
	if req.InstanceID == nil {
		if s.was = g.members[id]; s.was == nil {
			s.was = newConsumerMember(id)
		}
	} else if s.was, err = s.staticMember(id, *req.InstanceID, req.MemberID == "", nil); err != nil {
		return fail(err, req.MemberID)
	}
	s.now = s.was.updatedClassic(by, req, subscription)
	return s.joinClassic(by, req, reply, fail)
}

func (s *heartbeat) joinClassic(
	by Caller, req *kmsg.JoinGroupRequest, reply func(*kmsg.JoinGroupResponse), fail func(error, string) coordinator.Result,
) coordinator.Result {
	g := s.g
	var replaced []*consumerMember
	if req.InstanceID != nil {
		if holder := g.staticMember(*req.InstanceID); holder != nil && holder.classic == nil {
			replaced = append(replaced, holder)
		}
	}
	downgrade := len(replaced) > 0 && g.mayDowngradeFor(replaced)
	subscribed, err := s.subscribe(by)
	if err != nil {
		return fail(err, req.MemberID)
	}
	var result coordinator.Result
	if downgrade {
		why := ""
		s.target = g.lastTarget(s.now)
		if g.assignmentEpoch < s.epoch {
			why = s.now.id + " joined with another subscription"
		} else if err = s.reconcile(subscribed); err != nil {
			return fail(err, req.MemberID)
		}
		result = g.downgrade(nil, s.now, s.records, why)
	} else {
		if err = s.retarget(); err == nil {
			err = s.reconcile(subscribed)
		}
		if err != nil {
			return fail(err, req.MemberID)
		}
		result = coordinator.Result{Records: s.records, Then: s.then(nil)}
	}
	after := result.Then
	result.Then = func(err error) {
		if after != nil {
			after(err)
		}
		if err != nil {
			fail(err, req.MemberID)
			return
		}
		g.m.host.Cancel(g.timer("join", s.now.id))
		delete(g.joinDue, s.now.id)
		if !downgrade {
			g.keepAlive(s.now)
			g.expelAfter("sync", s.now, "it did not sync in time")
		}
		r := kmsg.NewPtrJoinGroupResponse()
		r.Version, r.MemberID, r.Generation = req.Version, s.now.id, s.now.epoch
		typ, name := consumerProtocolType, s.now.classic.Protocols[0].Name
		r.ProtocolType, r.Protocol = &typ, &name
		reply(r)
	}
	return result
}

// mayDowngradeFor tells whether the group becomes a classic one when a classic member takes the place of its last other one.
func (g *consumerGroup) mayDowngradeFor(replaced []*consumerMember) bool {
	groups := &g.m.c.options.Config.Broker().Groups
	return classicMembers(g.with(nil)) == len(g.members)-len(replaced) && groups.Consumer.Downgrade && len(g.members) <= groups.MaxSize
}

// supportsClassic tells whether the member has a protocol that all classic members have.
func (g *consumerGroup) supportsClassic(req *kmsg.JoinGroupRequest) bool {
	if req.ProtocolType != consumerProtocolType {
		return false
	}
	return slices.ContainsFunc(req.Protocols, func(p kmsg.JoinGroupRequestProtocol) bool {
		for _, m := range g.members {
			if m.classic != nil && !slices.ContainsFunc(m.classic.Protocols, func(q groupmsg.ClassicProtocol) bool { return q.Name == p.Name }) {
				return false
			}
		}
		return true
	})
}

// ownsByName is what a classic member says it owns.
func (g *consumerGroup) ownsByName(subscription *kmsg.ConsumerMemberMetadata) *owning {
	o, image := owning{}, g.m.c.options.Metadata.Image()
	for _, t := range subscription.OwnedPartitions {
		if topic := image.Topics[t.Topic]; topic != nil {
			for _, p := range t.Partitions {
				o[partitionOf{topic.ID, p}] = struct{}{}
			}
		}
	}
	return &o
}

// updatedClassic is the member with what its join says anew.
func (m *consumerMember) updatedClassic(by Caller, req *kmsg.JoinGroupRequest, subscription *kmsg.ConsumerMemberMetadata) *consumerMember {
	n := *m
	if req.InstanceID != nil {
		n.instanceID = req.InstanceID
	}
	if subscription.Rack != nil {
		n.rackID = subscription.Rack
	}
	if t := rebalanceTimeoutOf(req); t != -1 {
		n.rebalanceTimeoutMs = t
	}
	n.topics = slices.Compact(slices.Sorted(slices.Values(subscription.Topics)))
	n.regex, n.regexNull, n.clientID, n.clientHost = "", false, by.ClientID, by.ClientHost
	n.classic = &groupmsg.ClassicMemberMetadata{SessionTimeoutMs: req.SessionTimeoutMillis}
	for _, p := range req.Protocols {
		n.classic.Protocols = append(n.classic.Protocols, groupmsg.ClassicProtocol{Name: p.Name, Metadata: slices.Clone(p.Metadata)})
	}
	return &n
}

// classicMember finds a member that speaks the classic protocol, in that generation.
func (g *consumerGroup) classicMember(id string, instanceID *string, generation int32) (*consumerMember, error) {
	m := g.members[id]
	if instanceID != nil {
		m = g.staticMember(*instanceID)
		if err := g.checkInstance(m, id, *instanceID); err != nil {
			return nil, err
		}
	}
	switch {
	case m == nil, m.classic == nil, len(m.classic.Protocols) == 0:
		return nil, g.unknownMember(id)
	case m.epoch != generation:
		return nil, kerr.IllegalGeneration
	}
	return m, nil
}

// syncClassic tells a classic member what it has.
func (g *consumerGroup) syncClassic(_ Caller, req *kmsg.SyncGroupRequest, reply func(*kmsg.SyncGroupResponse)) coordinator.Result {
	m, err := g.classicMember(req.MemberID, req.InstanceID, req.Generation)
	if err == nil {
		switch {
		case req.ProtocolType != nil && *req.ProtocolType != consumerProtocolType,
			req.Protocol != nil && *req.Protocol != m.classic.Protocols[0].Name:
			err = kerr.InconsistentGroupProtocol
		case g.assignmentEpoch > m.epoch && m.state != groupmsg.MemberUnrevokedPartitions:
			g.expelAfter("join", m, "it did not join again in time")
			err = kerr.RebalanceInProgress
		}
	}
	r := kmsg.NewPtrSyncGroupResponse()
	r.Version, r.ErrorCode = req.Version, codeOf(err)
	if err != nil {
		reply(r)
		return coordinator.Result{}
	}
	return coordinator.Result{Then: func(err error) {
		if r.ErrorCode = codeOf(err); err == nil {
			g.m.host.Cancel(g.timer("sync", m.id))
			g.keepAlive(m)
			partitions := assign.Partitions{}
			for _, t := range m.assigned.sorted() {
				partitions[t.TopicID] = t.Partitions
			}
			r.ProtocolType, r.Protocol = req.ProtocolType, req.Protocol
			r.MemberAssignment = classicAssignment(g.m.c.options.Metadata.Image(), partitions, m.classic.Protocols[0].Metadata)
		}
		reply(r)
	}}
}

// heartbeatClassic keeps a classic member's session, and has it join again when there is a new assignment, when it has partitions to give
// back, and when those that it waits for are free.
func (g *consumerGroup) heartbeatClassic(_ Caller, req *kmsg.HeartbeatRequest, reply func(*kmsg.HeartbeatResponse)) coordinator.Result {
	m, err := g.classicMember(req.MemberID, req.InstanceID, req.Generation)
	if err == nil {
		g.keepAlive(m)
		if m.epoch < g.assignmentEpoch || m.state == groupmsg.MemberUnrevokedPartitions ||
			m.state == groupmsg.MemberUnreleasedPartitions && !g.waits(m) {
			g.expelAfter("join", m, "it did not join again in time")
			err = kerr.RebalanceInProgress
		}
	}
	r := kmsg.NewPtrHeartbeatResponse()
	r.Version, r.ErrorCode = req.Version, codeOf(err)
	if err != nil {
		reply(r)
		return coordinator.Result{}
	}
	return coordinator.Result{Then: func(err error) {
		r.ErrorCode = codeOf(err)
		reply(r)
	}}
}

// waits tells whether others own partitions that a member is to have.
func (g *consumerGroup) waits(m *consumerMember) bool {
	for topic, partitions := range g.targets[m.id] {
		for _, p := range partitions {
			if _, taken := g.owners[partitionOf{topic, p}]; taken && !m.assigned.has(topic, p) {
				return true
			}
		}
	}
	return false
}

// expelAfter removes a classic member after its rebalance time-out, unless the timer is cancelled. One that runs already goes on.
func (g *consumerGroup) expelAfter(what string, m *consumerMember, why string) {
	if what == "join" && g.joinDue[m.id] {
		return
	}
	if g.joinDue == nil {
		g.joinDue = map[string]bool{}
	}
	if what == "join" {
		g.joinDue[m.id] = true
	}
	g.m.host.Schedule(g.timer(what, m.id), time.Duration(m.rebalanceTimeoutMs)*time.Millisecond, func() coordinator.Result {
		delete(g.joinDue, m.id)
		return g.m.expel(g.id, m.id, why)
	})
}

// leaveClassic removes the members that are named, whichever protocol they speak.
func (g *consumerGroup) leaveClassic(_ Caller, req *kmsg.LeaveGroupRequest, reply func(*kmsg.LeaveGroupResponse)) coordinator.Result {
	var gone []*consumerMember
	why := ""
	answers := make([]kmsg.LeaveGroupResponseMember, len(req.Members))
	for i := range req.Members {
		of := &req.Members[i]
		m, err := g.members[of.MemberID], error(nil)
		if of.InstanceID != nil {
			// An administrator removes by instance id alone.
			if m = g.staticMember(*of.InstanceID); m == nil || of.MemberID != "" {
				err = g.checkInstance(m, of.MemberID, *of.InstanceID)
			}
		} else if m == nil {
			err = kerr.UnknownMemberID
		}
		if answers[i] = leaveAnswer(of, err); err != nil || slices.Contains(gone, m) {
			continue
		}
		gone = append(gone, m)
		if why == "" {
			why = m.id + " left"
			if of.Reason != nil && *of.Reason != "" {
				why += " (" + (*of.Reason)[:min(len(*of.Reason), 255)] + ")"
			}
		}
	}
	result := g.removeMembers(gone, why)
	after := result.Then
	result.Then = func(err error) {
		if after != nil {
			after(err)
		}
		r := leaveReply(req, answers)
		if err != nil {
			r = leaveFailed(req, codeOf(err))
		}
		reply(r)
	}
	return result
}
