package assign

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// goldenPartitions are Partitions in JSON: ids in hexadecimal.
type goldenPartitions map[string][]int32

func (g goldenPartitions) decode(t *testing.T) Partitions {
	p := Partitions{}
	for id, partitions := range g {
		p[topicID(t, id)] = partitions
	}
	return p
}

func topicID(t *testing.T, text string) (id TopicID) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(id) {
		t.Fatal(text, err)
	}
	copy(id[:], b)
	return id
}

// TestAsKafka compares with what the assignors of Kafka 4.3.1 made of groups whose members join and leave and whose topics grow: range,
// and uniform where all members have the same subscription, give the very same. Where subscriptions differ, uniform is an algorithm of our
// own, which need not choose the same among equals: there the loads are no less even than Kafka's, and if they are as even, no more
// partitions are taken from members that had them.
func TestAsKafka(t *testing.T) {
	f, err := os.Open("testdata/kafka-4.3.1.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	n, mixed := 0, 0
	for ; lines.Scan(); n++ {
		var c struct {
			Assignor    string
			Homogeneous bool
			Partitions  map[string]int32
			Members     []struct {
				ID       string
				Instance *string
				Topics   []string
				Target   goldenPartitions
			}
			Want map[string]goldenPartitions
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		s := &Spec{Homogeneous: c.Homogeneous, NumPartitions: map[TopicID]int32{}}
		for id, partitions := range c.Partitions {
			s.NumPartitions[topicID(t, id)] = partitions
		}
		for _, m := range c.Members {
			member := Member{ID: m.ID, InstanceID: m.Instance, Target: m.Target.decode(t)}
			for _, id := range m.Topics {
				member.Topics = append(member.Topics, topicID(t, id))
			}
			s.Members = append(s.Members, member)
		}
		got, err := Assign(c.Assignor, s)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]Partitions{}
		for id, w := range c.Want {
			want[id] = w.decode(t)
		}
		if c.Assignor == "uniform" && !c.Homogeneous {
			mixed++
			checkComplete(t, s, got)
			if ours, theirs := worthOf(s, got), worthOf(s, want); ours.worseThan(theirs) {
				t.Errorf("line %d: %+v, Kafka's %+v: %v", n+1, ours, theirs, got)
			}
			continue
		}
		for id, w := range want {
			if !reflect.DeepEqual(got[id], w) {
				t.Errorf("line %d: %s, homogeneous %v: %s has %v, Kafka's has %v", n+1, c.Assignor, c.Homogeneous, id, got[id], w)
			}
		}
	}
	if n < 100 || mixed < 20 {
		t.Errorf("%d cases, %d with different subscriptions", n, mixed)
	}
}

// drawSpec makes a group in which each member has a target of its own.
func drawSpec(t *rapid.T, homogeneous bool) *Spec {
	s := &Spec{Homogeneous: homogeneous, NumPartitions: map[TopicID]int32{}}
	var topics []TopicID
	for i := range rapid.IntRange(1, 4).Draw(t, "topics") {
		id := TopicID{0, byte(i), 15: rapid.Byte().Draw(t, "id")}
		topics = append(topics, id)
		s.NumPartitions[id] = rapid.Int32Range(1, 20).Draw(t, "partitions")
	}
	for i := range rapid.IntRange(1, 8).Draw(t, "members") {
		m := Member{ID: fmt.Sprint("m", i, rapid.StringN(0, 4, -1).Draw(t, "id")), Target: Partitions{}}
		for _, id := range topics {
			if homogeneous || rapid.Bool().Draw(t, "subscribed") {
				m.Topics = append(m.Topics, id)
			}
		}
		s.Members = append(s.Members, m)
	}
	for _, id := range append(topics, TopicID{99}) {
		for p := range max(s.NumPartitions[id], 3) {
			if i := rapid.IntRange(-1, len(s.Members)-1).Draw(t, "owner"); i >= 0 && p < max(s.NumPartitions[id], 2) {
				s.Members[i].Target[id] = append(s.Members[i].Target[id], p)
			}
		}
	}
	return s
}

// checkComplete wants every partition of a subscribed topic to have one owner, who is subscribed to it.
func checkComplete(t rapid.TB, s *Spec, targets map[string]Partitions) {
	owners := map[topicPartition]string{}
	subscribers := map[TopicID]int{}
	for _, m := range s.Members {
		for _, id := range m.Topics {
			subscribers[id]++
		}
		for id, partitions := range targets[m.ID] {
			if !slices.Contains(m.Topics, id) || len(partitions) == 0 || !slices.IsSorted(partitions) {
				t.Fatalf("%s has %v of %x", m.ID, partitions, id)
			}
			for _, p := range partitions {
				at := topicPartition{id, p}
				if other := owners[at]; other != "" || p < 0 || p >= s.NumPartitions[id] {
					t.Fatalf("%v: owners %q and %q", at, other, m.ID)
				}
				owners[at] = m.ID
			}
		}
	}
	total := 0
	for id := range subscribers {
		total += int(s.NumPartitions[id])
	}
	if len(owners) != total {
		t.Fatalf("%d of %d partitions have an owner", len(owners), total)
	}
}

func loads(s *Spec, targets map[string]Partitions) (loads []int) {
	for _, m := range s.Members {
		n := 0
		for _, partitions := range targets[m.ID] {
			n += len(partitions)
		}
		loads = append(loads, n)
	}
	return loads
}

func TestUniformIsBalancedAndSticky(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpec(t, true)
		targets, err := Assign("uniform", s)
		if err != nil {
			t.Fatal(err)
		}
		checkComplete(t, s, targets)
		if l := loads(s, targets); slices.Max(l)-slices.Min(l) > 1 {
			t.Fatalf("loads %v", l)
		}
		// A member that had no more than the least share before keeps all of it; the same once more changes nothing.
		least := slices.Min(loads(s, targets))
		for i := range s.Members {
			m := &s.Members[i]
			had := Partitions{}
			n := 0
			for id, partitions := range m.Target {
				if slices.Contains(m.Topics, id) {
					had[id] = partitions
					n += len(partitions)
				}
			}
			for id, partitions := range had {
				for _, p := range partitions {
					if n <= least && p < s.NumPartitions[id] && !slices.Contains(targets[m.ID][id], p) {
						t.Fatalf("%s lost %x-%d without need: had %v, has %v", m.ID, id, p, had, targets[m.ID])
					}
				}
			}
			m.Target = targets[m.ID]
		}
		again, err := Assign("uniform", s)
		if err != nil || !reflect.DeepEqual(again, targets) {
			t.Fatalf("%v, then %v, %v", targets, again, err)
		}
	})
}

func TestRangeIsContiguous(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpec(t, rapid.Bool().Draw(t, "homogeneous"))
		targets, err := Assign("range", s)
		if err != nil {
			t.Fatal(err)
		}
		checkComplete(t, s, targets)
		for _, m := range s.Members {
			for _, partitions := range targets[m.ID] {
				if int(partitions[len(partitions)-1]-partitions[0]) != len(partitions)-1 {
					t.Fatalf("%s has %v", m.ID, targets[m.ID])
				}
			}
		}
	})
}

func TestRefusals(t *testing.T) {
	s := &Spec{Members: []Member{{ID: "m", Topics: []TopicID{{1}}}}}
	if _, err := Assign("uniform", s); err == nil {
		t.Error("an unknown topic is assigned")
	}
	if _, err := Assign("sticky", &Spec{}); err == nil {
		t.Error("an unknown assignor assigns")
	}
}
