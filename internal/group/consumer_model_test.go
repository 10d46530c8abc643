package group

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/coordinator"
	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

// TestConsumerGroupsSettle has random consumers join, pause, die, come back and leave, with answers that get lost, topics that come and
// go, and a log that refuses and moves, in virtual time. No partition is two members' of the group at a time, what is durable survives a
// move, and in the end every partition has an owner who knows it.
func TestConsumerGroupsSettle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var failure any
		synctest.Test(t, func(t *testing.T) {
			// What rapid panics with is rapid's, outside of the bubble.
			defer func() { failure = recover() }()
			checkConsumerModel(t, rt)
		})
		if failure != nil {
			panic(failure)
		}
	})
}

// consumerModel is a group and its clients.
type consumerModel struct {
	*world
	rt      *rapid.T
	clients []*consumerClient
}

// consumerClient is a consumer as Kafka's: it has what the last assignment said, and gives it up when it is fenced.
type consumerClient struct {
	m        *consumerModel
	name, id string
	lives    int
	instance *string
	topics   []string
	regex    string
	assignor string
	in       bool // it is running
	paused   bool
	epoch    int32
	owned    map[partitionOf]bool
	told     bool // the group has heard of what it owns
}

func checkConsumerModel(t *testing.T, rt *rapid.T) {
	m := &consumerModel{rt: rt, world: newWorld(t, fmt.Sprintf("group.consumer.assignment.interval.ms=%d",
		rapid.SampledFrom([]int{0, 1000}).Draw(rt, "interval")), "group.consumer.regex.refresh.interval.ms=20000")}
	defer m.c.Stop()
	m.topic("t", 4)
	m.topic("u", 2)
	for i := range 5 {
		c := &consumerClient{m: m, name: fmt.Sprintf("c%d", i)}
		if i >= 3 {
			c.instance = &c.name
		}
		m.clients = append(m.clients, c)
	}
	for range rapid.IntRange(1, 50).Draw(rt, "steps") {
		m.step()
		m.check()
	}
	m.settle()
}

func (m *consumerModel) step() {
	rt := m.rt
	c := m.clients[rapid.IntRange(0, len(m.clients)-1).Draw(rt, "client")]
	switch what := rapid.SampledFrom([]string{
		"start", "start", "start", "beat", "beat", "lost", "pass", "pass", "pause", "resume", "crash", "leave", "subscribe", "move", "topic",
		"drop", "refuse", "work",
	}).Draw(rt, "what"); {
	case what == "start" && !c.in:
		c.start()
	case what == "beat" && c.in && !c.paused:
		c.beat(false)
	case what == "lost" && c.in && !c.paused:
		c.beat(true)
	case what == "pass":
		m.pass(time.Duration(rapid.IntRange(1, 60).Draw(rt, "seconds")) * time.Second)
	case what == "pause":
		c.paused = true
	case what == "resume":
		c.paused = false
	case what == "crash":
		c.in, c.paused, c.owned = false, false, nil
	case what == "leave" && c.in && !c.paused:
		c.leave()
	case what == "subscribe" && c.in:
		c.subscribe()
	case what == "move":
		m.reload()
	case what == "topic":
		m.topic(rapid.SampledFrom([]string{"t", "u", "tu"}).Draw(rt, "topic"), rapid.Int32Range(1, 6).Draw(rt, "partitions"))
	case what == "drop" && m.cache.Image().Topics["u"] != nil:
		m.dropTopic("u")
	case what == "refuse":
		m.log.fails(coordinator.ErrUnavailable)
	case what == "work":
		m.log.fails(nil)
	}
	synctest.Wait()
}

// pass lets time pass, in which those who live send heartbeats.
func (m *consumerModel) pass(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(min(time.Until(end), 4*time.Second))
		synctest.Wait()
		for _, c := range m.clients {
			if c.in && !c.paused {
				c.beat(false)
				m.check()
			}
		}
	}
}

func (c *consumerClient) start() {
	c.lives++
	c.in, c.epoch, c.owned, c.id = true, 0, map[partitionOf]bool{}, fmt.Sprintf("%s-%d", c.name, c.lives)
	c.subscribe()
	c.beat(false)
}

func (c *consumerClient) subscribe() {
	c.regex, c.topics, c.assignor = "", nil, rapid.SampledFrom([]string{"uniform", "uniform", "range"}).Draw(c.m.rt, "assignor")
	switch rapid.IntRange(0, 3).Draw(c.m.rt, "subscription") {
	case 0:
		c.topics = []string{"t", "u"}
	case 1:
		c.regex = rapid.SampledFrom([]string{"t.*", "u|t", ".*"}).Draw(c.m.rt, "regex")
	default:
		c.topics = []string{"t"}
	}
	c.told = false
}

func (c *consumerClient) request() *kmsg.ConsumerGroupHeartbeatRequest {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.MemberEpoch, req.InstanceID = 1, "g", c.id, c.epoch, c.instance
	if c.epoch == 0 || !c.told {
		req.RebalanceTimeoutMillis, req.SubscribedTopicNames, req.SubscribedTopicRegex = 30_000, c.topics, &c.regex
		req.ServerAssignor = &c.assignor
		if c.topics == nil {
			req.SubscribedTopicNames = []string{}
		}
		req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		for at := range c.owned {
			req.Topics = append(req.Topics, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: at.topic, Partitions: []int32{at.partition}})
		}
	}
	return req
}

// beat sends a heartbeat and does what the answer says, unless that is lost.
func (c *consumerClient) beat(lost bool) {
	if c.epoch == 0 {
		c.owned = map[partitionOf]bool{}
	}
	var r *kmsg.ConsumerGroupHeartbeatResponse
	c.m.c.ConsumerGroupHeartbeat(Caller{c.name, "/127.0.0.1"}, c.request(), func(a *kmsg.ConsumerGroupHeartbeatResponse) { r = a })
	synctest.Wait()
	if r == nil {
		c.m.rt.Fatalf("%s is not answered", c.id)
	}
	if lost {
		c.told = false
		return
	}
	switch r.ErrorCode {
	case 0:
		if c.told, c.epoch = true, r.MemberEpoch; r.Assignment == nil {
			return
		}
		owned := map[partitionOf]bool{}
		for _, t := range r.Assignment.Topics {
			for _, p := range t.Partitions {
				owned[partitionOf{t.TopicID, p}] = true
			}
		}
		c.told = maps.Equal(owned, c.owned)
		c.owned = owned
	case kerr.UnknownMemberID.Code, kerr.FencedMemberEpoch.Code, kerr.GroupIDNotFound.Code:
		c.epoch, c.owned = 0, map[partitionOf]bool{}
	case kerr.UnreleasedInstanceID.Code, kerr.FencedInstanceID.Code:
		c.in, c.owned = false, nil
	case kerr.CoordinatorNotAvailable.Code, kerr.NotCoordinator.Code, kerr.CoordinatorLoadInProgress.Code:
		c.told = false
	default:
		c.m.rt.Fatalf("%s: %s", c.id, code(r.ErrorCode))
	}
}

func (c *consumerClient) leave() {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.MemberEpoch, req.InstanceID = 1, "g", c.id, epochLeaving, c.instance
	if c.instance != nil && rapid.Bool().Draw(c.m.rt, "for a while") {
		req.MemberEpoch = epochStaticLeaving
	}
	c.in, c.owned = false, nil
	c.m.c.ConsumerGroupHeartbeat(Caller{c.name, "/127.0.0.1"}, req, func(*kmsg.ConsumerGroupHeartbeatResponse) {})
	synctest.Wait()
}

// group looks at the group itself; what f finds wrong is told when the partition's lock has been released.
func (m *consumerModel) group(f func(g *consumerGroup) error) {
	var wrong error
	err := m.c.runtime.Do(0, func(machine *machine) coordinator.Result {
		if g, ok := machine.groups["g"].(*consumerGroup); ok {
			wrong = f(g)
		}
		return coordinator.Result{}
	})
	if err := errors.Join(err, wrong); err != nil {
		m.rt.Fatalf("%v", err)
	}
}

// check wants no partition to be two clients' that the group takes for members.
func (m *consumerModel) check() {
	m.group(func(g *consumerGroup) error {
		owners := map[partitionOf]string{}
		for _, c := range m.clients {
			if g.members[c.id] == nil {
				continue // it is fenced, whatever it believes
			}
			for at := range c.owned {
				if m.cache.Image().ByID[at.topic] == nil {
					continue
				}
				if other := owners[at]; other != "" {
					return fmt.Errorf("%v is %s's and %s's", at, other, c.id)
				}
				owners[at] = c.id
				if owner := g.owners[at]; owner != c.id {
					return fmt.Errorf("%s has %v, which the group takes for %q's", c.id, at, owner)
				}
			}
		}
		return nil
	})
}

// durable is the group as its records say.
func (m *consumerModel) durable() (text string) {
	m.group(func(g *consumerGroup) error {
		text = fmt.Sprintln(g.epoch, g.assignmentEpoch, g.assignmentMs, g.metadataHash, g.state(), g.static, len(g.owners))
		for _, member := range g.with(nil) {
			text += fmt.Sprintln(string(metadataRecord("g", member).Value), currentRecord("g", member).Value, g.targets[member.id])
		}
		for _, regex := range slices.Sorted(maps.Keys(g.regexes)) {
			text += fmt.Sprintln(regex, *g.regexes[regex])
		}
		return nil
	})
	return text
}

func (m *consumerModel) reload() {
	time.Sleep(time.Millisecond) // regular expressions that are being resolved
	synctest.Wait()
	before := m.durable()
	m.move()
	if after := m.durable(); after != before {
		m.rt.Fatalf("before the move:\n%s\nafter it:\n%s", before, after)
	}
}

// settle lets everybody be, and wants the group to come to rest with all partitions given out.
func (m *consumerModel) settle() {
	m.log.fails(nil)
	for _, c := range m.clients {
		c.paused = false
	}
	m.pass(150 * time.Second)
	var seen []string
	m.group(func(g *consumerGroup) error {
		if state := g.state(); state != "Stable" && state != "Empty" {
			return fmt.Errorf("the group is %s:\n%s", state, m.words.take())
		}
		wanted := map[metadata.TopicID]int{}
		for _, c := range m.clients {
			if !c.in {
				continue
			}
			member := g.members[c.id]
			if member == nil || member.epoch != c.epoch {
				return fmt.Errorf("%s in epoch %d is %+v to the group", c.id, c.epoch, member)
			}
			seen = append(seen, c.id)
			for _, id := range idsOf(m.cache.Image(), g.subscriptionOf(member)) {
				wanted[id] = len(m.cache.Image().ByID[id].Partitions)
			}
		}
		for id, n := range wanted {
			for p := range n {
				at := partitionOf{id, int32(p)}
				owner := slices.IndexFunc(m.clients, func(c *consumerClient) bool { return c.in && c.owned[at] })
				if owner < 0 || g.owners[at] != m.clients[owner].id {
					return fmt.Errorf("%v: owner %d, %q to the group", at, owner, g.owners[at])
				}
			}
		}
		if len(g.members) != len(seen) {
			return fmt.Errorf("the group has %d members: %s live", len(g.members), strings.Join(seen, " "))
		}
		return nil
	})
}
