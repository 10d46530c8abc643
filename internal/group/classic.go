package group

import (
	"slices"
	"strconv"
	"time"

	"milena/internal/coordinator"

	"github.com/twmb/franz-go/pkg/kerr"
)

// classicState is the state of a classic group.
//
//	    ┌────────────────────────────────────────────────┐
//	    ▼            all joined, or time is over         │ nobody is left
//	  Empty ──► PreparingRebalance ──► CompletingRebalance
//	first join     ▲            ▲               │ the leader's assignment is committed
//	               │            └───────────────┤
//	               └────────────────────────  Stable
//	          a member joins, changes, leaves, dies
//
// A group that a tombstone has removed, or whose partition is elsewhere, is dead.
type classicState int8

const (
	classicEmpty classicState = iota
	classicPreparing
	classicCompleting
	classicStable
	classicDead
)

func (s classicState) String() string {
	switch s {
	case classicEmpty:
		return "Empty"
	case classicPreparing:
		return "PreparingRebalance"
	case classicCompleting:
		return "CompletingRebalance"
	case classicStable:
		return "Stable"
	default:
		return "Dead"
	}
}

// consumerProtocolType is the protocol type of consumers, whose subscriptions are known to the coordinator.
const consumerProtocolType = "consumer"

// classicGroup is a group whose members speak JoinGroup and SyncGroup, or one that only holds the offsets of those who commit without
// membership. What its last record does not say (who is joining, who has synced) is gone when the partition moves; its members join again
// then.
type classicGroup struct {
	m           *machine
	id          string
	now         classicState
	before      classicState // the state before that
	sinceMs     int64        // when the state began; -1 unknown
	typ         string       // protocol type; "" none
	protocol    *string      // selected
	generation  int32
	leader      *string // member id
	members     []*classicMember
	byID        map[string]*classicMember
	static      map[string]*classicMember // by instance id (KIP-345)
	pending     map[string]string         // member ids given out and not joined with yet (KIP-394): their timers
	support     map[string]int            // protocol: how many members support it
	joining     int                       // members that wait for their JoinGroup's answer
	syncsDue    int                       // members that have not synced in this generation
	subscribed  map[string]struct{}       // topics of all members; nil: not known
	memberAdded bool                      // since the initial delay was last extended
	rebalance   rebalanceStory
}

// classicMember is a member of a classic group.
type classicMember struct {
	id                 string
	instanceID         *string
	clientID           string
	clientHost         string
	rebalanceTimeoutMs int32
	sessionTimeoutMs   int32
	protocols          []classicProtocolOf // in the order of preference
	assignment         []byte
	join               *joinWaiter
	sync               *syncWaiter
	isNew              bool // has not had its first JoinGroup answered
	syncDue            bool
	timer              string    // the key of its session's timer
	due                time.Time // when its session ends
	fires              time.Time // when the timer fires, at the latest then; zero: it is not set
}

// classicProtocolOf is a protocol that a member supports, with what it says in it (a consumer: its subscription).
type classicProtocolOf struct {
	name     string
	metadata []byte
}

func newClassicGroup(m *machine, id string) *classicGroup {
	return &classicGroup{m: m, id: id, before: classicDead, sinceMs: time.Now().UnixMilli()}
}

func (g *classicGroup) kind() string         { return "classic" }
func (g *classicGroup) state() string        { return g.now.String() }
func (g *classicGroup) protocolType() string { return g.typ }
func (g *classicGroup) empty() bool          { return g.now == classicEmpty }

func (g *classicGroup) hasMember(id string) bool { return g.byID[id] != nil }

// moveTo changes the state.
func (g *classicGroup) moveTo(s classicState) {
	g.before, g.now, g.sinceMs = g.now, s, time.Now().UnixMilli()
}

// canRebalance tells whether a rebalance may begin in this state.
func (g *classicGroup) canRebalance() bool {
	return g.now == classicStable || g.now == classicCompleting || g.now == classicEmpty
}

// checkMember refuses who is not a member, or not the one that holds the instance id any more.
func (g *classicGroup) checkMember(memberID string, instanceID *string) error {
	if instanceID != nil {
		switch holder := g.static[*instanceID]; {
		case holder == nil:
			return kerr.UnknownMemberID
		case holder.id != memberID:
			return kerr.FencedInstanceID
		}
	}
	if g.byID[memberID] == nil {
		return kerr.UnknownMemberID
	}
	return nil
}

// supports tells whether a member with these protocols can be of this group.
func (g *classicGroup) supports(typ string, protocols []classicProtocolOf) bool {
	if g.now == classicEmpty {
		return typ != "" && len(protocols) > 0
	}
	return g.typ == typ && slices.ContainsFunc(protocols, func(p classicProtocolOf) bool {
		return g.support[p.name] == len(g.members)
	})
}

// add takes a member in; it waits for its join's answer when it has a waiter.
func (g *classicGroup) add(member *classicMember, typ string) {
	if g.byID == nil {
		g.byID, g.support = map[string]*classicMember{}, map[string]int{}
	}
	if len(g.members) == 0 {
		g.typ = typ
	}
	if g.leader == nil {
		g.leader = &member.id
	}
	if member.instanceID != nil {
		if g.static == nil {
			g.static = map[string]*classicMember{}
		}
		g.static[*member.instanceID] = member
	}
	g.members = append(g.members, member)
	g.byID[member.id] = member
	g.countProtocols(member, 1)
	if member.join != nil {
		g.joining++
	}
	if member.timer == "" {
		member.timer = g.m.newTimer("classic-session-")
	}
}

func (g *classicGroup) countProtocols(member *classicMember, by int) {
	for i := range member.protocols {
		name := member.protocols[i].name
		if g.support[name] += by; g.support[name] == 0 {
			delete(g.support, name)
		}
	}
}

// remove lets a member go. Whoever it keeps waiting is to be answered before.
func (g *classicGroup) remove(member *classicMember) {
	if g.byID[member.id] != member {
		return
	}
	g.m.host.Cancel(member.timer)
	delete(g.byID, member.id)
	g.members = slices.DeleteFunc(g.members, func(other *classicMember) bool { return other == member })
	g.countProtocols(member, -1)
	if member.join != nil {
		g.joining--
	}
	g.setSyncDue(member, false)
	if member.instanceID != nil {
		delete(g.static, *member.instanceID)
	}
	if g.leads(member) {
		g.leader = nil
		if len(g.members) > 0 {
			g.leader = &g.members[0].id
		}
	}
}

// removePending forgets a member id that was given out.
func (g *classicGroup) removePending(memberID string) bool {
	timer, ok := g.pending[memberID]
	if ok {
		g.m.host.Cancel(timer)
		delete(g.pending, memberID)
	}
	return ok
}

func (g *classicGroup) leads(member *classicMember) bool {
	return g.leader != nil && *g.leader == member.id
}

func (g *classicGroup) setSyncDue(member *classicMember, due bool) {
	if member.syncDue == due {
		return
	}
	member.syncDue = due
	if due {
		g.syncsDue++
	} else {
		g.syncsDue--
	}
}

// allJoined tells that nobody needs to be waited for.
func (g *classicGroup) allJoined() bool { return len(g.members) == g.joining && len(g.pending) == 0 }

// rebalanceTimeout is how long members get to join again: as long as the most patient one asks for.
func (g *classicGroup) rebalanceTimeout() time.Duration {
	var longest int32
	for _, member := range g.members {
		longest = max(longest, member.rebalanceTimeoutMs)
	}
	return time.Duration(longest) * time.Millisecond
}

// selectProtocol is the protocol that all support and most prefer. Of those with as many votes it is the one that the member which
// has been here longest prefers.
func (g *classicGroup) selectProtocol() *string {
	votes := make(map[string]int, 1)
	var best *string
	for _, member := range g.members {
		for i := range member.protocols {
			if name := &member.protocols[i].name; g.support[*name] == len(g.members) {
				votes[*name]++
				break
			}
		}
	}
	for _, member := range g.members {
		for i := range member.protocols {
			name := &member.protocols[i].name
			if n := votes[*name]; n > 0 && (best == nil || n > votes[*best]) {
				best = name
			}
		}
	}
	return best
}

// metadataOf is what a member says in a protocol.
func (member *classicMember) metadataOf(protocol *string) []byte {
	if protocol != nil {
		for i := range member.protocols {
			if member.protocols[i].name == *protocol {
				return member.protocols[i].metadata
			}
		}
	}
	return nil
}

// matches tells whether a member has said the same before.
func (member *classicMember) matches(protocols []classicProtocolOf) bool {
	return slices.EqualFunc(member.protocols, protocols, func(a, b classicProtocolOf) bool {
		return a.name == b.name && string(a.metadata) == string(b.metadata)
	})
}

// checkCommit refuses commits of who is not a member of the generation; without any membership an empty group takes them.
func (g *classicGroup) checkCommit(f *fence) error {
	switch {
	case g.now == classicDead:
		return kerr.CoordinatorNotAvailable
	case f.epoch < 0 && g.now == classicEmpty:
		return nil
	case f.epoch >= 0 || f.memberID != "" || f.instanceID != nil:
		if err := g.checkMember(f.memberID, f.instanceID); err != nil {
			return err
		}
		if f.epoch != g.generation {
			return kerr.IllegalGeneration
		}
	case !f.transactional && g.now != classicEmpty:
		return kerr.UnknownMemberID
	}
	if !f.transactional && g.now == classicCompleting {
		return kerr.RebalanceInProgress
	}
	return nil
}

// committed keeps a member's session alive by its commits.
func (g *classicGroup) committed(memberID string) {
	if member := g.byID[memberID]; member != nil && (g.now == classicStable || g.now == classicPreparing) {
		g.keepAlive(member)
	}
}

func (g *classicGroup) checkFetch(*string, int32) error { return nil }

// checkOffsetDelete allows it in a group with members only where it is known which topics they consume.
func (g *classicGroup) checkOffsetDelete() error {
	if g.now != classicEmpty && g.typ != consumerProtocolType {
		return kerr.NonEmptyGroup
	}
	return nil
}

func (g *classicGroup) checkDelete() error {
	if g.now != classicEmpty {
		return kerr.NonEmptyGroup
	}
	return nil
}

// subscribedTo errs on the safe side: a group of consumers whose subscriptions cannot be read may consume anything.
func (g *classicGroup) subscribedTo(topic string) bool {
	if g.subscribed == nil {
		return g.typ == consumerProtocolType
	}
	_, ok := g.subscribed[topic]
	return ok
}

// retentionStart is KIP-211's: from when the group became empty, or from the commit for topics that nobody consumes, and where the
// group has no membership at all.
func (g *classicGroup) retentionStart(o *offset) (sinceMs int64, expires bool) {
	switch {
	case g.typ == "":
		return o.commitMs, true
	case g.now == classicEmpty && g.sinceMs >= 0:
		return g.sinceMs, true
	case g.now == classicEmpty, g.now == classicStable && g.typ == consumerProtocolType && g.subscribed != nil:
		return o.commitMs, true
	}
	return 0, false
}

func (g *classicGroup) tombstones(records []coordinator.Record) []coordinator.Record {
	return append(records, coordinator.Record{Key: classicKey(g.id)})
}

// dropped cancels what the group waits for and sends back those who wait for it.
func (g *classicGroup) dropped() {
	g.m.host.Cancel(g.joinTimer())
	g.m.host.Cancel(g.syncTimer())
	for _, timer := range g.pending {
		g.m.host.Cancel(timer)
	}
	for _, member := range g.members {
		g.m.host.Cancel(member.timer)
	}
	g.answerAll(kerr.RebalanceInProgress.Code)
	g.moveTo(classicDead)
}

// unloaded sends those who wait to another coordinator.
func (g *classicGroup) unloaded() {
	g.answerAll(kerr.NotCoordinator.Code)
	g.moveTo(classicDead)
}

// answerAll answers all who wait with an error.
func (g *classicGroup) answerAll(code int16) {
	for _, member := range g.members {
		g.answerJoin(member, &joinAnswer{code: code, memberID: member.id})
		g.answerSync(member, code)
	}
}

func (g *classicGroup) joinTimer() string { return "classic-join-" + g.id }
func (g *classicGroup) syncTimer() string { return "classic-sync-" + g.id }

// newTimer is a key that no other timer of the machine has.
func (m *machine) newTimer(what string) string {
	m.timers++
	return what + strconv.FormatUint(m.timers, 10)
}
