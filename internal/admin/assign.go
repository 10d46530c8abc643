package admin

import (
	"cmp"
	"maps"
	"slices"

	"milena/internal/clusterstore"
	"milena/internal/metadata"
)

// Candidate is a broker that replicas may be placed on.
type Candidate struct {
	ID   int32
	Rack string // "" none
}

func candidates(image *metadata.Image) []Candidate {
	var brokers []Candidate
	for _, b := range image.Brokers {
		c := Candidate{ID: b.ID}
		if b.Rack != nil {
			c.Rack = *b.Rack
		}
		brokers = append(brokers, c)
	}
	slices.SortFunc(brokers, func(a, b Candidate) int { return cmp.Compare(a.ID, b.ID) })
	return brokers
}

// Spread assigns partitions first to first+count-1 over the brokers: leaders go round, and the followers of each round are shifted by one
// more, so that what a dead broker led is shared by all others. Where every broker has a rack, the replicas of a partition are on as many
// racks as there are. start and shift place the first partition.
func Spread(brokers []Candidate, first, count, replicas, start, shift int) []clusterstore.Assignment {
	order := rackOrder(brokers)
	assigned := make([]clusterstore.Assignment, 0, count)
	for p := first; p < first+count; p++ {
		if p > 0 && p%len(order) == 0 {
			shift++
		}
		leader := (p + start) % len(order)
		assigned = append(assigned, clusterstore.Assignment{Replicas: place(order, leader, shift, replicas)})
	}
	return assigned
}

// place picks a partition's replicas: the leader, then brokers in turn, but none on a rack used already while another rack is left, and
// none twice.
func place(order []Candidate, leader, shift, replicas int) []int32 {
	racks := map[string]int{}
	for _, b := range order {
		racks[b.Rack]++
	}
	// With racks, neighbours in order are on different ones: a shift goes past all of them, as in Kafka.
	shift *= len(racks)
	chosen := []int32{order[leader].ID}
	usedRacks := map[string]bool{order[leader].Rack: true}
	for turn := 0; len(chosen) < replicas; turn++ {
		b := order[(leader+1+(shift+turn)%max(1, len(order)-1))%len(order)]
		if slices.Contains(chosen, b.ID) {
			continue
		}
		// After one whole turn the rule of racks has given all it can.
		if usedRacks[b.Rack] && len(usedRacks) < len(racks) && len(racks) > 1 && turn < 2*len(order) {
			continue
		}
		chosen = append(chosen, b.ID)
		usedRacks[b.Rack] = true
	}
	return chosen
}

// rackOrder is the brokers by id or, where all have racks, alternating between racks.
func rackOrder(brokers []Candidate) []Candidate {
	racks := map[string][]Candidate{}
	for _, b := range brokers {
		if b.Rack == "" {
			return withoutRacks(brokers)
		}
		racks[b.Rack] = append(racks[b.Rack], b)
	}
	names := slices.Sorted(maps.Keys(racks))
	var order []Candidate
	for turn := 0; len(order) < len(brokers); turn++ {
		for _, name := range names {
			if turn < len(racks[name]) {
				order = append(order, racks[name][turn])
			}
		}
	}
	return order
}

func withoutRacks(brokers []Candidate) []Candidate {
	plain := make([]Candidate, 0, len(brokers))
	for _, b := range brokers {
		plain = append(plain, Candidate{ID: b.ID})
	}
	return plain
}

// checkManual refuses a manual assignment that cannot be; expected is the number of replicas that all partitions must have, 0: any.
func checkManual(image *metadata.Image, assigned [][]int32, expected int) error {
	for _, replicas := range assigned {
		if len(replicas) == 0 {
			return refuse(InvalidAssignment, "The manual partition assignment includes an empty replica list.")
		}
		sorted := slices.Clone(replicas)
		slices.Sort(sorted)
		for i, id := range sorted {
			if _, registered := image.Brokers[id]; !registered {
				return refuse(InvalidAssignment, "The manual partition assignment includes broker %d, but no such broker is registered.", id)
			}
			if i > 0 && id == sorted[i-1] {
				return refuse(InvalidAssignment, "The manual partition assignment includes the broker %d more than once.", id)
			}
		}
		if expected > 0 && len(replicas) != expected {
			return refuse(InvalidAssignment,
				"The manual partition assignment includes a partition with %d replica(s), but this is not consistent with previous partitions, "+
					"which have %d replica(s).", len(replicas), expected)
		}
		expected = len(replicas)
	}
	return nil
}

// tooFewBrokers is Kafka's text where there are fewer brokers than replicas wanted.
func tooFewBrokers(replicas, brokers int) error {
	return refuse(InvalidReplicationFactor, "Unable to replicate the partition %d time(s): The target replication factor of %d cannot be "+
		"reached because only %d broker(s) are registered or some brokers have all their log directories cordoned.", replicas, replicas, brokers)
}
