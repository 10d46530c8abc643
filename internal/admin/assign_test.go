package admin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"
)

// TestSpreadIsKafkas plays testdata/spread.txt.
func TestSpreadIsKafkas(t *testing.T) {
	datadriven.RunTest(t, "testdata/spread.txt", func(t *testing.T, d *datadriven.TestData) string {
		var brokers []Candidate
		number := map[string]int{}
		for _, a := range d.CmdArgs {
			if a.Key != "racks" {
				n, err := strconv.Atoi(a.Vals[0])
				if err != nil {
					t.Fatal(err)
				}
				number[a.Key] = n
				continue
			}
			for id, rack := range a.Vals {
				brokers = append(brokers, Candidate{ID: int32(id), Rack: strings.Trim(rack, "-")})
			}
		}
		var partitions []string
		for _, a := range Spread(brokers, number["first"], number["partitions"], number["replicas"], number["start"], number["start"]) {
			partitions = append(partitions, strings.Trim(strings.ReplaceAll(fmt.Sprint(a.Replicas), " ", ","), "[]"))
		}
		return strings.Join(partitions, " ") + "\n"
	})
}

func TestSpreadOverRacks(t *testing.T) {
	brokers := []Candidate{{0, "rack1"}, {1, "rack3"}, {2, "rack3"}, {3, "rack2"}, {4, "rack2"}, {5, "rack1"}}
	var got [][]int32
	for _, a := range Spread(brokers, 0, 9, 3, 0, 0) {
		got = append(got, a.Replicas)
	}
	// Again from the comment of Kafka's assignment.
	want := [][]int32{{0, 3, 1}, {3, 1, 5}, {1, 5, 4}, {5, 4, 2}, {4, 2, 0}, {2, 0, 3}, {0, 4, 2}, {3, 2, 0}, {1, 0, 3}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("\n got %v\nwant %v", got, want)
	}
}

func TestSpreadKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 9).Draw(t, "brokers")
		racked := rapid.Bool().Draw(t, "racks")
		var brokers []Candidate
		racks := map[int32]string{}
		names := map[string]bool{}
		for id := range int32(count) {
			b := Candidate{ID: id}
			if racked {
				b.Rack = fmt.Sprint("r", rapid.IntRange(0, 3).Draw(t, "rack"))
				racks[id] = b.Rack
				names[b.Rack] = true
			}
			brokers = append(brokers, b)
		}
		partitions, replicas := rapid.IntRange(1, 40).Draw(t, "partitions"), rapid.IntRange(1, count).Draw(t, "replicas")
		leaders := map[int32]int{}
		for _, a := range Spread(brokers, rapid.IntRange(0, 7).Draw(t, "first"), partitions, replicas,
			rapid.IntRange(0, count-1).Draw(t, "start"), rapid.IntRange(0, count-1).Draw(t, "shift")) {
			leaders[a.Replicas[0]]++
			sorted := slices.Clone(a.Replicas)
			slices.Sort(sorted)
			if len(slices.Compact(sorted)) != replicas {
				t.Fatalf("replicas %v, wanted %d", a.Replicas, replicas)
			}
			if !racked {
				continue
			}
			used := map[string]bool{}
			for _, r := range a.Replicas {
				used[racks[r]] = true
			}
			if len(used) < min(replicas, len(names)) {
				t.Fatalf("replicas %v on %d racks of %d", a.Replicas, len(used), len(names))
			}
		}
		for id := range int32(count) {
			if n := leaders[id]; n < partitions/count || n > (partitions+count-1)/count {
				t.Fatalf("broker %d leads %d of %d partitions, there are %d brokers", id, n, partitions, count)
			}
		}
	})
}
