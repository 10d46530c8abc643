package group

import (
	"slices"

	"milena/internal/coordinator"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// syncWaiter is a SyncGroup that waits for the leader's.
type syncWaiter struct {
	version int16
	reply   func(*kmsg.SyncGroupResponse)
}

// send answers with an error, or with what the group has for the member.
func (w *syncWaiter) send(code int16, g *classicGroup, assignment []byte) {
	r := kmsg.NewPtrSyncGroupResponse()
	r.Version, r.ErrorCode, r.MemberAssignment = w.version, code, assignment
	if code == 0 {
		r.Protocol = g.protocol
		if g.typ != "" {
			r.ProtocolType = &g.typ
		}
	}
	w.reply(r)
}

// SyncGroup brings the leader's assignment, and each member its own when that is committed.
func (c *Coordinator) SyncGroup(by Caller, req *kmsg.SyncGroupRequest, reply func(*kmsg.SyncGroupResponse)) {
	w := &syncWaiter{req.Version, reply}
	switch {
	case req.Version >= 5 && (req.ProtocolType == nil || req.Protocol == nil):
		w.send(kerr.InconsistentGroupProtocol.Code, nil, nil)
		return
	case req.Group == "":
		w.send(kerr.InvalidGroupID.Code, nil, nil)
		return
	}
	code := c.do(req.Group, func(m *machine) coordinator.Result {
		reply := func(r *kmsg.SyncGroupResponse) { m.host.Reply(func() { reply(r) }) }
		w := &syncWaiter{req.Version, reply}
		g := m.groups[req.Group]
		if g == nil || g.empty() {
			w.send(kerr.UnknownMemberID.Code, nil, nil)
			return coordinator.Result{}
		}
		switch g := g.(type) {
		case *classicGroup:
			return g.syncBy(req, w)
		case classicProtocol:
			return g.syncClassic(by, req, reply)
		}
		w.send(kerr.UnknownMemberID.Code, nil, nil)
		return coordinator.Result{}
	})
	if code != 0 {
		w.send(code, nil, nil)
	}
}

// checkSync refuses who is not in the generation.
func (g *classicGroup) checkSync(req *kmsg.SyncGroupRequest) error {
	if err := g.checkMember(req.MemberID, req.InstanceID); err != nil {
		return err
	}
	differs := func(theirs, ours *string) bool { return theirs != nil && ours != nil && *theirs != *ours }
	switch {
	case req.Generation != g.generation:
		return kerr.IllegalGeneration
	case g.typ != "" && differs(req.ProtocolType, &g.typ), differs(req.Protocol, g.protocol):
		return kerr.InconsistentGroupProtocol
	case g.now == classicPreparing:
		return kerr.RebalanceInProgress
	}
	return nil
}

// syncBy is a SyncGroup to this group, which has members.
func (g *classicGroup) syncBy(req *kmsg.SyncGroupRequest, w *syncWaiter) coordinator.Result {
	if err := g.checkSync(req); err != nil {
		w.send(codeOf(err), nil, nil)
		return coordinator.Result{}
	}
	member := g.byID[req.MemberID]
	if g.setSyncDue(member, false); g.syncsDue == 0 {
		g.m.host.Cancel(g.syncTimer())
	}
	if g.now == classicStable { // as it was loaded, perhaps, and then it may not be committed yet
		assignment := member.assignment
		return coordinator.Result{Then: func(err error) {
			if err != nil {
				w.send(codeOf(err), nil, nil)
				return
			}
			w.send(0, g, assignment)
		}}
	}
	g.answerSync(member, kerr.RebalanceInProgress.Code) // an older one of its that still waits is lost to its client
	member.sync = w
	if !g.leads(member) {
		return coordinator.Result{}
	}
	return g.takeAssignment(req)
}

// takeAssignment writes the leader's assignment, and hands it out when it is committed.
func (g *classicGroup) takeAssignment(req *kmsg.SyncGroupRequest) coordinator.Result {
	assignments := make(map[string][]byte, len(req.GroupAssignment))
	for i := range req.GroupAssignment {
		a := &req.GroupAssignment[i]
		assignments[a.MemberID] = slices.Clone(a.MemberAssignment)
	}
	generation := g.generation
	return coordinator.Result{Records: []coordinator.Record{g.record(assignments)}, Then: func(err error) {
		if g.now != classicCompleting || g.generation != generation {
			return // another member joined meanwhile: they all do again
		}
		if err != nil {
			g.m.host.Logger().Warn("a group's assignment could not be written", "group", g.id, "generation", generation, "error", err)
			g.sendAssignments(codeOf(err))
			g.m.later(g.prepareRebalance(&cause{memberID: req.MemberID, what: "brought an assignment that could not be written"}))
			return
		}
		for _, member := range g.members {
			member.assignment = assignments[member.id]
		}
		g.moveTo(classicStable)
		g.sendAssignments(0)
		g.rebalance.end(g)
	}}
}

// sendAssignments answers every sync that waits. Sessions begin anew then: they stood still.
func (g *classicGroup) sendAssignments(code int16) {
	for _, member := range g.members {
		if member.sync != nil {
			g.answerSync(member, code)
			g.keepAlive(member)
		}
	}
}

// answerSync answers a member's sync, if it waits.
func (g *classicGroup) answerSync(member *classicMember, code int16) {
	w := member.sync
	if w == nil {
		return
	}
	member.sync = nil
	if code != 0 {
		w.send(code, nil, nil)
		return
	}
	w.send(0, g, member.assignment)
}

// assignments are those of the members as they are.
func (g *classicGroup) assignments() map[string][]byte {
	assignments := make(map[string][]byte, len(g.members))
	for _, member := range g.members {
		assignments[member.id] = member.assignment
	}
	return assignments
}
