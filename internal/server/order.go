package server

import "milena/internal/wire"

// mostCoalescedBytes is how much output may gather while requests are at hand before it is written.
const mostCoalescedBytes = 256 << 10

// keptSlots is how many slots of its queues a connection keeps at rest.
const keptSlots = 4

// outgoing is a reply on its way out.
type outgoing struct {
	header  wire.RequestHeader
	reply   wire.Reply
	dropped error // instead of a reply: the connection is closed for this reason when all before it has been sent
}

func (o *outgoing) release() { release(o.reply) }

// begin waits for a call's turn: at once if nothing is under way, beside others if all of them overlap. false: the connection is over.
func (c *conn) begin(k *call) bool {
	overlaps := k.row != nil && k.row.Overlaps
	c.mu.Lock()
	c.clientID = k.Header.ClientID
	for !c.closed && (c.ending() || !c.turn(overlaps)) {
		if len(c.out) > 0 && !c.writing { // what is answered must not wait for what is not
			c.writing = true
			c.mu.Unlock()
			c.write()
			c.mu.Lock()
			continue
		}
		c.reading = false
		if c.draining && c.idle() {
			c.mu.Unlock()
			c.close(errStopped)
			c.mu.Lock()
			continue
		}
		c.changed.Wait()
	}
	if c.closed {
		c.mu.Unlock()
		c.server.buffers.release(k.buf)
		c.server.queued.give(k.queuedBytes)
		return false
	}
	c.reading, c.begun = true, true
	c.pending = append(c.pending, k)
	c.mu.Unlock()
	return true
}

// ending tells, under mu, whether no request begins any more: the connection is closed when what is under way is done.
func (c *conn) ending() bool { return c.draining || c.dropping }

// turn tells, under mu, whether a call may begin. Calls under way all overlap if the last one does.
func (c *conn) turn(overlaps bool) bool {
	n := len(c.pending)
	switch {
	case c.writing && c.outBytes >= mostCoalescedBytes:
		return false // the client does not read
	case n == 0:
		return true
	}
	last := c.pending[n-1].row
	return overlaps && last != nil && last.Overlaps && n < c.server.opts.MaxInFlight
}

// advance hands the answered calls at the head to the output. It runs under mu and tells whether the caller is to have it written:
// not where the reader or a writer will do so anyway.
func (c *conn) advance() bool {
	n := 0
	for n < len(c.pending) && c.pending[n].settled {
		if k := c.pending[n]; !k.silent {
			c.out = append(c.out, outgoing{k.Header, k.reply, k.dropped})
			c.outBytes += k.reply.SizeBytes()
		}
		n++
	}
	if n == 0 {
		return false
	}
	c.used()
	left := copy(c.pending, c.pending[n:])
	clear(c.pending[left:])
	if c.pending = c.pending[:left]; left == 0 && cap(c.pending) > keptSlots {
		c.pending = nil
	}
	c.changed.Signal()
	if c.reading && c.outBytes < mostCoalescedBytes || c.writing || len(c.out) == 0 && !c.draining {
		return false
	}
	c.writing = true
	return true
}

// flush is the reader's: it writes what there is before the reader waits. false: the connection is over.
func (c *conn) flush() bool {
	c.mu.Lock()
	c.reading = false
	write := !c.writing && !c.closed && len(c.out) > 0
	if write {
		c.writing = true
	}
	c.mu.Unlock()
	if write {
		c.write()
	}
	c.mu.Lock()
	over := c.closed
	idle := c.draining && c.idle()
	c.mu.Unlock()
	if idle {
		c.close(errStopped)
	}
	return !over && !idle
}

// idle tells, under mu, whether nothing is under way but waits that a client can repeat.
func (c *conn) idle() bool {
	if c.reading || c.writing || len(c.out) > 0 {
		return false
	}
	for _, k := range c.pending {
		if !k.settled && !k.Waiting() {
			return false
		}
	}
	return true
}

// drain closes the connection when nothing is under way any more.
func (c *conn) drain() {
	c.mu.Lock()
	c.draining = true
	idle := c.idle()
	c.changed.Broadcast()
	c.mu.Unlock()
	if idle {
		c.close(errStopped)
	}
}

// waiting tells whether the client waits for an answer, and not we for the client to read.
func (c *conn) waiting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.pending) > 0 && !c.writing
}
