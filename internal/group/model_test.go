package group

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/coordinator"

	"pgregory.net/rapid"
)

// TestGroupsSettle has random clients join, pause, die, come back, leave and commit, while the log refuses, holds back and moves, in
// virtual time. No partition has two owners in one generation, acknowledged offsets never go back, what is durable survives a move, and
// in the end the group settles.
func TestGroupsSettle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var failure any
		synctest.Test(t, func(t *testing.T) {
			defer func() { failure = recover() }()
			checkModel(t, rt)
		})
		// Outside of the bubble what rapid panics with is rapid's. It tells failures apart by where they come from.
		switch failure := failure.(type) {
		case nil:
		case broken:
			rt.Fatalf("%s", string(failure))
		default:
			panic(failure)
		}
	})
}

// broken is a promise that was not kept.
type broken string

func checkModel(t *testing.T, rt *rapid.T) {
	m := &model{world: newWorld(t, "group.initial.rebalance.delay.ms=500"), owners: map[int32]map[int32]string{}}
	m.fail = func(format string, a ...any) { panic(broken(fmt.Sprintf(format, a...))) }
	defer m.c.Stop()
	m.topic("t", modelPartitions)
	for i := range 5 {
		c := &client{m: m, name: fmt.Sprintf("c%d", i), state: "out"}
		if i >= 3 {
			// Two processes of the same static member: the later one has the place.
			c.instance = optional("i")
		}
		m.clients = append(m.clients, c)
	}
	for range rapid.SampledFrom([]int{5, 30, 60, 90}).Draw(rt, "steps") {
		m.step(rt)
		m.pump()
	}
	m.settle()
}

// step does one random thing.
func (m *model) step(rt *rapid.T) {
	c := m.clients[rapid.IntRange(0, len(m.clients)-1).Draw(rt, "client")]
	alive := c.state != "out" && !c.paused
	switch what := rapid.SampledFrom([]string{
		"start", "start", "commit", "commit", "pass", "pass", "pass", "pause", "resume", "crash", "leave", "move", "hold", "release", "refuse",
		"prepare", "arrive",
	}).Draw(rt, "what"); {
	case what == "start" && c.state == "out":
		c.join()
	case what == "commit" && alive:
		c.commit()
	case what == "prepare" && alive:
		c.late = c.prepareCommit()
	case what == "arrive" && c.late != nil:
		c.late()
		c.late = nil
	case what == "pass":
		m.pass(rapid.SampledFrom(passes()).Draw(rt, "time"))
	case what == "pause" && alive:
		c.paused = true
	case what == "resume" && c.paused:
		m.resume(c)
	case what == "crash":
		c.stop()
	case what == "leave" && alive && c.id != "":
		c.leave()
	case what == "move":
		m.reload()
	case what == "hold":
		m.log.hold()
	case what == "release":
		m.log.fails(nil)
		m.log.release()
	case what == "refuse":
		m.log.fails(coordinator.ErrUnavailable)
		m.refused = true
	}
}

// resume has a client find what came in its pause, which it may have spent outside of the group.
func (m *model) resume(c *client) {
	missed := c.missed
	c.paused, c.missed = false, nil
	c.commit()
	for _, f := range missed {
		f()
	}
}

// reload moves the partition away and back, and compares. What is not committed is lost by that, so the log works first half of the time.
func (m *model) reload() {
	m.log.fails(nil)
	m.log.release()
	m.pump()
	before := m.durable()
	m.move()
	m.pump()
	if after := m.durable(); len(before) > 0 && before[0] != ' ' && !m.refused && !sameDurable(before, after) {
		m.fail("before the move:\n%s\nafter it:\n%s", before, after)
	}
}

// sameDurable tells whether all that was durable before is there after; a group in a rebalance before may be anything after.
func sameDurable(before, after string) bool {
	if before == after {
		return true
	}
	return len(before) < len(after) && after[len(after)-len(before):] == before
}

// passes are times that matter: to the initial delay, a heartbeat, a session, a rebalance.
func passes() []time.Duration {
	return []time.Duration{time.Millisecond, 700 * time.Millisecond, 4 * time.Second, 4 * time.Second, 11 * time.Second, 16 * time.Second}
}

// pump hands out answers until there are none left.
func (m *model) pump() {
	for {
		synctest.Wait()
		m.mu.Lock()
		todo := m.inbox
		m.inbox = nil
		m.mu.Unlock()
		if len(todo) == 0 {
			return
		}
		for _, f := range todo {
			f()
		}
	}
}

// pass lets time pass, in which clients send their heartbeats.
func (m *model) pass(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(min(time.Until(end), 500*time.Millisecond))
		for _, c := range m.clients {
			if c.state == "stable" && !c.paused && !c.beating && !time.Now().Before(c.beatAt) {
				c.heartbeat()
			}
		}
		m.pump()
	}
}

// settle lets everything work again, and all clients live, and waits for as long as a rebalance may last.
func (m *model) settle() {
	m.log.fails(nil)
	m.log.release()
	for _, c := range m.clients {
		if c.paused {
			m.resume(c)
		}
	}
	m.pass(2 * time.Minute)
	owners, generation, members := map[int32]string{}, int32(-1), 0
	for _, c := range m.clients {
		if c.state == "out" {
			continue
		}
		if members++; c.state != "stable" {
			m.fail("%s is %s after two minutes of peace", c.name, c.state)
		}
		if generation >= 0 && c.generation != generation {
			m.fail("generations %d and %d", generation, c.generation)
		}
		generation = c.generation
		for _, p := range c.owned {
			if owners[p] != "" {
				m.fail("partition %d is %s's and %s's", p, owners[p], c.name)
			}
			owners[p] = c.name
		}
	}
	if members > 0 && len(owners) != modelPartitions {
		m.fail("%d members own %d partitions: %v", members, len(owners), owners)
	}
	m.reload()
}
