package replica

import (
	"sync"
	"time"

	"milena/internal/partition"
	"milena/internal/record"
)

// AppendRequest is a produce request (or a coordinator's append).
type AppendRequest struct {
	Acks       int16 // -1, 0, 1
	TimeoutMs  int32
	Origin     record.Origin
	Partitions []AppendPartition
	// InternalTopics lets a client write to a coordinator's topic, as Kafka lets its own admin client.
	InternalTopics bool
}

// AppendPartition is one partition's records, changed in place.
type AppendPartition struct {
	Topic     string
	Partition int32
	Records   []byte
}

// AppendResult answers one AppendPartition, at the same index.
type AppendResult struct {
	Err            error // mapped in api; nil where appended
	BaseOffset     int64
	AppendTimeMs   int64 // -1 with CreateTime
	LogStartOffset int64
}

// appending is one append request; used again when it was answered without waiting.
type appending struct {
	results []AppendResult
	slots   []appendSlot
}

// appendSlot is one partition of it: where it is to be committed up to, in which leader epoch.
type appendSlot struct {
	part  *partition.Partition
	upTo  int64
	epoch int32
	waits bool
	watch partition.Watch
}

// Append appends, and calls done once: at once for acks 0 and 1, and for acks -1 when the whole ISR has the records or the time is over.
// done may run on the caller's goroutine or another; it must not block, and the results are its own only until it returns.
func (r *Replicas) Append(req *AppendRequest, done func([]AppendResult)) {
	a := r.appends.Get().(*appending)
	a.begin(len(req.Partitions))
	r.findForAppend(req, a)
	nowMs := time.Now().UnixMilli()
	waiting := 0
	for i := range req.Partitions {
		if a.results[i].Err == nil {
			a.append(req, i, nowMs)
		}
		if a.slots[i].waits {
			waiting++
		}
	}
	if waiting == 0 {
		done(a.results)
		a.clear()
		r.appends.Put(a)
		return
	}
	r.park(req, a, waiting, done)
}

func (a *appending) begin(n int) {
	if cap(a.results) < n {
		a.results, a.slots = make([]AppendResult, n), make([]appendSlot, n)
	}
	a.results, a.slots = a.results[:n], a.slots[:n]
}

func (a *appending) clear() {
	clear(a.results)
	clear(a.slots)
}

// findForAppend finds all partitions under one lock.
func (r *Replicas) findForAppend(req *AppendRequest, a *appending) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for i := range req.Partitions {
		p := &req.Partitions[i]
		result := &a.results[i]
		*result = AppendResult{BaseOffset: -1, AppendTimeMs: -1, LogStartOffset: -1}
		switch {
		case req.Acks < partition.AcksAll || req.Acks > partition.AcksOne:
			result.Err = ErrInvalidRequiredAcks
		case internalTopic(p.Topic) && req.Origin == record.FromClient && !req.InternalTopics:
			result.Err = ErrInvalidTopic
		default:
			a.slots[i].part, result.Err = r.find(p.Topic, p.Partition)
		}
	}
}

// append checks and appends one partition's records. The check takes no lock.
func (a *appending) append(req *AppendRequest, i int, nowMs int64) {
	slot, result := &a.slots[i], &a.results[i]
	rules := slot.part.Log().Config().Rules()
	rules.Partition = slot.part.Name()
	checked, err := record.Check(req.Partitions[i].Records, rules, req.Origin, nowMs)
	if err != nil {
		result.Err, result.LogStartOffset = err, slot.part.Log().LogStartOffset()
		return
	}
	appended, epoch, err := slot.part.Append(checked, req.Acks, req.Origin)
	if err != nil {
		result.Err, result.LogStartOffset = err, slot.part.Log().LogStartOffset()
		return
	}
	result.BaseOffset, result.AppendTimeMs, result.LogStartOffset = appended.FirstOffset, appended.AppendTimeMs, appended.LogStartOffset
	if req.Acks == partition.AcksAll {
		slot.upTo, slot.epoch = appended.LastOffset+1, epoch
		over, err := slot.part.Committed(slot.upTo, epoch)
		if over && err != nil {
			result.Err = err
		}
		slot.waits = !over
	}
}

// parkedAppend is an append with acks=all that waits for its commit. It is not used again.
type parkedAppend struct {
	*appending
	of    *Replicas
	done  func([]AppendResult)
	timer *time.Timer
	setUp sync.Mutex // held until every watch stands, so that none is stopped before it began

	mu      sync.Mutex // guards what follows and slots' waits
	waiting int
	over    bool
}

func (r *Replicas) park(req *AppendRequest, a *appending, waiting int, done func([]AppendResult)) {
	p := &parkedAppend{appending: a, of: r, done: done, waiting: waiting}
	r.parked.Add(1)
	p.setUp.Lock()
	p.timer = time.AfterFunc(wait(req.TimeoutMs), p.expire)
	for i := range a.slots {
		if slot := &a.slots[i]; slot.upTo > 0 {
			slot.part.Watch(&slot.watch, p, i)
		}
	}
	p.setUp.Unlock()
	for i := range a.slots {
		p.Changed(i) // what happened before the watch stood
	}
}

// Changed looks whether one partition's records are committed.
func (p *parkedAppend) Changed(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	slot := &p.slots[i]
	if p.over || !slot.waits {
		return
	}
	committed, err := slot.part.Committed(slot.upTo, slot.epoch)
	if !committed {
		return
	}
	p.results[i].Err = err
	slot.waits = false
	if p.waiting--; p.waiting == 0 {
		p.over = true
		go p.finish()
	}
}

// expire answers what is not committed yet with REQUEST_TIMED_OUT: it may still be.
func (p *parkedAppend) expire() {
	p.mu.Lock()
	if p.over {
		p.mu.Unlock()
		return
	}
	p.over = true
	for i := range p.slots {
		if p.slots[i].waits {
			p.results[i].Err = ErrTimedOut
		}
	}
	p.mu.Unlock()
	p.finish()
}

func (p *parkedAppend) finish() {
	p.setUp.Lock()
	defer p.setUp.Unlock()
	p.timer.Stop()
	for i := range p.slots {
		p.slots[i].watch.Stop()
	}
	p.of.parked.Add(-1)
	p.done(p.results)
}
