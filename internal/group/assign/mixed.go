package assign

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
)

// mixed is a uniform assignment, in the making, for members with subscriptions of their own. When it is done:
//
//   - Every partition of a subscribed topic is with exactly one member, who is subscribed to its topic.
//   - The loads are as even as the subscriptions allow: no partition could go from its owner to a subscriber that has two or more less,
//     neither at once nor through others, each of whom passes one of its own on. (So the sum of the squares of the loads is the least.)
//   - Of the assignments that are as even, it is one that takes the fewest partitions from members that had them.
//   - It depends on the subscriptions and on who had what, not on the order in which members and topics are given.
//
// Which partition of a pool a member has makes no difference to the loads. So it is how many each is to have that is searched for: first
// chains of members are evened out (level), then what went from its owner without need is brought back (restore). Only then are the
// partitions dealt.
type mixed struct {
	loads  []int      // by member, the members being sorted by id
	shares [][]*share // by member
	pools  []*pool
}

// pool is the partitions of topics with the same subscribers.
type pool struct {
	shares []*share         // by member
	free   []topicPartition // those that no subscriber had, in order
}

// share is one member's part of a pool.
type share struct {
	member, pool int
	had          []topicPartition // in order
	has          int
}

// assignMixed is the uniform assignor for members that are subscribed to different topics.
func assignMixed(s *Spec) map[string]Partitions {
	members := slices.Clone(s.Members)
	slices.SortFunc(members, func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
	x := newMixed(members, s.NumPartitions)
	x.fill()
	x.level()
	x.restore()
	targets := make(map[string]Partitions, len(members))
	for i := range members {
		targets[members[i].ID] = Partitions{}
	}
	for _, p := range x.pools {
		p.deal(func(member int, at topicPartition) {
			target := targets[members[member].ID]
			target[at.topic] = append(target[at.topic], at.partition)
		})
	}
	return targets
}

// newMixed puts the topics into pools, and leaves with the members what they had and may keep.
func newMixed(members []Member, numPartitions map[TopicID]int32) *mixed {
	subscribers := map[TopicID][]int{}
	for i := range members {
		for _, t := range members[i].Topics {
			if known := subscribers[t]; len(known) == 0 || known[len(known)-1] != i {
				subscribers[t] = append(known, i)
			}
		}
	}
	owners := ownersOf(members, numPartitions)
	x := &mixed{loads: make([]int, len(members)), shares: make([][]*share, len(members))}
	poolOf := map[string]*pool{}
	for _, t := range sortedTopics(subscribers) {
		var key []byte
		for _, m := range subscribers[t] {
			key = binary.AppendUvarint(key, uint64(m))
		}
		p := poolOf[string(key)]
		if p == nil {
			p = x.newPool(subscribers[t])
			poolOf[string(key)] = p
		}
		owned := owners[t]
		for n := range numPartitions[t] {
			at := topicPartition{t, n}
			if owned == nil {
				p.free = append(p.free, at)
				continue
			}
			s, ok := slices.BinarySearchFunc(p.shares, owned[n], func(s *share, member int) int { return s.member - member })
			if !ok {
				p.free = append(p.free, at)
				continue
			}
			p.shares[s].had = append(p.shares[s].had, at)
			p.shares[s].has++
			x.loads[owned[n]]++
		}
	}
	return x
}

// ownersOf has the member that had a partition, by the topic's partitions, -1 where nobody had it. Of two, the first one counts.
func ownersOf(members []Member, numPartitions map[TopicID]int32) map[TopicID][]int {
	owners := map[TopicID][]int{}
	for i := range members {
		for t, partitions := range members[i].Target {
			if owners[t] == nil {
				owners[t] = slices.Repeat([]int{-1}, int(numPartitions[t]))
			}
			for _, p := range partitions {
				if p >= 0 && p < numPartitions[t] && owners[t][p] < 0 {
					owners[t][p] = i
				}
			}
		}
	}
	return owners
}

func sortedTopics(subscribers map[TopicID][]int) []TopicID {
	topics := make([]TopicID, 0, len(subscribers))
	for t := range subscribers {
		topics = append(topics, t)
	}
	slices.SortFunc(topics, func(a, b TopicID) int { return slices.Compare(a[:], b[:]) })
	return topics
}

func (x *mixed) newPool(members []int) *pool {
	p := &pool{shares: make([]*share, len(members))}
	all := make([]share, len(members))
	for i, m := range members {
		all[i] = share{member: m, pool: len(x.pools)}
		p.shares[i] = &all[i]
		x.shares[m] = append(x.shares[m], &all[i])
	}
	x.pools = append(x.pools, p)
	return p
}

// lightest is the share of the pool's subscriber with the least load.
func (x *mixed) lightest(p *pool) *share {
	return slices.MinFunc(p.shares, func(a, b *share) int { return cmp.Compare(x.loads[a.member], x.loads[b.member]) })
}

// fill gives every free partition to the subscriber with the least load, those with the fewest subscribers first.
func (x *mixed) fill() {
	order := slices.Clone(x.pools)
	slices.SortStableFunc(order, func(a, b *pool) int { return len(a.shares) - len(b.shares) })
	for _, p := range order {
		for range p.free {
			s := x.lightest(p)
			s.has++
			x.loads[s.member]++
		}
	}
}

// deal says who gets which partition: each keeps the first of what it had, as far as its share goes, and what remains is handed out in
// turn.
func (p *pool) deal(give func(member int, at topicPartition)) {
	rest := p.free
	wants := make([]int, len(p.shares))
	for i, s := range p.shares {
		kept := min(len(s.had), s.has)
		for _, at := range s.had[:kept] {
			give(s.member, at)
		}
		rest = append(rest, s.had[kept:]...)
		wants[i] = s.has - kept
	}
	for len(rest) > 0 {
		for i, s := range p.shares {
			if wants[i] > 0 {
				give(s.member, rest[0])
				rest = rest[1:]
				wants[i]--
			}
		}
	}
}
