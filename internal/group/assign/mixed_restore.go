package assign

import "slices"

// exchange searches for rounds of moves that leave the loads as even as they are but bring partitions back to members that had them.
//
// It is a search for a cycle of negative cost in a graph. Its nodes are members, pools, and levels of load; one move is two edges, of a
// member that gives into a pool, and of the pool to a member that takes:
//
//	member -> pool    costs 1 if the member had what it gives, else 0; there if it has something of the pool
//	pool   -> member  costs -1 if the member had what it takes, else 0
//	member with load n-1 -> level n -> member with load n    cost nothing: the first ends with one more, the second starts with one less
type exchange struct {
	*mixed
	cost []int    // by node: members, pools, levels; of the cheapest way found so far
	from []int    // the node before on that way, -1 where it begins
	via  []*share // the share that gives or takes there, nil to and from a level
}

// restore makes the moves fewest: while there is an exchange that saves some, it is made. As the loads are as even as they can be, there
// is none that leaves them less even, and every one lowers the number of moves.
func (x *mixed) restore() {
	levels := slices.Max(append(x.loads, 0)) + 2
	for {
		nodes := len(x.loads) + len(x.pools) + levels
		e := &exchange{mixed: x, cost: make([]int, nodes), from: slices.Repeat([]int{-1}, nodes), via: make([]*share, nodes)}
		for {
			if !e.relax() {
				return
			}
			if e.makeAll() {
				break
			}
		}
	}
}

// relax looks once at every edge, and tells whether it made a way cheaper.
func (e *exchange) relax() (better bool) {
	edge := func(from, to, cost int, via *share) {
		if e.cost[from]+cost < e.cost[to] {
			e.cost[to], e.from[to], e.via[to], better = e.cost[from]+cost, from, via, true
		}
	}
	for m, load := range e.loads {
		for _, s := range e.shares[m] {
			give, take := 0, 0
			if s.has <= len(s.had) {
				give = 1
			}
			if s.has < len(s.had) {
				take = -1
			}
			pool := len(e.loads) + s.pool
			if s.has > 0 {
				edge(m, pool, give, s)
			}
			edge(pool, m, take, s)
		}
		level := len(e.loads) + len(e.pools) + load
		edge(level, m, 0, nil)
		edge(m, level+1, 0, nil)
	}
	return better
}

// makeAll makes the exchanges that are found, and tells whether there are any: ways that come back to where they were. They have no node
// in common, as each node has one before it.
func (e *exchange) makeAll() (found bool) {
	walk := make([]int, len(e.from)) // on which a node was met first, from 1
	for start := range e.from {
		n := start
		for n >= 0 && walk[n] == 0 {
			walk[n] = start + 1
			n = e.from[n]
		}
		if n >= 0 && walk[n] == start+1 {
			e.make(n)
			found = true
		}
	}
	return found
}

// make moves along the cycle that a node is on.
func (e *exchange) make(node int) {
	members := len(e.loads)
	for n := node; ; {
		before, s := e.from[n], e.via[n]
		switch {
		case s != nil && n < members:
			s.has++
		case s != nil:
			s.has--
		case n < members:
			e.loads[n]--
		default:
			e.loads[before]++
		}
		if n = before; n == node {
			return
		}
	}
}
