package group

import (
	"time"

	"milena/internal/coordinator"

	"github.com/twmb/franz-go/pkg/kerr"
)

// keepAlive begins a member's session anew. Members do so with every heartbeat and every commit: the timer is left as it is then, and
// looks when it fires how much is left.
func (g *classicGroup) keepAlive(member *classicMember) {
	g.expectWithin(member, time.Duration(member.sessionTimeoutMs)*time.Millisecond)
}

func (g *classicGroup) expectWithin(member *classicMember, within time.Duration) {
	member.due = time.Now().Add(within)
	if member.fires.IsZero() || member.due.Before(member.fires) {
		g.armSession(member, within)
	}
}

func (g *classicGroup) armSession(member *classicMember, within time.Duration) {
	member.fires = member.due
	g.m.host.Schedule(member.timer, within, func() coordinator.Result {
		member.fires = time.Time{}
		if left := time.Until(member.due); left > 0 {
			g.armSession(member, left)
			return coordinator.Result{}
		}
		return g.expire(member)
	})
}

// expire ends the session of a member that was not heard of. One whose join or sync waits is alive as far as it can be; unless it is new:
// its client may have gone.
func (g *classicGroup) expire(member *classicMember) coordinator.Result {
	if g.byID[member.id] != member || !member.isNew && (member.join != nil || member.sync != nil) {
		return coordinator.Result{}
	}
	g.letGo(member)
	return g.afterRemoval(&cause{memberID: member.id, what: "was not heard of in time"})
}

// letGo removes a member and answers what it may wait for.
func (g *classicGroup) letGo(member *classicMember) {
	g.answerJoin(member, &joinAnswer{code: kerr.UnknownMemberID.Code})
	g.answerSync(member, kerr.UnknownMemberID.Code)
	g.remove(member)
}
