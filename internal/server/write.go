package server

import (
	"errors"
	"fmt"
	"net"

	"milena/internal/vfs"
	"milena/internal/wire"
)

// errReply is wrapped by failures of our own that leave a reply unfinished: the connection must end, for its bytes no longer fit.
var errReply = errors.New("a reply cannot be finished")

const (
	scratchBytes  = 64 << 10
	smallBytes    = 16 << 10 // byte ranges up to here are gathered, larger ones are sent as they are
	smallFile     = 8 << 10  // file ranges up to here are read and gathered, larger ones are sent from the file
	keptReplySlot = 64       // how many slots of output a writer keeps
)

// write sends the output until there is none. The caller has set writing; there is one writer at a time.
func (c *conn) write() {
	s, _ := c.server.senders.Get().(*sender)
	if s == nil {
		s = newSender()
	}
	s.attach(c)
	for {
		c.mu.Lock()
		if len(c.out) == 0 || c.closed {
			c.writing = false
			if cap(c.out) > keptSlots {
				c.out = nil
			}
			done := !c.closed && c.draining && c.idle()
			c.changed.Signal()
			c.mu.Unlock()
			s.detach()
			c.server.senders.Put(s)
			if done {
				c.close(errStopped)
			}
			return
		}
		batch := c.out
		c.out, c.outBytes = s.spare[:0], 0
		c.changed.Signal()
		c.mu.Unlock()
		err := s.send(batch)
		for i := range batch {
			batch[i].release()
		}
		clear(batch)
		if cap(batch) > keptReplySlot {
			batch = nil
		}
		s.spare = batch
		c.listener.metrics.Written.Add(s.sent)
		s.sent = 0
		if err != nil {
			c.close(err)
		}
	}
}

// sender writes replies to one connection at a time. A connection has one only while it writes.
type sender struct {
	conn    *conn
	socket  net.Conn
	raw     rawSocket
	scratch []byte
	spare   []outgoing
	sent    int64
}

func newSender() *sender {
	s := &sender{scratch: make([]byte, 0, scratchBytes)}
	s.raw.init()
	return s
}

func (s *sender) attach(c *conn) {
	s.conn, s.socket = c, c.socket
	s.raw.attach(c.socket)
}

func (s *sender) detach() {
	s.raw.detach()
	s.conn, s.socket, s.spare = nil, nil, nil
}

// send writes replies one after the other, with as few calls as their parts allow.
func (s *sender) send(batch []outgoing) error {
	s.scratch = s.scratch[:0]
	for i := range batch {
		o := &batch[i]
		if o.dropped != nil {
			if err := s.flush(false); err != nil {
				return err
			}
			return o.dropped
		}
		if cap(s.scratch)-len(s.scratch) < wire.ReplyHeaderBytes {
			if err := s.flush(true); err != nil {
				return err
			}
		}
		s.scratch = wire.AppendReplyHeader(s.scratch, o.header, o.reply.SizeBytes())
		for j := range o.reply.Parts {
			p := &o.reply.Parts[j]
			var err error
			if p.File.File != nil {
				err = s.file(p.File)
			} else {
				err = s.bytes(p.Bytes)
			}
			if err != nil {
				return err
			}
		}
	}
	return s.flush(false)
}

func (s *sender) bytes(b []byte) error {
	if len(b) > cap(s.scratch)-len(s.scratch) {
		if err := s.flush(true); err != nil {
			return err
		}
	}
	if len(b) > smallBytes {
		if err := s.flush(true); err != nil {
			return err
		}
		return s.put(b, false)
	}
	s.scratch = append(s.scratch, b...)
	return nil
}

// flush sends what was gathered; more says that something follows at once.
func (s *sender) flush(more bool) error {
	if len(s.scratch) == 0 {
		return nil
	}
	err := s.put(s.scratch, more)
	s.scratch = s.scratch[:0]
	return err
}

// put writes all of b.
func (s *sender) put(b []byte, more bool) error {
	s.sent += int64(len(b))
	if s.raw.usable() {
		return s.raw.write(s.conn, b, more)
	}
	for len(b) > 0 {
		n, err := s.socket.Write(b)
		if err != nil {
			return err
		}
		s.conn.used()
		b = b[n:]
	}
	return nil
}

// file sends a range of a file: from the file to the socket where both can, else by reading it.
func (s *sender) file(r vfs.Range) error {
	if r.Size > smallFile && s.raw.usable() {
		if err := s.flush(true); err != nil {
			return err
		}
		sent, err := s.raw.sendFile(s.conn, r)
		s.sent += int64(sent)
		if err != nil {
			return err
		}
		r.Offset += int64(sent)
		r.Size -= sent
	}
	for r.Size > 0 {
		room := cap(s.scratch) - len(s.scratch)
		if room < min(r.Size, smallFile) {
			if err := s.flush(true); err != nil {
				return err
			}
			room = cap(s.scratch)
		}
		at, n := len(s.scratch), min(room, r.Size)
		s.scratch = s.scratch[:at+n]
		if _, err := r.File.ReadAt(s.scratch[at:], r.Offset); err != nil {
			return fmt.Errorf("%w: reading %d bytes at %d of %s: %w", errReply, n, r.Offset, r.File.Name(), err)
		}
		r.Offset += int64(n)
		r.Size -= n
	}
	return nil
}
