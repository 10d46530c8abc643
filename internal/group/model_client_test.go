package group

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"milena/internal/coordinator"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const modelPartitions = 7

// model is a group of clients that behave as consumers do, and what must hold of what they are told.
type model struct {
	*world
	fail    func(format string, a ...any)
	clients []*client

	mu    sync.Mutex // guards inbox
	inbox []func()

	owners  map[int32]map[int32]string // generation: partition: member that was given it
	acked   [modelPartitions]acked     // the last commit that was acknowledged
	refused bool                       // the log has refused something: soft state may be ahead of it
}

// acked is a commit and whose generation it was.
type acked struct {
	offset     int64
	generation int32
}

// client is one consumer. It is touched by the test's goroutine alone: answers come by the inbox.
type client struct {
	m          *model
	name       string
	instance   *string
	id         string
	generation int32
	owned      []int32
	next       map[int32]int64 // the offset to commit next, by owned partition
	state      string          // out, joining, syncing, fetching, stable
	epoch      int             // counts lives and tries: answers to older ones are forgotten
	paused     bool
	missed     []func() // answers that came in the pause
	late       func()   // a commit under way
	beatAt     time.Time
	beating    bool
}

// answer makes what gives a client an answer: it is forgotten when the client has gone on meanwhile.
func (c *client) answer() func(f func()) {
	epoch := c.epoch
	return func(f func()) {
		c.m.mu.Lock()
		defer c.m.mu.Unlock()
		c.m.inbox = append(c.m.inbox, func() { c.take(epoch, f) })
	}
}

func (c *client) take(epoch int, f func()) {
	switch {
	case c.epoch != epoch:
	case c.paused:
		c.missed = append(c.missed, func() { c.take(epoch, f) })
	default:
		f()
	}
}

func (c *client) caller() Caller { return Caller{c.name, "/127.0.0.1"} }

// again has a client do something in a second, unless it does something else first.
func (c *client) again(f func()) {
	answer := c.answer()
	time.AfterFunc(time.Second, func() { answer(f) })
}

// wait has a client join again in a second; until then it does nothing.
func (c *client) wait() {
	c.state = "waiting"
	c.again(c.join)
}

func (c *client) join() {
	c.epoch++
	c.state, c.owned, c.beating = "joining", nil, false
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID, req.ProtocolType = 9, "g", c.id, c.instance, consumerProtocolType
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = 10_000, 15_000
	p := kmsg.NewJoinGroupRequestProtocol()
	p.Name, p.Metadata = "range", subscription([]string{"t"})
	req.Protocols = append(req.Protocols, p)
	answer := c.answer()
	c.m.c.JoinGroup(c.caller(), req, func(r *kmsg.JoinGroupResponse) { answer(func() { c.joined(r) }) })
}

func (c *client) joined(r *kmsg.JoinGroupResponse) {
	switch r.ErrorCode {
	case 0:
		c.id, c.generation = r.MemberID, r.Generation
		c.sync(r)
	case kerr.MemberIDRequired.Code:
		c.id = r.MemberID
		c.join()
	case kerr.UnknownMemberID.Code:
		c.id = ""
		c.again(c.join)
	case kerr.FencedInstanceID.Code:
		c.stop() // another process has the place
	default:
		c.again(c.join)
	}
}

func (c *client) sync(r *kmsg.JoinGroupResponse) {
	c.state = "syncing"
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID, req.Generation = 5, "g", c.id, c.instance, c.generation
	typ := consumerProtocolType
	req.ProtocolType, req.Protocol = &typ, r.Protocol
	if r.LeaderID == c.id && !r.SkipAssignment {
		if len(r.Members) == 0 {
			c.m.fail("the leader is not told the members")
		}
		for i := range r.Members {
			a := kmsg.NewSyncGroupRequestGroupAssignment()
			a.MemberID = r.Members[i].MemberID
			for p := i; p < modelPartitions; p += len(r.Members) {
				a.MemberAssignment = append(a.MemberAssignment, byte(p))
			}
			req.GroupAssignment = append(req.GroupAssignment, a)
		}
	}
	answer := c.answer()
	c.m.c.SyncGroup(c.caller(), req, func(r *kmsg.SyncGroupResponse) { answer(func() { c.synced(r) }) })
}

func (c *client) synced(r *kmsg.SyncGroupResponse) {
	if c.rejected(r.ErrorCode) {
		return
	}
	c.owned, c.next = nil, map[int32]int64{}
	for _, p := range r.MemberAssignment {
		c.owned = append(c.owned, int32(p))
	}
	c.m.given(c)
	c.fetch()
}

// rejected does what an error of a member's request asks for; false: there is none.
func (c *client) rejected(code int16) bool {
	switch code {
	case 0:
		return false
	case kerr.FencedInstanceID.Code:
		c.stop()
	case kerr.UnknownMemberID.Code:
		c.id = ""
		c.wait()
	default:
		c.wait()
	}
	return true
}

// given checks that nobody else had the partitions in this generation. A static member's next process has the same ones.
func (m *model) given(c *client) {
	of := m.owners[c.generation]
	if of == nil {
		of = map[int32]string{}
		m.owners[c.generation] = of
	}
	who := c.id
	if c.instance != nil {
		who = *c.instance
	}
	for _, p := range c.owned {
		if other, taken := of[p]; taken && other != who {
			m.fail("generation %d: partition %d is %s's and %s's", c.generation, p, other, who)
		}
		of[p] = who
	}
}

// fetch asks where to go on.
func (c *client) fetch() {
	c.state = "fetching"
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Version, req.RequireStable = 8, true
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group, g.Topics = "g", []kmsg.OffsetFetchRequestGroupTopic{{Topic: "t", Partitions: c.owned}}
	req.Groups = append(req.Groups, g)
	acked, answer := c.m.acked, c.answer()
	c.m.c.OffsetFetch(req, func(r *kmsg.OffsetFetchResponse) {
		answer(func() {
			if r.Groups[0].ErrorCode != 0 {
				c.again(c.fetch)
				return
			}
			for _, p := range r.Groups[0].Topics[0].Partitions {
				if last := acked[p.Partition].offset; p.Offset < last && last > 0 {
					c.m.fail("partition %d: offset %d after %d was acknowledged", p.Partition, p.Offset, last)
				}
				c.next[p.Partition] = max(p.Offset, 0) + 1
			}
			c.state, c.beatAt, c.beating = "stable", time.Now().Add(3*time.Second), false
		})
	})
}

func (c *client) heartbeat() {
	c.beating = true
	req := kmsg.NewPtrHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID, req.Generation = 4, "g", c.id, c.instance, c.generation
	answer := c.answer()
	c.m.c.Heartbeat(c.caller(), req, func(r *kmsg.HeartbeatResponse) {
		answer(func() {
			c.beating, c.beatAt = false, time.Now().Add(3*time.Second)
			switch r.ErrorCode {
			case kerr.NotCoordinator.Code, kerr.CoordinatorNotAvailable.Code:
			default:
				c.rejected(r.ErrorCode)
			}
		})
	})
}

// commit commits one offset more of every partition that the client believes to own. A pause makes that belief wrong: it is
// refused then.
func (c *client) commit() {
	// A client's own commits do not overtake each other.
	c.late = nil
	if send := c.prepareCommit(); send != nil {
		send()
	}
}

// prepareCommit makes a commit that may be sent, and arrive, when the client is long somewhere else.
func (c *client) prepareCommit() (send func()) {
	if c.state != "stable" || len(c.owned) == 0 {
		return nil
	}
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID, req.Generation = 8, "g", c.id, c.instance, c.generation
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic = "t"
	sent := map[int32]int64{}
	for _, number := range c.owned {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset = number, c.next[number]
		sent[number] = p.Offset
		c.next[number]++
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	return func() { c.sendCommit(req, sent) }
}

func (c *client) sendCommit(req *kmsg.OffsetCommitRequest, sent map[int32]int64) {
	m := c.m
	m.c.OffsetCommit(c.caller(), req, func(r *kmsg.OffsetCommitResponse) {
		m.mu.Lock()
		defer m.mu.Unlock()
		// The broker's promise holds whether or not the client lives to see it.
		m.inbox = append(m.inbox, func() {
			for _, p := range r.Topics[0].Partitions {
				if p.ErrorCode != 0 {
					continue
				}
				last := &m.acked[p.Partition]
				if req.Generation < last.generation || sent[p.Partition] < last.offset {
					m.fail("partition %d: commit of %d in generation %d taken after that of %d in %d", p.Partition, sent[p.Partition],
						req.Generation, last.offset, last.generation)
				}
				*last = acked{sent[p.Partition], req.Generation}
			}
		})
	})
}

func (c *client) leave() {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Version, req.Group = 5, "g"
	of := kmsg.NewLeaveGroupRequestMember()
	of.MemberID, of.InstanceID = c.id, c.instance
	req.Members = append(req.Members, of)
	c.m.c.LeaveGroup(c.caller(), req, func(*kmsg.LeaveGroupResponse) {})
	c.stop()
}

// stop is the end of a process.
func (c *client) stop() {
	c.epoch++
	c.state, c.id, c.owned, c.paused, c.missed = "out", "", nil, false, nil
}

// durable is what a machine has that a move must keep: groups that are not in a rebalance, and all offsets.
func (m *model) durable() string {
	var s string
	err := m.c.runtime.Do(0, func(x *machine) coordinator.Result {
		if g, _ := x.groups["g"].(*classicGroup); g != nil && !m.refused && (g.now == classicStable || g.now == classicEmpty) {
			var members []string
			for _, member := range g.members {
				members = append(members, fmt.Sprintf("%s %s %v", member.id, text(member.instanceID), member.assignment))
			}
			slices.Sort(members)
			s = fmt.Sprintf("%s %s generation %d protocol %s %v\n", g.state(), g.typ, g.generation, text(g.protocol), members)
		}
		for p := range int32(modelPartitions) {
			if o := x.offsets.groups["g"].topic("t").partition(p); o != nil {
				s += fmt.Sprintf("%d:%d at %d\n", p, o.offset, o.logOffset)
			}
		}
		return coordinator.Result{}
	})
	if err != nil {
		m.fail("%v", err)
	}
	return s
}
