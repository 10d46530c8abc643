package assign

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// maxRounds bounds how often all topics are balanced one after the other. Topics whose subscribers have the same subscriptions need
// one round; overlapping ones get better with each.
const maxRounds = 16

// noOwner is the owner of a free partition.
const noOwner = -1

// mixture is the uniform assignor at work for members with different subscriptions. Members are numbers, in hash order.
type mixture struct {
	spec        *Spec
	subscribers map[TopicID][]int // ascending
	owners      map[TopicID][]int // of each partition
	load        []int             // of each member: its number of partitions
}

// assignMixed keeps what members have of the topics that they are subscribed to, gives what is free to those with the fewest partitions,
// and then moves partitions from those with most to those with fewest, topic by topic.
func assignMixed(s *Spec) map[string]Partitions {
	members := membersInOrder(s)
	x := &mixture{spec: s, subscribers: map[TopicID][]int{}, owners: map[TopicID][]int{}, load: make([]int, len(members))}
	for i, m := range members {
		for _, t := range m.Topics {
			x.subscribers[t] = append(x.subscribers[t], i)
		}
	}
	topics := make([]TopicID, 0, len(x.subscribers))
	for t := range x.subscribers {
		topics = append(topics, t)
		x.owners[t] = slices.Repeat([]int{noOwner}, int(s.NumPartitions[t]))
	}
	slices.SortFunc(topics, x.compareTopics)
	for i, m := range members {
		for _, t := range m.Topics {
			for _, p := range m.Target[t] {
				if int(p) < len(x.owners[t]) {
					x.give(t, int(p), i)
				}
			}
		}
	}
	for _, t := range topics {
		x.fill(t)
	}
	x.balance(slices.DeleteFunc(slices.Clone(topics), func(t TopicID) bool { return len(x.subscribers[t]) < 2 }))

	targets := make(map[string]Partitions, len(members))
	for _, m := range members {
		targets[m.ID] = Partitions{}
	}
	for t, owners := range x.owners {
		for p, owner := range owners {
			if owner != noOwner {
				target := targets[members[owner].ID]
				target[t] = append(target[t], int32(p))
			}
		}
	}
	return targets
}

// compareTopics puts topics first whose subscribers get most partitions each, then those with fewer subscribers, then by id, whose
// halves are signed numbers to Kafka.
func (x *mixture) compareTopics(a, b TopicID) int {
	m, n := len(x.subscribers[a]), len(x.subscribers[b])
	half := func(t TopicID, at int) int64 { return int64(binary.BigEndian.Uint64(t[at:])) }
	return cmp.Or(
		cmp.Compare(float64(x.spec.NumPartitions[b])/float64(n), float64(x.spec.NumPartitions[a])/float64(m)),
		cmp.Compare(m, n), cmp.Compare(half(a, 0), half(b, 0)), cmp.Compare(half(a, 8), half(b, 8)),
	)
}

func (x *mixture) give(t TopicID, p, to int) {
	if from := x.owners[t][p]; from != noOwner {
		x.load[from]--
	}
	x.owners[t][p] = to
	x.load[to]++
}

// fill gives a topic's free partitions to its subscribers.
func (x *mixture) fill(t TopicID) {
	var s *seesaw
	for p, owner := range x.owners[t] {
		if owner != noOwner {
			continue
		}
		if s == nil {
			s = newSeesaw(x.load, x.subscribers[t])
		}
		x.give(t, p, s.lightest())
	}
}

// balance goes round the topics until none can be made better any more.
func (x *mixture) balance(topics []TopicID) {
	last := -1 // the topic that was changed last: there the circle closes
	for range maxRounds {
		for i, t := range topics {
			if i == last {
				return
			}
			if moved := x.balanceTopic(t); moved || last == -1 {
				last = i
			}
		}
	}
}

// balanceTopic moves a topic's partitions, the highest first, from the subscribers with most partitions to those with fewest.
func (x *mixture) balanceTopic(t TopicID) (moved bool) {
	s := newSeesaw(x.load, x.subscribers[t])
	if s.tilt() <= 1 {
		return false
	}
	movable := make(map[int][]int, len(x.subscribers[t]))
	for p, owner := range x.owners[t] {
		movable[owner] = append(movable[owner], p)
	}
	for {
		from := s.heaviest(func(member int) bool { return len(movable[member]) > 0 })
		if from == noOwner {
			return moved
		}
		rest := movable[from]
		p := rest[len(rest)-1]
		movable[from] = rest[:len(rest)-1]
		to := s.lightest()
		if s.level() {
			return moved
		}
		x.give(t, p, to)
		moved = true
	}
}

// seesaw picks the lightest and the heaviest of some members while partitions go from one to the other. Both ends are ranges of members
// that had equally many partitions when the range was last walked through: each member of a range has its turn before the range's
// level changes by one, and takes in the members that it now meets.
//
//	members, by load:   [ low range ──►        ...        ◄── high range ][ nothing to give ]
//	                    0             lowEnd      highStart              highEnd
type seesaw struct {
	load    []int // of all members; the caller's
	members []int

	lowEnd, lowTurn, lowLevel               int
	highStart, highEnd, highTurn, highLevel int
}

func newSeesaw(load []int, members []int) *seesaw {
	s := &seesaw{load: load, members: slices.Clone(members)}
	slices.SortStableFunc(s.members, func(a, b int) int { return cmp.Or(cmp.Compare(load[a], load[b]), cmp.Compare(a, b)) })
	n := len(members)
	s.lowLevel, s.highLevel = load[s.members[0]]-1, load[s.members[n-1]]+1
	s.highStart, s.highEnd, s.highTurn = n, n, n-1
	return s
}

// tilt is how many partitions the heaviest has more than the lightest, at the start.
func (s *seesaw) tilt() int { return s.highLevel - s.lowLevel - 2 }

// level tells that moving on would make nothing better.
func (s *seesaw) level() bool { return s.highLevel-s.lowLevel <= 1 }

// lightest is who gets the next partition.
func (s *seesaw) lightest() int {
	if s.lowTurn >= s.lowEnd {
		s.lowLevel++
		for s.lowEnd < len(s.members) && s.load[s.members[s.lowEnd]] == s.lowLevel {
			s.lowEnd++
		}
		s.lowTurn = 0
	}
	s.lowTurn++
	return s.members[s.lowTurn-1]
}

// heaviest is who gives the next partition, of those who can; noOwner when nobody is left.
func (s *seesaw) heaviest(can func(member int) bool) int {
	for {
		if s.highTurn < s.highStart {
			if s.highEnd <= s.highStart && s.highStart > 0 {
				s.highLevel = s.load[s.members[s.highStart-1]]
			} else {
				s.highLevel--
			}
			for s.highStart > 0 && s.load[s.members[s.highStart-1]] == s.highLevel {
				s.highStart--
			}
			s.highTurn = s.highEnd - 1
		}
		if s.highTurn < 0 {
			return noOwner
		}
		at := s.highTurn
		s.highTurn--
		member := s.members[at]
		if can(member) {
			return member
		}
		s.highEnd--
		s.members[at], s.members[s.highEnd] = s.members[s.highEnd], member
	}
}
