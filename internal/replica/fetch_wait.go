package replica

import (
	"sync"
	"time"
)

// parkedFetch is a fetch that waits for MinBytes. Each change of a partition counts that partition's bytes anew; when there are
// enough, the read is done on a goroutine of its own: at once where the machine is idle, and where it is busy it takes all that
// has gathered until its turn comes, without the append that woke it paying for it. It is not used again.
type parkedFetch struct {
	*fetching
	of       *Replicas
	done     func([]FetchResult)
	minBytes int64
	maxBytes int32
	replica  int32
	timer    *time.Timer
	until    time.Time  // when it ends; guarded by mu
	setUp    sync.Mutex // held until every watch stands, so that none is stopped before it began

	mu        sync.Mutex // guards what follows and slots' available
	available int64
	over      bool
}

func (r *Replicas) parkFetch(req *FetchRequest, f *fetching, done func([]FetchResult)) (cancel func()) {
	p := &parkedFetch{fetching: f, of: r, done: done, minBytes: int64(req.MinBytes), maxBytes: req.MaxBytes, replica: req.ReplicaID}
	r.parked.Add(1)
	p.setUp.Lock()
	p.until = time.Now().Add(wait(req.MaxWaitMs))
	p.timer = time.AfterFunc(wait(req.MaxWaitMs), p.expire)
	for i := range f.slots {
		f.slots[i].part.Watch(&f.slots[i].watch, p, i)
	}
	p.setUp.Unlock()
	for i := range f.slots {
		p.Changed(i) // what happened before the watch stood
	}
	return p.cancel
}

// Changed counts one partition anew.
func (p *parkedFetch) Changed(i int) {
	slot := &p.slots[i]
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	available, failed := slot.part.Available(&slot.read)
	available = min(available, int64(slot.read.MaxBytes))
	if available > 0 && p.of.withholds(slot.hosted, p.replica) {
		available = 0
		p.expireBy(p.of.throttles.leader.ClearAt())
	}
	p.available += available - slot.available
	slot.available = available
	if failed || p.available >= p.minBytes || p.replica >= 0 && p.of.propagates() && !slot.part.KnowsHighWatermark(p.replica) {
		p.over = true
		go p.finish()
	}
}

// expireBy ends the wait early. The caller has mu.
func (p *parkedFetch) expireBy(t time.Time) {
	if t.Before(p.until) {
		p.until = t
		p.timer.Reset(time.Until(t))
	}
}

// take claims the end of the wait for one caller.
func (p *parkedFetch) take() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return false
	}
	p.over = true
	return true
}

func (p *parkedFetch) expire() {
	if p.take() {
		p.finish()
	}
}

func (p *parkedFetch) cancel() {
	if p.take() {
		p.leave()
	}
}

func (p *parkedFetch) leave() {
	p.setUp.Lock()
	defer p.setUp.Unlock()
	p.timer.Stop()
	for i := range p.slots {
		p.slots[i].watch.Stop()
	}
	p.of.parked.Add(-1)
}

func (p *parkedFetch) finish() {
	p.leave()
	p.read(p.of, p.maxBytes, p.replica)
	p.count(p.of, p.replica)
	p.done(p.results)
}
