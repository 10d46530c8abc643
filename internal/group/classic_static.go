package group

import (
	"errors"

	"milena/internal/coordinator"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// replaceStatic gives a static member's place to the process that comes back under its instance id (KIP-345). Whoever still waits under
// the old member id is fenced. A stable group goes on without a rebalance, as long as its next protocol would be the same one.
func (g *classicGroup) replaceStatic(
	member *classicMember, id string, req *kmsg.JoinGroupRequest, protocols []classicProtocolOf, w *joinWaiter,
) coordinator.Result {
	g.answerJoin(member, &joinAnswer{code: kerr.FencedInstanceID.Code, memberID: member.id})
	g.answerSync(member, kerr.FencedInstanceID.Code)
	was := *member
	oldLeader := ""
	if g.leader != nil {
		oldLeader = *g.leader
	}
	g.rename(member, id)
	member.isNew = false
	g.keepAlive(member)
	g.update(member, req, protocols, w)
	why := &cause{memberID: id, what: "took the place of " + was.id, reason: req.Reason}
	switch g.now {
	case classicStable:
		if next := g.selectProtocol(); next == nil || g.protocol == nil || *next != *g.protocol {
			return g.rebalanceFor(why)
		}
		g.m.host.Logger().Debug("static member replaced without a rebalance", "group", g.id, "instance", *member.instanceID,
			"member", id, "was", was.id)
		return g.persistReplaced(member, &was, oldLeader, w)
	case classicCompleting:
		// The leader may have been told of the old member id already.
		return g.prepareRebalance(why)
	default:
		g.rebalance.add(g, why)
		return g.maybeComplete()
	}
}

// rename gives a member another id. The leader's id is a pointer to it and moves along.
func (g *classicGroup) rename(member *classicMember, id string) {
	leads := g.leads(member)
	delete(g.byID, member.id)
	member.id = id
	g.byID[id] = member
	if leads {
		g.leader = &member.id
	}
}

// persistReplaced writes the group with the member's new id, and answers its join when that is committed.
func (g *classicGroup) persistReplaced(member, was *classicMember, oldLeader string, w *joinWaiter) coordinator.Result {
	return coordinator.Result{Records: []coordinator.Record{g.record(g.assignments())}, Then: func(err error) {
		if member.join != w || g.now != classicStable {
			return // in a rebalance by now, which will answer
		}
		switch {
		case err == nil && w.version >= 9:
			// The leader has its assignment, and is told the members to see what changes (KIP-814).
			a := &joinAnswer{memberID: member.id, group: g, skip: g.leads(member)}
			if a.skip {
				a.members = g.memberList()
			}
			g.answerJoin(member, a)
		case err == nil:
			// It is not told that it leads: it would assign anew.
			g.answerJoin(member, &joinAnswer{memberID: member.id, group: g, leader: &oldLeader})
		default:
			g.m.host.Logger().Warn("a static member's new id could not be written", "group", g.id, "member", member.id, "was", was.id,
				"error", err)
			g.answerJoin(member, &joinAnswer{code: codeOf(err), group: g, leader: &oldLeader})
			if !errors.Is(err, coordinator.ErrTimedOut) {
				g.countProtocols(member, -1)
				member.protocols = was.protocols
				g.countProtocols(member, 1)
				member.rebalanceTimeoutMs, member.sessionTimeoutMs = was.rebalanceTimeoutMs, was.sessionTimeoutMs
				g.rename(member, was.id)
			}
			g.keepAlive(member)
		}
	}}
}
