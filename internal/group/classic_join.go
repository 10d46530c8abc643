package group

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"milena/internal/coordinator"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// newMemberJoinTimeout is how long a new member's JoinGroup may wait in a rebalance. It has no session yet, and its client may have gone
// away and have come back as another one.
const newMemberJoinTimeout = 5 * time.Minute

// joinWaiter is a JoinGroup that waits for its answer.
type joinWaiter struct {
	version int16
	reply   func(*kmsg.JoinGroupResponse)
}

// joinAnswer is what a JoinGroup is answered.
type joinAnswer struct {
	code     int16
	memberID string
	group    *classicGroup // its generation, protocol and leader are told; nil: they are not
	leader   *string       // told in place of the group's
	members  []kmsg.JoinGroupResponseMember
	skip     bool // SkipAssignment
}

// send makes and sends the answer.
func (w *joinWaiter) send(a *joinAnswer) {
	r := kmsg.NewPtrJoinGroupResponse()
	r.Version, r.ErrorCode, r.MemberID, r.Members, r.SkipAssignment = w.version, a.code, a.memberID, a.members, a.skip
	leader := a.leader
	if g := a.group; g != nil {
		r.Generation, r.Protocol = g.generation, g.protocol
		if g.typ != "" {
			r.ProtocolType = &g.typ
		}
		if leader == nil {
			leader = g.leader
		}
	}
	if leader != nil {
		r.LeaderID = *leader
	}
	w.reply(r)
}

// JoinGroup makes a client a member of a classic group, and answers when a generation begins.
func (c *Coordinator) JoinGroup(by Caller, req *kmsg.JoinGroupRequest, reply func(*kmsg.JoinGroupResponse)) {
	w := &joinWaiter{req.Version, reply}
	groups := &c.options.Config.Broker().Groups
	switch {
	case req.Group == "":
		w.send(&joinAnswer{code: kerr.InvalidGroupID.Code, memberID: req.MemberID})
		return
	case req.SessionTimeoutMillis < groups.MinSessionTimeoutMs, req.SessionTimeoutMillis > groups.MaxSessionTimeoutMs:
		w.send(&joinAnswer{code: kerr.InvalidSessionTimeout.Code, memberID: req.MemberID})
		return
	}
	code := c.do(req.Group, func(m *machine) coordinator.Result {
		return m.joinGroup(by, req, func(r *kmsg.JoinGroupResponse) { m.host.Reply(func() { reply(r) }) })
	})
	if code != 0 {
		w.send(&joinAnswer{code: code})
	}
}

// joinGroup finds who answers: the classic group, which is made where a new member asks for it, also in place of an empty group of another
// kind; or a group of another kind that takes classic members.
func (m *machine) joinGroup(by Caller, req *kmsg.JoinGroupRequest, reply func(*kmsg.JoinGroupResponse)) coordinator.Result {
	w := &joinWaiter{req.Version, reply}
	old := m.groups[req.Group]
	switch g := old.(type) {
	case *classicGroup:
		return g.joinBy(by, req, w)
	case nil:
	default:
		if !g.empty() {
			if other, ok := g.(classicProtocol); ok {
				return other.joinClassic(by, req, reply)
			}
			w.send(&joinAnswer{code: kerr.InconsistentGroupProtocol.Code})
			return coordinator.Result{}
		}
	}
	if req.MemberID != "" {
		w.send(&joinAnswer{code: kerr.UnknownMemberID.Code, memberID: req.MemberID})
		return coordinator.Result{}
	}
	g := newClassicGroup(m, req.Group)
	result := g.joinBy(by, req, w)
	if len(g.members) == 0 && len(g.pending) == 0 {
		return result
	}
	return m.establish(g, old)
}

// establish puts a group with its first members in its place and writes its record, so that it is there also when the partition moves
// before its first generation. An empty group of another kind makes room.
func (m *machine) establish(g *classicGroup, old group) coordinator.Result {
	var records []coordinator.Record
	if old != nil {
		records = old.tombstones(nil)
		old.dropped()
	}
	m.groups[g.id] = g
	return coordinator.Result{Records: append(records, g.emptyRecord()), Then: func(err error) {
		if err == nil || errors.Is(err, coordinator.ErrTimedOut) || m.groups[g.id] != g {
			return
		}
		m.host.Logger().Warn("a new group could not be written", "group", g.id, "error", err)
		g.answerAll(codeOf(err))
		g.dropped()
		if delete(m.groups, g.id); old != nil {
			m.groups[g.id] = old
		}
	}}
}

// joinBy is a JoinGroup to this group.
func (g *classicGroup) joinBy(by Caller, req *kmsg.JoinGroupRequest, w *joinWaiter) coordinator.Result {
	if !g.acceptsJoin(req.MemberID) {
		if member := g.byID[req.MemberID]; member != nil {
			g.remove(member)
		}
		g.removePending(req.MemberID)
		w.send(&joinAnswer{code: kerr.GroupMaxSizeReached.Code})
		return coordinator.Result{}
	}
	protocols := protocolsOf(req)
	if !g.supports(req.ProtocolType, protocols) {
		w.send(&joinAnswer{code: kerr.InconsistentGroupProtocol.Code, memberID: req.MemberID})
		return coordinator.Result{}
	}
	if req.MemberID != "" {
		return g.joinKnown(by, req, protocols, w)
	}
	if req.InstanceID != nil {
		id := *req.InstanceID + "-" + randomUUID()
		if holder := g.static[*req.InstanceID]; holder != nil {
			return g.replaceStatic(holder, id, req, protocols, w)
		}
		return g.addNew(id, by, req, protocols, w)
	}
	id := by.ClientID + "-" + randomUUID()
	if req.Version < 4 {
		return g.addNew(id, by, req, protocols, w)
	}
	g.addPending(id, time.Duration(req.SessionTimeoutMillis)*time.Millisecond)
	w.send(&joinAnswer{code: kerr.MemberIDRequired.Code, memberID: id})
	return coordinator.Result{}
}

// acceptsJoin keeps a group within group.max.size. In a rebalance those count that have joined: when the limit was lowered, the last
// to join again are turned away.
func (g *classicGroup) acceptsJoin(memberID string) bool {
	limit := g.m.c.options.Config.Broker().Groups.MaxSize
	member := g.byID[memberID]
	switch g.now {
	case classicPreparing:
		return member != nil && member.join != nil || g.joining < limit
	case classicCompleting, classicStable:
		return member != nil || len(g.members) < limit
	}
	return true
}

// addPending gives out a member id, and waits as long as a session for its join (KIP-394).
func (g *classicGroup) addPending(id string, session time.Duration) {
	if g.pending == nil {
		g.pending = map[string]string{}
	}
	timer := g.m.newTimer("classic-pending-")
	g.pending[id] = timer
	g.m.host.Schedule(timer, session, func() coordinator.Result {
		delete(g.pending, id)
		g.m.host.Logger().Debug("a member did not join with the id it was given", "group", g.id, "member", id)
		return g.completeIfAlone()
	})
}

// joinKnown is the join of a member that has an id.
func (g *classicGroup) joinKnown(by Caller, req *kmsg.JoinGroupRequest, protocols []classicProtocolOf, w *joinWaiter) coordinator.Result {
	if _, pending := g.pending[req.MemberID]; pending {
		if req.InstanceID != nil {
			// An id that was given to a dynamic member.
			w.send(&joinAnswer{code: kerr.UnknownServerError.Code, memberID: req.MemberID})
			return coordinator.Result{}
		}
		g.removePending(req.MemberID)
		return g.addNew(req.MemberID, by, req, protocols, w)
	}
	if err := g.checkMember(req.MemberID, req.InstanceID); err != nil {
		w.send(&joinAnswer{code: codeOf(err), memberID: req.MemberID})
		return coordinator.Result{}
	}
	member := g.byID[req.MemberID]
	same := member.matches(protocols)
	switch {
	case g.now == classicPreparing:
		return g.updateAndRebalance(member, req, protocols, w, "joins again")
	case g.now == classicCompleting && same:
		// It may not have received the first answer.
		a := &joinAnswer{memberID: member.id, group: g}
		if g.leads(member) {
			a.members = g.memberList()
		}
		w.send(a)
	case g.now == classicStable && g.leads(member) && same:
		// It can know of changes, as of its topics, that no member's metadata show.
		return g.updateAndRebalance(member, req, protocols, w, "the leader, joins again")
	case g.now == classicStable && same:
		w.send(&joinAnswer{memberID: member.id, group: g})
	case g.now == classicStable, g.now == classicCompleting:
		return g.updateAndRebalance(member, req, protocols, w, "changed its metadata")
	default:
		w.send(&joinAnswer{code: kerr.UnknownMemberID.Code, memberID: req.MemberID})
	}
	return coordinator.Result{}
}

// addNew makes a new member, whose join waits for the next generation.
func (g *classicGroup) addNew(
	id string, by Caller, req *kmsg.JoinGroupRequest, protocols []classicProtocolOf, w *joinWaiter,
) coordinator.Result {
	member := &classicMember{
		id: id, instanceID: req.InstanceID, clientID: by.ClientID, clientHost: by.ClientHost,
		rebalanceTimeoutMs: rebalanceTimeoutOf(req), sessionTimeoutMs: req.SessionTimeoutMillis,
		protocols: protocols, join: w, isNew: true,
	}
	if g.now == classicPreparing && g.before == classicEmpty {
		g.memberAdded = true
	}
	g.add(member, req.ProtocolType)
	g.expectWithin(member, newMemberJoinTimeout)
	return g.rebalanceFor(&cause{memberID: id, what: "joined", reason: req.Reason})
}

// updateAndRebalance takes what a member says anew; its join waits for the next generation.
func (g *classicGroup) updateAndRebalance(
	member *classicMember, req *kmsg.JoinGroupRequest, protocols []classicProtocolOf, w *joinWaiter, what string,
) coordinator.Result {
	g.update(member, req, protocols, w)
	return g.rebalanceFor(&cause{memberID: member.id, what: what, reason: req.Reason})
}

// update replaces what a member said. An older join of its that still waits is lost to its client: the new one is answered.
func (g *classicGroup) update(member *classicMember, req *kmsg.JoinGroupRequest, protocols []classicProtocolOf, w *joinWaiter) {
	g.countProtocols(member, -1)
	member.protocols = protocols
	g.countProtocols(member, 1)
	member.rebalanceTimeoutMs, member.sessionTimeoutMs = rebalanceTimeoutOf(req), req.SessionTimeoutMillis
	if member.join == nil {
		g.joining++
	} else {
		member.join.send(&joinAnswer{code: kerr.RebalanceInProgress.Code, memberID: member.id})
	}
	member.join = w
}

// answerJoin answers a member's join, if it waits.
func (g *classicGroup) answerJoin(member *classicMember, a *joinAnswer) {
	if member.join == nil {
		return
	}
	member.join.send(a)
	member.join = nil
	g.joining--
}

// memberList is what the leader is told of the members.
func (g *classicGroup) memberList() []kmsg.JoinGroupResponseMember {
	list := make([]kmsg.JoinGroupResponseMember, len(g.members))
	for i, member := range g.members {
		list[i] = kmsg.NewJoinGroupResponseMember()
		list[i].MemberID, list[i].InstanceID, list[i].ProtocolMetadata = member.id, member.instanceID, member.metadataOf(g.protocol)
	}
	return list
}

// protocolsOf copies a request's protocols; of two with the same name the first one holds.
func protocolsOf(req *kmsg.JoinGroupRequest) []classicProtocolOf {
	protocols := make([]classicProtocolOf, 0, len(req.Protocols))
	seen := make(map[string]struct{}, len(req.Protocols))
	for i := range req.Protocols {
		p := &req.Protocols[i]
		if _, again := seen[p.Name]; !again {
			seen[p.Name] = struct{}{}
			protocols = append(protocols, classicProtocolOf{p.Name, slices.Clone(p.Metadata)})
		}
	}
	return protocols
}

// rebalanceTimeoutOf is the session's time-out for version 0, which has no other.
func rebalanceTimeoutOf(req *kmsg.JoinGroupRequest) int32 {
	if req.Version == 0 {
		return req.SessionTimeoutMillis
	}
	return req.RebalanceTimeoutMillis
}

// randomUUID is a random UUID as Java prints it.
func randomUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
