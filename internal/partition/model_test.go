package partition

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/config"
	"milena/internal/record"

	"pgregory.net/rapid"
)

// modelLagMs is replica.lag.time.max.ms.
const modelLagMs = 100

// modelFetch is one fetch of a follower, and where the leader's log ended then.
type modelFetch struct {
	atMs, offset, leaderEnd int64
}

// model is a leader (broker 1, of replicas 1 to 4), and its naive twin: all that happened in this leader epoch, from which everything is computed
// anew each time. It plays the controller too, whose answers may get lost.
type model struct {
	t        *rapid.T
	log      *fakeLog
	part     *Partition
	asked    *Proposal
	dead     []int32
	last     Appended
	unsynced bool

	epoch, version int32
	inForce        [][]int32 // ISRs that the controller has written since the leader last heard, and the one that it heard of
	elr            []int32
	told           []int32 // the ISR that the leader was told last
	toldELR        []int32
	pending        []int32 // the ISR that it asks for
	ownEnd         int64
	fetches        map[int32][]modelFetch
	void           map[int32]int // how many of them tell nothing any more of when a follower had everything
	inEpochMs      int64         // when this epoch began
	startISR       []int32
	highWatermark  int64
}

func (m *model) end() int64 { return m.log.end() }

// has is what a follower has, -1 unknown.
func (m *model) has(id int32) int64 {
	if all := m.fetches[id]; len(all) > 0 {
		return all[len(all)-1].offset
	}
	return -1
}

// behind tells whether a follower has not had everything for longer than it may. It had everything when it fetched from the log's end, and at
// the fetch before one that began where the log had ended then. What it had is over when it is taken out of the ISR, or comes back with less.
func (m *model) behind(id int32) bool {
	if m.has(id) == m.end() {
		return false
	}
	last := int64(-1 << 40)
	if slices.Contains(m.startISR, id) {
		last = m.inEpochMs
	}
	for i, f := range m.fetches[id] {
		if i < m.void[id] {
			continue
		}
		if f.offset >= f.leaderEnd {
			last = max(last, f.atMs)
		} else if i > 0 && f.offset >= m.fetches[id][i-1].leaderEnd {
			last = max(last, m.fetches[id][i-1].atMs)
		}
	}
	return time.Now().UnixMilli()-last > modelLagMs
}

// expected is the high watermark: what all have that are, or may be, in the ISR, and those that are about to join.
func (m *model) expected() int64 {
	if len(m.told) < m.log.cfg.MinInsyncReplicas || len(m.toldELR) > 0 {
		return m.highWatermark
	}
	to := m.ownEnd
	for id := int32(2); id <= 4; id++ {
		joins := m.has(id) >= 0 && !m.behind(id) && !slices.Contains(m.dead, id)
		if slices.Contains(m.told, id) || slices.Contains(m.pending, id) || joins {
			to = min(to, m.has(id))
		}
	}
	return max(m.highWatermark, to)
}

// check compares, where the leader has looked; and what it has committed, it may.
func (m *model) check(what string, looked bool) {
	hw := m.part.HighWatermark()
	if want := m.expected(); looked && hw != want {
		m.t.Fatalf("%s: the high watermark is %d, not %d: ISR %v, asked for %v, ELR %v, own %d, fetched %v", what, hw, want, m.told, m.pending,
			m.toldELR, m.ownEnd, m.fetches)
	}
	if hw < m.highWatermark {
		m.t.Fatalf("%s: the high watermark went from %d back to %d", what, m.highWatermark, hw)
	}
	if hw > m.highWatermark {
		for _, isr := range m.inForce {
			for _, id := range isr {
				if id != 1 && m.has(id) < hw {
					m.t.Fatalf("%s: %d is committed; ISR %v may be in force, of which %d has %d", what, hw, isr, id, m.has(id))
				}
			}
		}
		if len(m.elr) > 0 {
			m.t.Fatalf("%s: %d is committed, while %v may be elected", what, hw, m.elr)
		}
	}
	m.highWatermark = hw
}

// become begins an epoch, or tells of another ISR in the same one.
func (m *model) become(isr, elr []int32, epoch int32) {
	m.version++
	if fresh := epoch > m.epoch; fresh {
		m.epoch, m.fetches, m.startISR, m.inEpochMs, m.void = epoch, map[int32][]modelFetch{}, isr, time.Now().UnixMilli(), map[int32]int{}
	}
	for _, id := range m.told {
		if id != 1 && !slices.Contains(isr, id) {
			m.forget(id)
		}
	}
	m.inForce, m.told, m.elr, m.toldELR, m.pending, m.asked = [][]int32{isr}, isr, elr, elr, nil, nil
	if err := m.part.Become(Change{
		Leader: 1, LeaderEpoch: epoch, PartitionEpoch: m.version, Replicas: []int32{1, 2, 3, 4}, ISR: isr, ELR: elr,
	}); err != nil {
		m.t.Fatal(err)
	}
	m.check("become", true)
}

// forget voids what a follower's fetches have told of when it had everything, and the time that members of an ISR get for the first one.
func (m *model) forget(id int32) {
	m.void[id] = len(m.fetches[id])
	m.startISR = slices.DeleteFunc(slices.Clone(m.startISR), func(other int32) bool { return other == id })
}

// answer is the controller's to what the leader asks for: it writes it or not, and the leader hears of it or not.
func (m *model) answer(t *rapid.T) {
	p := m.asked
	if p == nil {
		return
	}
	if rapid.IntRange(0, 3).Draw(t, "refused") == 0 {
		m.asked, m.pending = nil, nil
		m.part.Refused(*p)
		m.check("refused", false)
		return
	}
	m.version++
	before := m.inForce[len(m.inForce)-1]
	elr := m.shrunk(before, p.ISR, p.MinInsync)
	m.inForce, m.elr = append(m.inForce, p.ISR), elr
	if rapid.IntRange(0, 3).Draw(t, "reply lost") == 0 {
		m.become(p.ISR, elr, m.epoch) // a LeaderAndIsr tells later
		return
	}
	m.asked, m.pending, m.told, m.toldELR, m.inForce = nil, nil, p.ISR, elr, [][]int32{p.ISR}
	m.part.Accepted(*p, p.ISR, elr, m.version)
	m.check("accepted", true)
}

// shrunk is the ELR after a change of the ISR.
func (m *model) shrunk(before, isr []int32, minInsync int) (elr []int32) {
	if len(isr) >= minInsync {
		return nil
	}
	for _, id := range append(slices.Clone(m.elr), before...) {
		if !slices.Contains(isr, id) && !slices.Contains(elr, id) {
			elr = append(elr, id)
		}
	}
	return elr
}

func (m *model) step(t *rapid.T) {
	switch rapid.IntRange(0, 9).Draw(t, "do") {
	case 0, 1:
		m.log.mustSync = rapid.Bool().Draw(t, "must sync")
		count := rapid.Int32Range(1, 3).Draw(t, "records")
		a, err := m.part.Append(record.Checked{MaxTimestampOffsetDelta: count - 1}, AcksOne, record.FromClient)
		if err != nil {
			t.Fatal(err)
		}
		if m.last = a; !a.MustSync {
			m.ownEnd = max(m.ownEnd, a.End())
		}
		m.unsynced = a.MustSync
		m.check("append", !a.MustSync)
	case 2:
		if m.unsynced {
			m.unsynced, m.ownEnd = false, max(m.ownEnd, m.last.End())
			m.part.SyncThen(&m.last, func(error) {})
			m.check("sync", true)
		}
	case 3, 4, 5:
		id := rapid.Int32Range(2, 4).Draw(t, "follower")
		from := max(0, m.has(id))
		offset := rapid.Int64Range(from, m.end()).Draw(t, "offset")
		if rapid.IntRange(0, 7).Draw(t, "comes back with less") == 0 {
			offset = rapid.Int64Range(0, from).Draw(t, "less")
		}
		if offset < from {
			m.forget(id)
		}
		m.fetches[id] = append(m.fetches[id], modelFetch{time.Now().UnixMilli(), offset, m.end()})
		moved := len(m.fetches[id]) == 1 || offset != from
		if isr := m.wantsIn(id, offset, moved); isr != nil {
			m.part.Fetched(id, m.epoch, offset, 0, 7)
			if m.asked == nil || !slices.Equal(m.asked.ISR, isr) {
				t.Fatalf("%d fetches from %d, and %v is asked for, not %v", id, offset, m.asked, isr)
			}
			m.pending = isr
		} else if m.part.Fetched(id, m.epoch, offset, 0, 7); m.pending == nil && m.asked != nil {
			t.Fatalf("%d fetches from %d: %v is asked for", id, offset, m.asked.ISR)
		}
		m.check("fetch", moved && m.pending == nil)
	case 6:
		time.Sleep(time.Duration(rapid.IntRange(1, 80).Draw(t, "ms")) * time.Millisecond)
	case 7:
		m.checkISR(t)
	case 8:
		m.answer(t)
	case 9:
		m.change(t)
	}
}

// wantsIn is the ISR that is to be asked for when a follower fetches; nil: none. It has all that is committed by then, and the leader looks what
// that is when the follower has moved.
func (m *model) wantsIn(id int32, offset int64, moved bool) []int32 {
	if m.pending != nil || slices.Contains(m.told, id) || slices.Contains(m.dead, id) || offset < m.part.State().LeaderEpochStart {
		return nil
	}
	if offset < m.highWatermark || moved && offset < m.expected() {
		return nil
	}
	return append(slices.Clone(m.told), id)
}

func (m *model) checkISR(t *rapid.T) {
	want := slices.DeleteFunc(slices.Clone(m.told), func(id int32) bool { return id != 1 && m.behind(id) })
	asks := m.pending == nil && (len(want) < len(m.told) || len(m.toldELR) > 0 && len(want) >= m.log.cfg.MinInsyncReplicas)
	m.part.CheckISR()
	m.check("check of the ISR", true)
	switch {
	case asks && (m.asked == nil || !slices.Equal(m.asked.ISR, want)):
		t.Fatalf("asked for %v, not for %v", m.asked, want)
	case !asks && m.pending == nil && m.asked != nil:
		t.Fatalf("asked for %v without need", m.asked.ISR)
	case asks:
		m.pending = want
	}
}

// change is the rest of the world: brokers die, leaders are elected, min.insync.replicas changes.
func (m *model) change(t *rapid.T) {
	switch rapid.IntRange(0, 2).Draw(t, "change") {
	case 0:
		m.log.cfg.MinInsyncReplicas = rapid.IntRange(1, 3).Draw(t, "min.insync.replicas")
	case 1:
		m.dead = nil
		if id := rapid.Int32Range(2, 6).Draw(t, "dead"); id <= 4 {
			m.dead = []int32{id}
		}
	case 2: // the controller takes one out of the ISR, or elects this broker again
		before := m.inForce[len(m.inForce)-1]
		isr := slices.DeleteFunc(slices.Clone(before), func(id int32) bool { return id != 1 && slices.Contains(m.dead, id) })
		m.become(isr, m.shrunk(before, isr, m.log.cfg.MinInsyncReplicas), m.epoch+rapid.Int32Range(0, 1).Draw(t, "elected"))
	}
}

// TestISRModel: ISR and high watermark are what a naive computation gives, and nothing is committed that a member of an ISR that may be in force,
// or one of the ELR, does not have.
func TestISRModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var failed any
		synctest.Test(t, func(*testing.T) {
			defer func() { failed = recover() }() // rapid wants it on its own goroutine
			m := &model{t: rt, log: &fakeLog{unstable: -1, cfg: config.Topic{MinInsyncReplicas: 2}}, epoch: -1, fetches: map[int32][]modelFetch{}}
			m.part = New("t", 0, 1, m.log, 0)
			m.part.SetReplication(Replication{
				MaxLagMs: func() int64 { return modelLagMs },
				Eligible: func(broker int32, _ int64) bool { return !slices.Contains(m.dead, broker) },
				Propose:  func(_ *Partition, p Proposal) { m.asked = &p },
			})
			m.become([]int32{1, 2, 3}, nil, 0)
			for range 60 {
				m.step(rt)
			}
		})
		if failed != nil {
			panic(failed)
		}
	})
}
