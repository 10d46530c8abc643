package assign

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// largeGroup has 1,000 members that are subscribed to some of the topics, by chance, and 10,000 partitions.
func largeGroup(topics, topicsEach int, random *rand.Rand) *Spec {
	s := &Spec{NumPartitions: map[TopicID]int32{}}
	ids := make([]TopicID, topics)
	for i := range ids {
		ids[i] = TopicID{byte(i >> 8), byte(i), 15: 1}
		s.NumPartitions[ids[i]] = int32(10_000 / topics)
	}
	for i := range 1000 {
		m := Member{ID: fmt.Sprintf("member-%03d", i), Target: Partitions{}}
		for _, t := range random.Perm(topics)[:topicsEach] {
			m.Topics = append(m.Topics, ids[t])
		}
		s.Members = append(s.Members, m)
	}
	return s
}

// scatter gives every partition to some subscriber of its topic, the first one of a list as often as all others together.
func scatter(s *Spec, random *rand.Rand, skewed bool) {
	subscribers := map[TopicID][]int{}
	for i, m := range s.Members {
		for _, t := range m.Topics {
			subscribers[t] = append(subscribers[t], i)
		}
	}
	for _, t := range sortedTopics(subscribers) {
		for p := range s.NumPartitions[t] {
			m := subscribers[t][random.IntN(len(subscribers[t]))]
			if skewed && random.IntN(2) == 0 {
				m = subscribers[t][0]
			}
			s.Members[m].Target[t] = append(s.Members[m].Target[t], p)
		}
	}
}

func settle(b *testing.B, s *Spec) {
	targets, err := Assign("uniform", s)
	if err != nil {
		b.Fatal(err)
	}
	for i := range s.Members {
		s.Members[i].Target = targets[s.Members[i].ID]
	}
}

func BenchmarkMixed(b *testing.B) {
	for _, size := range []struct{ topics, topicsEach int }{{100, 50}, {100, 3}, {1000, 20}, {10_000, 100}} {
		for _, c := range []struct {
			name    string
			prepare func(b *testing.B, s *Spec, random *rand.Rand)
		}{
			{"new", func(*testing.B, *Spec, *rand.Rand) {}},
			{"same", func(b *testing.B, s *Spec, _ *rand.Rand) { settle(b, s) }},
			{"join", func(b *testing.B, s *Spec, _ *rand.Rand) {
				late := s.Members[500]
				s.Members[500].Topics = nil
				settle(b, s)
				s.Members[500].Topics = late.Topics
			}},
			{"scattered", func(_ *testing.B, s *Spec, random *rand.Rand) { scatter(s, random, false) }},
			{"skewed", func(_ *testing.B, s *Spec, random *rand.Rand) { scatter(s, random, true) }},
		} {
			b.Run(fmt.Sprintf("topics=%d/each=%d/%s", size.topics, size.topicsEach, c.name), func(b *testing.B) {
				random := rand.New(rand.NewPCG(1, 2))
				s := largeGroup(size.topics, size.topicsEach, random)
				c.prepare(b, s, random)
				for b.Loop() {
					if _, err := Assign("uniform", s); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
