package group

import (
	"milena/internal/coordinator"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Heartbeat keeps a member's session alive, and tells it to join again.
func (c *Coordinator) Heartbeat(by Caller, req *kmsg.HeartbeatRequest, reply func(*kmsg.HeartbeatResponse)) {
	answer := func(code int16) {
		r := kmsg.NewPtrHeartbeatResponse()
		r.Version, r.ErrorCode = req.Version, code
		reply(r)
	}
	if req.Group == "" {
		answer(kerr.InvalidGroupID.Code)
		return
	}
	code := c.do(req.Group, func(m *machine) coordinator.Result {
		code := kerr.UnknownMemberID.Code
		switch g := m.groups[req.Group].(type) {
		case *classicGroup:
			code = codeOf(g.heartbeatBy(req))
		case classicProtocol:
			return g.heartbeatClassic(by, req, func(r *kmsg.HeartbeatResponse) { m.host.Reply(func() { reply(r) }) })
		}
		m.host.Reply(func() { answer(code) })
		return coordinator.Result{}
	})
	switch code {
	case 0:
	case kerr.CoordinatorLoadInProgress.Code:
		answer(0) // its session begins anew when the group is loaded
	default:
		answer(code)
	}
}

func (g *classicGroup) heartbeatBy(req *kmsg.HeartbeatRequest) error {
	if err := g.checkMember(req.MemberID, req.InstanceID); err != nil {
		return err
	}
	if req.Generation != g.generation {
		return kerr.IllegalGeneration
	}
	g.keepAlive(g.byID[req.MemberID])
	if g.now == classicPreparing {
		return kerr.RebalanceInProgress
	}
	return nil
}

// LeaveGroup removes members: a member itself, or several by an administrator, by member id or by instance id.
func (c *Coordinator) LeaveGroup(by Caller, req *kmsg.LeaveGroupRequest, reply func(*kmsg.LeaveGroupResponse)) {
	if req.Version < 3 {
		one := *req
		one.Members = []kmsg.LeaveGroupRequestMember{{MemberID: req.MemberID}}
		req = &one
	}
	if req.Group == "" {
		reply(leaveFailed(req, kerr.InvalidGroupID.Code))
		return
	}
	code := c.do(req.Group, func(m *machine) coordinator.Result {
		reply := func(r *kmsg.LeaveGroupResponse) { m.host.Reply(func() { reply(r) }) }
		switch g := m.groups[req.Group].(type) {
		case *classicGroup:
			return g.leaveBy(req, reply)
		case classicProtocol:
			return g.leaveClassic(by, req, reply)
		}
		answers := make([]kmsg.LeaveGroupResponseMember, len(req.Members))
		for i := range req.Members {
			answers[i] = leaveAnswer(&req.Members[i], kerr.UnknownMemberID)
		}
		reply(leaveReply(req, answers))
		return coordinator.Result{}
	})
	if code != 0 {
		reply(leaveFailed(req, code))
	}
}

// leaveFailed is the answer of a request that failed as a whole.
func leaveFailed(req *kmsg.LeaveGroupRequest, code int16) *kmsg.LeaveGroupResponse {
	r := kmsg.NewPtrLeaveGroupResponse()
	r.Version, r.ErrorCode = req.Version, code
	return r
}

// leaveReply is the answer with one entry for each member; before version 3 there is one, and its error stands above.
func leaveReply(req *kmsg.LeaveGroupRequest, answers []kmsg.LeaveGroupResponseMember) *kmsg.LeaveGroupResponse {
	r := kmsg.NewPtrLeaveGroupResponse()
	r.Version = req.Version
	if req.Version < 3 {
		r.ErrorCode = answers[0].ErrorCode
	} else {
		r.Members = answers
	}
	return r
}

func leaveAnswer(of *kmsg.LeaveGroupRequestMember, err error) kmsg.LeaveGroupResponseMember {
	a := kmsg.NewLeaveGroupResponseMember()
	a.MemberID, a.InstanceID, a.ErrorCode = of.MemberID, of.InstanceID, codeOf(err)
	return a
}

// leaveBy removes members, and has those who are left share what they had; the answer waits for what that writes.
func (g *classicGroup) leaveBy(req *kmsg.LeaveGroupRequest, reply func(*kmsg.LeaveGroupResponse)) coordinator.Result {
	var why *cause
	answers := make([]kmsg.LeaveGroupResponseMember, len(req.Members))
	for i := range req.Members {
		of := &req.Members[i]
		member, err := g.leaver(of)
		if answers[i] = leaveAnswer(of, err); err != nil {
			continue
		}
		left := &cause{memberID: of.MemberID, what: "left", reason: of.Reason}
		if member != nil {
			left.memberID = member.id
			g.letGo(member)
		}
		if why == nil {
			why = left
		} else {
			why.more++
		}
	}
	var result coordinator.Result
	if why != nil {
		switch g.now {
		case classicStable, classicCompleting, classicPreparing:
			result = g.rebalanceFor(why)
		}
	}
	if len(result.Records) == 0 {
		reply(leaveReply(req, answers))
		return result
	}
	then := result.Then
	result.Then = func(err error) {
		if then(err); err != nil {
			reply(leaveFailed(req, codeOf(err)))
			return
		}
		reply(leaveReply(req, answers))
	}
	return result
}

// leaver finds who leaves; a pending member is gone by that, and nil.
func (g *classicGroup) leaver(of *kmsg.LeaveGroupRequestMember) (*classicMember, error) {
	if of.MemberID == "" {
		// An administrator, who knows instance ids only.
		if of.InstanceID == nil || g.static[*of.InstanceID] == nil {
			return nil, kerr.UnknownMemberID
		}
		return g.static[*of.InstanceID], nil
	}
	if g.removePending(of.MemberID) {
		return nil, nil
	}
	if err := g.checkMember(of.MemberID, of.InstanceID); err != nil {
		return nil, err
	}
	return g.byID[of.MemberID], nil
}
