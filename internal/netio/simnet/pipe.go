package simnet

import "time"

// segment is what one write, close or reset sends.
type segment struct {
	data    []byte
	end     segmentEnd
	arrives time.Time
}

type segmentEnd int

const (
	goesOn segmentEnd = iota
	finishes
	resets
)

// pipe is one direction of a connection. The network's mutex guards it.
type pipe struct {
	network  *Network
	from, to string // hosts
	reader   *conn

	flying   []segment // sent, in order
	received [][]byte  // arrived and unread
	bytes    int       // in both
	limit    int
	lag      time.Duration // beside the link's delay
	finished bool          // the end has arrived
	reset    bool          // a reset has arrived
	sentEnd  bool          // nothing more may be sent
	deaf     bool          // the reader has closed: what arrives is thrown away
	broken   bool          // something was lost: nothing arrives any more
	changed  chan struct{}
	waiting  bool // someone has taken changed since it was made
	timer    *time.Timer
}

func newPipe(n *Network, from, to string) *pipe {
	return &pipe{network: n, from: from, to: to, limit: n.bufferBytes, lag: n.lag(from, to), changed: make(chan struct{})}
}

// signal wakes all who wait for a change.
func (p *pipe) signal() {
	if p.waiting {
		close(p.changed)
		p.changed = make(chan struct{})
		p.waiting = false
	}
}

// wait gives the channel that the next change closes.
func (p *pipe) wait() <-chan struct{} {
	p.waiting = true
	return p.changed
}

// send puts a segment on its way.
func (p *pipe) send(data []byte, end segmentEnd) {
	delay, _ := p.network.open(p.from, p.to)
	arrives := time.Now().Add(delay + p.lag)
	if n := len(p.flying); n > 0 && arrives.Before(p.flying[n-1].arrives) {
		arrives = p.flying[n-1].arrives // a shorter delay since: still in order
	}
	p.flying = append(p.flying, segment{data: data, end: end, arrives: arrives})
	p.bytes += len(data)
	if end != goesOn {
		p.sentEnd = true
	}
	p.advance()
}

// advance lets arrive what is due.
func (p *pipe) advance() {
	if len(p.flying) == 0 || p.broken {
		return
	}
	if p.network.loses(p.from, p.to) {
		p.broken = true
		p.flying = nil
		return
	}
	if _, ok := p.network.open(p.from, p.to); !ok {
		return // relink calls again
	}
	now := time.Now()
	arrived := 0
	for _, s := range p.flying {
		if s.arrives.After(now) {
			p.wake(s.arrives.Sub(now))
			break
		}
		p.arrive(s)
		arrived++
	}
	if arrived > 0 {
		p.flying = p.flying[arrived:]
		p.signal()
	}
}

func (p *pipe) arrive(s segment) {
	switch {
	case s.end == resets:
		p.reset, p.received = true, nil
		p.reader.out.signal() // its writer fails, too
	case s.end == finishes:
		p.finished = true
	case p.deaf:
		p.bytes -= len(s.data)
	default:
		p.received = append(p.received, s.data)
	}
}

// wake calls advance later.
func (p *pipe) wake(after time.Duration) {
	if p.timer != nil {
		p.timer.Stop()
	}
	p.timer = time.AfterFunc(after, func() {
		p.network.mu.Lock()
		defer p.network.mu.Unlock()
		p.advance()
	})
}

// read takes what has arrived.
func (p *pipe) read(b []byte) int {
	n := 0
	for n < len(b) && len(p.received) > 0 {
		m := copy(b[n:], p.received[0])
		n += m
		if m < len(p.received[0]) {
			p.received[0] = p.received[0][m:]
		} else {
			p.received = p.received[1:]
		}
	}
	if p.bytes -= n; n > 0 {
		p.signal()
	}
	return n
}

// close makes the reader deaf.
func (p *pipe) close() {
	p.deaf = true
	for _, data := range p.received {
		p.bytes -= len(data)
	}
	p.received = nil
	p.signal()
}
