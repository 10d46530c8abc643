package group

import "milena/internal/coordinator"

// Counts is how many groups and offsets this broker coordinates.
type Counts struct {
	Groups, Offsets int
	ByState         map[string]int // groups, by the state as ListGroups names it
}

// Counts counts the groups of all partitions that are loaded.
func (c *Coordinator) Counts() Counts {
	n := Counts{ByState: map[string]int{}}
	c.runtime.Each(func(_ int32, m *machine) coordinator.Result {
		n.Groups += len(m.groups)
		for _, g := range m.groups {
			n.ByState[g.state()]++
		}
		for _, offsets := range m.offsets.groups {
			for i := range offsets.topics {
				n.Offsets += len(offsets.topics[i].partitions)
			}
		}
		return coordinator.Result{}
	})
	return n
}
