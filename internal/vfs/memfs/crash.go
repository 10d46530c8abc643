package memfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// Crash gives the file system as it may be found after a power cut at this moment: what was synced, and of all else, name by
// name and sector by sector, what the seed decides. Every fourth seed keeps nothing that was unsynced, every fourth keeps
// all. The file system itself goes on; Stop it where its program must not. Faults, locks and counts are not taken over.
func (m *FS) Crash(seed uint64) *FS {
	after := m.Kill()
	after.boot++
	random := rand.New(rand.NewPCG(seed, 0x6d656d6673))
	var survives func() bool
	switch seed % 4 {
	case 0:
		survives = func() bool { return false }
	case 1:
		survives = func() bool { return true }
	default:
		chance := random.Float64()
		survives = func() bool { return random.Float64() < chance }
	}
	after.settleSome(survives)
	after.used = 0
	after.crash(after.root, survives)
	return after
}

// settleSome makes some of the pending changes of names durable. One that comes after a lost one on the same name is lost
// with it, as in a journal.
func (m *FS) settleSome(survives func() bool) {
	type place struct {
		dir  *inode
		name string
	}
	lost := make(map[place]bool)
	for _, c := range m.pending {
		from, to := place{c.from, c.fromName}, place{c.to, c.toName}
		if !lost[from] && !lost[to] && survives() {
			c.settle()
			continue
		}
		if c.from != nil {
			lost[from] = true
		}
		if c.to != nil {
			lost[to] = true
		}
	}
	m.pending = nil
}

// crash leaves what survives of a tree, and counts it.
func (m *FS) crash(node *inode, survives func() bool) {
	if !node.isDir() {
		node.tear(survives)
		m.used += int64(len(node.data))
		node.links++
		return
	}
	node.entries = make(map[string]*inode, len(node.durableEntries))
	for _, name := range slices.Sorted(maps.Keys(node.durableEntries)) {
		child := node.durableEntries[name]
		node.entries[name] = child
		if child.links = 0; child.isDir() {
			child.links = 1
		}
		m.crash(child, survives)
	}
}

// tear mixes what was durable with what was written. The length is the old one, the new one, or one between at which a
// sector ends; sectors inside it that were lost are what they were, or zeros.
func (n *inode) tear(survives func() bool) {
	size := int64(len(n.durable))
	if newSize := int64(len(n.data)); survives() {
		size = newSize
	} else {
		for size < newSize && survives() {
			size = min(newSize, (size/sectorBytes+1)*sectorBytes)
		}
	}
	torn := resized(append([]byte(nil), n.durable...), size)
	for _, s := range n.dirty {
		for at := s.from; at < s.to; {
			next := min(s.to, (at/sectorBytes+1)*sectorBytes)
			if end := min(next, size, int64(len(n.data))); at < end && survives() {
				copy(torn[at:end], n.data[at:end])
			}
			at = next
		}
	}
	n.data, n.dirty, n.opens = torn, nil, 0
	n.durable = append([]byte(nil), torn...)
}

// Kill gives the file system as a program finds it that starts after the death of the last one, on a machine that ran on: all
// that was written is there, and what was not synced still is not. Open files and locks are gone.
func (m *FS) Kill() *FS {
	m.mu.Lock()
	defer m.mu.Unlock()
	copied := make(map[*inode]*inode)
	after := New()
	after.root = m.root.clone(copied)
	after.capacity, after.boot = m.capacity, m.boot
	for _, c := range m.pending {
		c.from, c.to, c.node = c.from.clone(copied), c.to.clone(copied), c.node.clone(copied)
		after.pending = append(after.pending, c)
	}
	for _, n := range copied {
		if n.links > 0 && !n.isDir() {
			after.used += int64(len(n.data))
		}
	}
	return after
}

func (n *inode) clone(copied map[*inode]*inode) *inode {
	if n == nil {
		return nil
	}
	if c := copied[n]; c != nil {
		return c
	}
	c := &inode{
		modified: n.modified,
		links:    n.links,
		data:     append([]byte(nil), n.data...),
		durable:  append([]byte(nil), n.durable...),
		dirty:    append([]span(nil), n.dirty...),
	}
	copied[n] = c
	if n.isDir() {
		c.entries = make(map[string]*inode, len(n.entries))
		c.durableEntries = make(map[string]*inode, len(n.durableEntries))
		for name, child := range n.entries {
			c.entries[name] = child.clone(copied)
		}
		for name, child := range n.durableEntries {
			c.durableEntries[name] = child.clone(copied)
		}
	}
	return c
}
