package coordinator

import "time"

// timer is one scheduled call. It is the key's as long as it stands in part.timers.
type timer struct {
	key   string
	f     func() Result
	clock *time.Timer
}

// Schedule calls f after that time.
func (p *part[M]) Schedule(key string, after time.Duration, f func() Result) {
	p.Cancel(key)
	if p.is(gone) {
		return
	}
	t := &timer{key: key, f: f}
	p.timers[key] = t
	t.clock = time.AfterFunc(after, func() { p.fire(t) })
}

// Cancel forgets a timer. One that fired already and waits for the lock finds itself replaced.
func (p *part[M]) Cancel(key string) {
	if t := p.timers[key]; t != nil {
		t.clock.Stop()
		delete(p.timers, key)
	}
}

func (p *part[M]) fire(t *timer) {
	p.mu.Lock()
	if p.is(loading) {
		p.due = append(p.due, t)
	} else {
		p.run(t)
	}
	p.unlock()
}

// run calls what a timer is for, unless it was cancelled or scheduled anew.
func (p *part[M]) run(t *timer) {
	if p.timers[t.key] != t {
		return
	}
	delete(p.timers, t.key)
	p.settle(t.f())
}
