package simnet

import "time"

// at is a link's condition; the mutex is held.
func (n *Network) at(from, to string) *condition {
	l := link{from, to}
	c := n.links[l]
	if c == nil {
		c = &condition{}
		n.links[l] = c
	}
	return c
}

// open tells whether what is sent arrives, and how long it takes; the mutex is held.
func (n *Network) open(from, to string) (delay time.Duration, ok bool) {
	if from == to {
		return 0, true
	}
	c := n.links[link{from, to}]
	if c == nil {
		c = &condition{}
	}
	return c.delay, !c.cut && !n.isDown(from) && !n.isDown(to)
}

func (n *Network) isDown(name string) bool {
	h := n.hosts[name]
	return h != nil && h.down
}

// loses tells whether what is sent now is lost for good; the mutex is held.
func (n *Network) loses(from, to string) bool {
	if from == to {
		return false
	}
	c := n.links[link{from, to}]
	return c != nil && c.losing || n.isDown(from) || n.isDown(to)
}

// relink lets everyone look at the links again; the mutex is held.
func (n *Network) relink() {
	close(n.changed)
	n.changed = make(chan struct{})
	for c := range n.conns {
		c.in.advance()
		c.out.advance()
	}
}

// SetDelay sets how long what is sent takes, in both directions. What is under way already is not changed.
func (n *Network) SetDelay(a, b string, delay time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.at(a, b).delay, n.at(b, a).delay = delay, delay
}

// SetUneven makes each direction of each connection between two hosts, of those there and of those to come, slower than the link by a time of
// its own, which more gives: what is sent over two connections arrives in another order. nil ends it. Within a connection the order stays.
func (n *Network) SetUneven(a, b string, more func() time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.at(a, b).uneven, n.at(b, a).uneven = more, more
	for c := range n.conns {
		if p := c.out; p.from == a && p.to == b || p.from == b && p.to == a {
			p.lag = n.lag(p.from, p.to)
		}
	}
}

// lag is by how much a connection is slower than its link; the mutex is held.
func (n *Network) lag(from, to string) time.Duration {
	if c := n.links[link{from, to}]; c != nil && c.uneven != nil && from != to {
		return c.uneven()
	}
	return 0
}

// Cut holds all that goes from one host to another; the other direction goes on. Nothing is lost.
func (n *Network) Cut(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.at(from, to).cut = true
}

// CutBoth cuts both directions.
func (n *Network) CutBoth(a, b string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.at(a, b).cut, n.at(b, a).cut = true, true
}

// Drop loses all that goes from one host to another, from now until Heal, what is under way included. A connection that lost
// something is silent from then on, and is reset when the link is healed.
func (n *Network) Drop(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.at(from, to)
	c.cut, c.losing = true, true
	n.relink()
}

// Heal ends cuts and losses between two hosts, in both directions.
func (n *Network) Heal(a, b string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range []*condition{n.at(a, b), n.at(b, a)} {
		c.cut, c.losing = false, false
	}
	n.resetBroken()
	n.relink()
}

// Isolate cuts a host off from all others, in both directions.
func (n *Network) Isolate(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for other := range n.hosts {
		if other != name {
			n.at(name, other).cut, n.at(other, name).cut = true, true
		}
	}
}

// HealAll ends all cuts and losses. Delays stay, and so do hosts that are down.
func (n *Network) HealAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.links {
		c.cut, c.losing = false, false
	}
	n.resetBroken()
	n.relink()
}

// Reset breaks all connections between two hosts: both ends get ECONNRESET at once.
func (n *Network) Reset(a, b string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		if c.host.name == a && c.peer.host.name == b || c.host.name == b && c.peer.host.name == a {
			c.fail()
			c.peer.fail()
		}
	}
}

// resetBroken resets the connections that lost bytes on links that now work; the mutex is held.
func (n *Network) resetBroken() {
	for c := range n.conns {
		if c.in.broken && !n.loses(c.in.from, c.in.to) {
			c.fail()
			c.peer.fail()
		}
	}
}

// Kill ends the programs on the host: its listeners refuse, and its connections are reset, for the peers as soon as that
// can reach them. The host can be used again at once.
func (h *Host) Kill() {
	h.network.mu.Lock()
	defer h.network.mu.Unlock()
	for _, l := range h.listeners {
		l.closeLocked()
	}
	for c := range h.network.conns {
		if c.host == h {
			c.abort()
		}
	}
}

// SetDown takes the host off the network, or back on: to others it is silent. Going down loses what is under way. (A machine
// that lost its power is SetDown(true), then Kill, then SetDown(false).)
func (h *Host) SetDown(down bool) {
	h.network.mu.Lock()
	defer h.network.mu.Unlock()
	h.down = down
	if !down {
		h.network.resetBroken()
	}
	h.network.relink()
}
