package assign

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// worth is what a uniform assignment is judged by: first how even the loads are, then how much is taken from those who had it.
type worth struct {
	squares int // sum of the squares of the loads
	moves   int // partitions that a member had, and could keep, and has no more
}

func (w worth) worseThan(o worth) bool {
	return w.squares > o.squares || w.squares == o.squares && w.moves > o.moves
}

func worthOf(s *Spec, targets map[string]Partitions) (w worth) {
	for _, n := range loads(s, targets) {
		w.squares += n * n
	}
	for _, m := range s.Members {
		for id, partitions := range m.Target {
			for _, p := range partitions {
				if slices.Contains(m.Topics, id) && p < s.NumPartitions[id] && !slices.Contains(targets[m.ID][id], p) {
					w.moves++
				}
			}
		}
	}
	return w
}

// bestWorth tries every assignment.
func bestWorth(s *Spec) worth {
	var owners [][]int // by partition: who may have it
	var had []int      // by partition: who had it, and may have it
	for id, n := range s.NumPartitions {
		var subscribers []int
		for i, m := range s.Members {
			if slices.Contains(m.Topics, id) {
				subscribers = append(subscribers, i)
			}
		}
		for p := range n {
			if len(subscribers) > 0 {
				owners = append(owners, subscribers)
				had = append(had, slices.IndexFunc(s.Members, func(m Member) bool {
					return slices.Contains(m.Topics, id) && slices.Contains(m.Target[id], p)
				}))
			}
		}
	}
	best := worth{squares: 1 << 30}
	load := make([]int, len(s.Members))
	var try func(at int, w worth)
	try = func(at int, w worth) {
		switch {
		case !best.worseThan(w): // what is still to come makes it no better
		case at == len(owners):
			best = w
		default:
			for _, m := range owners[at] {
				next := worth{w.squares + 2*load[m] + 1, w.moves}
				if had[at] >= 0 && had[at] != m {
					next.moves++
				}
				load[m]++
				try(at+1, next)
				load[m]--
			}
		}
	}
	try(0, worth{})
	return best
}

// drawSmallSpec makes a group that is small enough to try every assignment. Who had what is drawn with one owner for each partition.
func drawSmallSpec(t *rapid.T) *Spec {
	s := &Spec{NumPartitions: map[TopicID]int32{}}
	for i := range rapid.IntRange(1, 4).Draw(t, "members") {
		s.Members = append(s.Members, Member{ID: fmt.Sprint("m", i), Target: Partitions{}})
	}
	left := int32(8)
	for i := range rapid.IntRange(1, 5).Draw(t, "topics") {
		id := TopicID{byte(i), 15: 1}
		s.NumPartitions[id] = min(left, rapid.Int32Range(1, 4).Draw(t, "partitions"))
		left -= s.NumPartitions[id]
		for j := range s.Members {
			if rapid.Bool().Draw(t, "subscribed") {
				s.Members[j].Topics = append(s.Members[j].Topics, id)
			}
		}
		for p := range s.NumPartitions[id] {
			if j := rapid.IntRange(-1, len(s.Members)-1).Draw(t, "owner"); j >= 0 {
				s.Members[j].Target[id] = append(s.Members[j].Target[id], p)
			}
		}
	}
	return s
}

// assignBest assigns and compares with every other assignment.
func assignBest(t *rapid.T, s *Spec) {
	targets, err := Assign("uniform", s)
	if err != nil {
		t.Fatal(err)
	}
	checkComplete(t, s, targets)
	if got, best := worthOf(s, targets), bestWorth(s); got != best {
		t.Fatalf("%+v, but %+v is possible: %v", got, best, targets)
	}
	for i := range s.Members {
		s.Members[i].Target = targets[s.Members[i].ID]
	}
}

// TestMixedIsBest compares with every other assignment, also after a member has left and when it is back: nothing is more even, and
// nothing as even moves less.
func TestMixedIsBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSmallSpec(t)
		assignBest(t, s)
		members := s.Members
		gone := rapid.IntRange(0, len(members)-1).Draw(t, "gone")
		s.Members = slices.Delete(slices.Clone(members), gone, gone+1)
		assignBest(t, s)
		back := members[gone]
		back.Target = Partitions{}
		s.Members = append(s.Members, back)
		assignBest(t, s)
	})
}

// TestMixedIsStable wants of larger groups that the loads are level, that the order of members and topics makes no difference, and that
// the same once more changes nothing.
func TestMixedIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpec(t, false)
		targets, err := Assign("uniform", s)
		if err != nil {
			t.Fatal(err)
		}
		checkComplete(t, s, targets)
		// No topic's partition could go to a subscriber who has two less than its owner.
		l := loads(s, targets)
		for i, m := range s.Members {
			for id := range targets[m.ID] {
				for j, other := range s.Members {
					if slices.Contains(other.Topics, id) && l[i]-l[j] > 1 {
						t.Fatalf("%s has %d, %s has %d: %v", m.ID, l[i], other.ID, l[j], targets)
					}
				}
			}
		}
		shuffled := &Spec{NumPartitions: s.NumPartitions, Members: rapid.Permutation(s.Members).Draw(t, "members")}
		for i := range shuffled.Members {
			m := &shuffled.Members[i]
			m.Topics = slices.Clone(m.Topics)
			slices.Reverse(m.Topics)
		}
		if other, err := Assign("uniform", shuffled); err != nil || !reflect.DeepEqual(other, targets) {
			t.Fatalf("%v, in another order %v, %v", targets, other, err)
		}
		for i := range s.Members {
			s.Members[i].Target = targets[s.Members[i].ID]
		}
		if again, err := Assign("uniform", s); err != nil || !reflect.DeepEqual(again, targets) {
			t.Fatalf("%v, then %v, %v", targets, again, err)
		}
	})
}

// TestMixedPassesOn has members in a row, each of whom shares a topic with the next one: only a chain through all of them brings a
// partition from the first one, who has two, to the last one, who has none.
func TestMixedPassesOn(t *testing.T) {
	s := &Spec{NumPartitions: map[TopicID]int32{{1}: 2, {2}: 1, {3}: 1, {4}: 1}, Members: []Member{
		{ID: "a", Topics: []TopicID{{1}}, Target: Partitions{{1}: {0, 1}}},
		{ID: "b", Topics: []TopicID{{1}, {2}}, Target: Partitions{{2}: {0}}},
		{ID: "c", Topics: []TopicID{{2}, {3}}, Target: Partitions{{3}: {0}}},
		{ID: "d", Topics: []TopicID{{3}, {4}}, Target: Partitions{{4}: {0}}},
		{ID: "e", Topics: []TopicID{{4}}},
	}}
	want := map[string]Partitions{"a": {{1}: {0}}, "b": {{1}: {1}}, "c": {{2}: {0}}, "d": {{3}: {0}}, "e": {{4}: {0}}}
	if got, err := Assign("uniform", s); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestMixedLarge has 1,000 members and 10,000 partitions, half of which are with one subscriber of their topic. Each member ends with 10.
// Of one that leaves, the others only get what it had; when it is back, they only give it 10.
func TestMixedLarge(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	s := largeGroup(100, 50, random)
	scatter(s, random, true)
	step := func(squares, moves int) {
		targets, err := Assign("uniform", s)
		if err != nil {
			t.Fatal(err)
		}
		checkComplete(t, s, targets)
		got := worthOf(s, targets)
		if got.squares != squares || moves >= 0 && got.moves != moves {
			t.Errorf("%+v, want %d and %d", got, squares, moves)
		}
		for i := range s.Members {
			s.Members[i].Target = targets[s.Members[i].ID]
		}
	}
	step(1000*10*10, -1)
	gone := s.Members[500]
	s.Members = slices.Delete(s.Members, 500, 501)
	step(989*10*10+10*11*11, 0)
	gone.Target = Partitions{}
	s.Members = append(s.Members, gone)
	step(1000*10*10, 10)
}
