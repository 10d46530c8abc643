package assign

// chains are the ways from one member to others, each of whom can be given a partition by the one before.
type chains struct {
	takes []*share // by member: its share of the pool that the one before gives from; nil where no chain comes
	gives []*share // by pool: the share of the member that gives from it; nil where none does
}

// level evens the loads out. It looks for the shortest chain from the member with the greatest load to one that has two or more less,
// and has each give one partition to the next. Where there is none, those that can be reached are level among themselves, and cannot give
// to others: they are settled, and the search goes on without them.
//
// No later chain could use them. It would have to end among them, where nobody has two less than its start.
func (x *mixed) level() {
	settled := make([]bool, len(x.loads))
	for {
		from := -1
		for m, load := range x.loads {
			if !settled[m] && (from < 0 || load > x.loads[from]) {
				from = m
			}
		}
		if from < 0 {
			return
		}
		c := chains{takes: make([]*share, len(x.loads)), gives: make([]*share, len(x.pools))}
		reached, to := x.search(&c, from, settled)
		if to < 0 {
			for _, m := range reached {
				settled[m] = true
			}
			continue
		}
		x.loads[from]--
		x.loads[to]++
		for m := to; m != from; {
			take := c.takes[m]
			give := c.gives[take.pool]
			take.has++
			give.has--
			m = give.member
		}
	}
}

// search goes breadth first from a member to one with a load that is less by two or more, -1 if none can be reached. Of the first pool
// with such subscribers it takes the one with the least load.
func (x *mixed) search(c *chains, from int, settled []bool) (reached []int, to int) {
	reached = []int{from}
	seen := func(m int) bool { return m == from || c.takes[m] != nil || settled[m] }
	for i := 0; i < len(reached); i++ {
		for _, give := range x.shares[reached[i]] {
			if give.has == 0 || c.gives[give.pool] != nil {
				continue
			}
			c.gives[give.pool] = give
			p := x.pools[give.pool]
			if s := x.lightest(p); x.loads[s.member] <= x.loads[from]-2 {
				c.takes[s.member] = s
				return reached, s.member
			}
			for _, take := range p.shares {
				if !seen(take.member) {
					c.takes[take.member] = take
					reached = append(reached, take.member)
				}
			}
		}
	}
	return reached, -1
}
