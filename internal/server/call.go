package server

import (
	"time"

	"milena/internal/api"
	"milena/internal/wire"
)

// call is a request under way on its connection.
type call struct {
	api.Call
	conn        *conn
	row         *api.Row // nil where the key is unknown
	buf         *buffer  // nil: given back
	queuedBytes int64
	start       time.Time
	reply       wire.Reply
	settled     bool  // answered, dropped, or without an answer; guarded, as what follows, by conn.mu
	silent      bool  // without an answer
	dropped     error // closes the connection in its turn
}

// answer takes the reply of a handler, from any goroutine.
func (k *call) answer(reply wire.Reply) { k.settle(reply, false, nil) }

func (k *call) noAnswer() { k.settle(wire.Reply{}, true, nil) }

// drop closes the connection when what came before the call has been answered.
func (k *call) drop(reason error) { k.settle(wire.Reply{}, false, reason) }

func (k *call) settle(reply wire.Reply, silent bool, dropped error) {
	c := k.conn
	c.server.opts.Metrics.Request(k.Header.Key).Total.Observe(time.Since(k.start))
	c.mu.Lock()
	if k.settled {
		c.mu.Unlock()
		panic("server: a request was answered twice")
	}
	k.settled = true
	bytes := k.queuedBytes
	k.queuedBytes = 0
	if c.closed {
		c.mu.Unlock()
		c.server.queued.give(bytes)
		release(reply)
		return
	}
	k.reply, k.silent, k.dropped = reply, silent, dropped
	if dropped != nil {
		c.dropping = true
	}
	k.releaseLocked()
	write := c.advance()
	c.mu.Unlock()
	c.server.queued.give(bytes)
	if write {
		go c.write()
	}
}

// bodyDone gives the buffer back before the answer.
func (k *call) bodyDone() {
	c := k.conn
	c.mu.Lock()
	bytes := k.queuedBytes
	k.queuedBytes = 0
	k.releaseLocked()
	c.mu.Unlock()
	c.server.queued.give(bytes)
}

// releaseLocked gives the buffer back, where that has not been done. The caller holds mu.
func (k *call) releaseLocked() {
	if k.buf != nil {
		k.conn.server.buffers.release(k.buf)
	}
	k.buf, k.Body = nil, nil
}

// abandon ends a call whose connection is gone. Its buffer is left to the garbage collector: the handler may still be at it.
func (k *call) abandon() {
	k.conn.mu.Lock()
	settled, bytes := k.settled, k.queuedBytes
	k.queuedBytes = 0
	k.conn.mu.Unlock()
	if settled {
		release(k.reply)
		return
	}
	k.conn.server.queued.give(bytes)
	k.Gone()
}

func release(reply wire.Reply) {
	for _, f := range reply.Release {
		f()
	}
}
