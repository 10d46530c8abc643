package group

import (
	"time"

	"milena/internal/coordinator"

	"github.com/twmb/franz-go/pkg/kerr"
)

// rebalanceFor begins a rebalance, or goes on with the one that there is.
func (g *classicGroup) rebalanceFor(why *cause) coordinator.Result {
	if g.canRebalance() {
		return g.prepareRebalance(why)
	}
	g.rebalance.add(g, why)
	return g.maybeComplete()
}

// prepareRebalance has all members join again. Those of a group's first generation get group.initial.rebalance.delay.ms to come
// together.
func (g *classicGroup) prepareRebalance(why *cause) coordinator.Result {
	if g.now == classicCompleting {
		for _, member := range g.members {
			member.assignment = nil
		}
		g.sendAssignments(kerr.RebalanceInProgress.Code)
	}
	g.endSyncs()
	g.rebalance.begin(g, why)
	initial := g.now == classicEmpty
	g.moveTo(classicPreparing)
	if initial {
		delay := g.initialDelay()
		g.scheduleInitial(delay, max(g.rebalanceTimeout()-delay, 0))
		return coordinator.Result{}
	}
	if g.allJoined() {
		return g.completeJoin()
	}
	g.m.host.Schedule(g.joinTimer(), g.rebalanceTimeout(), g.completeJoin)
	return coordinator.Result{}
}

func (g *classicGroup) initialDelay() time.Duration {
	return time.Duration(g.m.c.options.Config.Broker().Groups.InitialRebalanceDelayMs) * time.Millisecond
}

// scheduleInitial ends the first join phase after delay, or begins another delay when members have come meanwhile and the time that
// they may wait is not over.
func (g *classicGroup) scheduleInitial(delay, remaining time.Duration) {
	g.m.host.Schedule(g.joinTimer(), delay, func() coordinator.Result {
		if !g.memberAdded || remaining == 0 {
			return g.completeJoin()
		}
		g.memberAdded = false
		g.scheduleInitial(min(g.initialDelay(), remaining), max(remaining-delay, 0))
		return coordinator.Result{}
	})
}

// maybeComplete ends the join phase when all are there; not the first one, which gives others time to come.
func (g *classicGroup) maybeComplete() coordinator.Result {
	if g.now != classicPreparing || g.before == classicEmpty || !g.allJoined() {
		return coordinator.Result{}
	}
	return g.completeJoin()
}

// completeIfAlone ends the join phase, also the first one, when somebody is gone and nobody is left to wait for.
func (g *classicGroup) completeIfAlone() coordinator.Result {
	if g.now == classicPreparing && g.allJoined() {
		return g.completeJoin()
	}
	return coordinator.Result{}
}

// completeJoin ends the join phase: dynamic members that are not there are out, the others are told the new generation, and the leader
// who they are.
func (g *classicGroup) completeJoin() coordinator.Result {
	g.m.host.Cancel(g.joinTimer())
	if g.now != classicPreparing {
		return coordinator.Result{}
	}
	for _, member := range append([]*classicMember(nil), g.members...) {
		if member.join == nil && member.instanceID == nil {
			g.remove(member)
			g.rebalance.add(g, &cause{memberID: member.id, what: "did not join again in time"})
		}
	}
	if len(g.members) > 0 && !g.electJoined() {
		// Only static members, and none has come. They are out when their sessions are over.
		g.m.host.Logger().Warn("a rebalance waits: no member joined again", "group", g.id, "members", len(g.members))
		g.m.host.Schedule(g.joinTimer(), g.rebalanceTimeout(), g.completeJoin)
		return coordinator.Result{}
	}
	g.generation++
	g.protocol = nil
	if len(g.members) == 0 {
		return g.becomeEmpty()
	}
	g.protocol = g.selectProtocol()
	g.learnTopics()
	g.moveTo(classicCompleting)
	for _, member := range g.members {
		a := &joinAnswer{memberID: member.id, group: g}
		if g.leads(member) {
			a.members = g.memberList()
		}
		g.answerJoin(member, a)
		g.keepAlive(member)
		member.isNew = false
		g.setSyncDue(member, true)
	}
	g.m.host.Schedule(g.syncTimer(), g.rebalanceTimeout(), g.expireSyncs)
	return coordinator.Result{}
}

// becomeEmpty ends a rebalance that nobody is left in.
func (g *classicGroup) becomeEmpty() coordinator.Result {
	g.learnTopics()
	g.moveTo(classicEmpty)
	g.rebalance.end(g)
	return coordinator.Result{Records: []coordinator.Record{g.record(nil)}, Then: func(err error) {
		if err != nil {
			// The generation before is in the log: after a move it is loaded, and its members time out.
			g.m.host.Logger().Warn("a group's last generation could not be written", "group", g.id, "error", err)
		}
	}}
}

// electJoined makes sure that the leader is there; false when nobody is.
func (g *classicGroup) electJoined() bool {
	var first *classicMember
	for _, member := range g.members {
		if member.join != nil {
			if g.leads(member) {
				return true
			}
			if first == nil {
				first = member
			}
		}
	}
	if first == nil {
		return false
	}
	g.leader = &first.id
	return true
}

// afterRemoval has the others share what a member had.
func (g *classicGroup) afterRemoval(why *cause) coordinator.Result {
	switch g.now {
	case classicStable, classicCompleting:
		return g.prepareRebalance(why)
	case classicPreparing:
		g.rebalance.add(g, why)
		return g.completeIfAlone()
	}
	return coordinator.Result{}
}

// expireSyncs removes those that had the new generation told and did not ask for their assignment in time (KIP-394's pending sync).
func (g *classicGroup) expireSyncs() coordinator.Result {
	if g.now != classicCompleting && g.now != classicStable || g.syncsDue == 0 {
		return coordinator.Result{}
	}
	var why *cause
	for _, member := range append([]*classicMember(nil), g.members...) {
		if member.syncDue {
			g.letGo(member)
			if why == nil {
				why = &cause{memberID: member.id, what: "did not sync in time"}
			} else {
				why.more++
			}
		}
	}
	return g.prepareRebalance(why)
}

// endSyncs forgets who has to sync.
func (g *classicGroup) endSyncs() {
	for _, member := range g.members {
		g.setSyncDue(member, false)
	}
	g.m.host.Cancel(g.syncTimer())
}
