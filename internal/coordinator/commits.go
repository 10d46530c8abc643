package coordinator

import (
	"sync"
	"time"
)

// commits are those who wait until the log is committed up to an offset, in the order of their offsets. Only the first of them is
// watched: what it waits for is committed before what the others wait for.
type commits struct {
	committed int64 // known to be
	waiting   []commitWait
}

type commitWait struct {
	end      int64
	deadline time.Time
	then     func(error)
}

// fail tells all who wait.
func (c *commits) fail(err error) {
	for len(c.waiting) > 0 {
		c.first(err)
	}
}

// first tells the first one.
func (c *commits) first(err error) {
	w := c.waiting[0]
	c.waiting[0] = commitWait{}
	if c.waiting = c.waiting[1:]; len(c.waiting) == 0 {
		c.waiting = nil
	}
	if err == nil {
		c.committed = max(c.committed, w.end)
	}
	w.then(err)
}

// await calls then when everything below end is committed: now where that is so, and nobody waits.
func (p *part[M]) await(end int64, then func(error)) {
	c := &p.commits
	if len(c.waiting) == 0 && end <= c.committed {
		then(nil)
		return
	}
	c.waiting = append(c.waiting, commitWait{end, time.Now().Add(p.of.options.CommitTimeout()), then})
	if len(c.waiting) == 1 {
		p.watchFirst()
	}
}

// watchFirst asks the log to tell when the first one's offset is committed, and goes on for as long as the answer comes at once.
func (p *part[M]) watchFirst() {
	c := &p.commits
	for len(c.waiting) > 0 {
		if c.waiting[0].end <= c.committed {
			c.first(nil)
			continue
		}
		a := &answer{asking: true}
		left := max(0, time.Until(c.waiting[0].deadline))
		p.of.options.Log.WhenCommitted(p.partition, p.epoch, c.waiting[0].end, left, func(err error) {
			if !a.keep(err) {
				p.told(err)
			}
		})
		if !a.here() {
			return
		}
		c.first(a.err)
	}
}

// told is the log's answer when it came later.
func (p *part[M]) told(err error) {
	p.mu.Lock()
	if p.is(active) {
		p.commits.first(err)
		p.watchFirst()
	}
	p.unlock()
}

// answer is the log's, which may come while it is asked: then the lock is held already.
type answer struct {
	mu     sync.Mutex
	asking bool
	came   bool
	err    error
}

// keep takes an answer that came while the log is being asked.
func (a *answer) keep(err error) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.asking {
		return false
	}
	a.came, a.err = true, err
	return true
}

// here ends the asking, and tells whether the answer came meanwhile.
func (a *answer) here() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asking = false
	return a.came
}
