package replica

import (
	"sync"
	"time"

	"milena/internal/metadata"
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
	TopicID   metadata.TopicID // zero: not checked
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

// appendSlot is one partition of it.
type appendSlot struct {
	*hosted
	done  partition.Appended
	syncs bool // waits for its fsync
	waits bool // waits for its commit
	watch partition.Watch
}

// Append appends, and calls done once: at once for acks 0 and 1, and for acks -1 when the whole ISR has the records or the time
// is over. done may run on the caller's goroutine or another; it must not block, and the results are its own only until it
// returns.
func (r *Replicas) Append(req *AppendRequest, done func([]AppendResult)) {
	a := r.appends.Get().(*appending)
	a.begin(len(req.Partitions))
	r.findForAppend(req, a)
	nowMs := time.Now().UnixMilli()
	waiting := 0
	for i := range req.Partitions {
		if a.results[i].Err == nil {
			hs := a.slots[i].hosted
			st := hs.part.State()
			if a.append(req, i, nowMs); a.results[i].Err != nil {
				r.noRoom(hs, a.results[i].Err)
				a.results[i].Err = r.judged(hs.log.TopicPartition, st, a.results[i].Err)
			}
		}
		if slot := &a.slots[i]; slot.syncs || slot.waits {
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
			a.slots[i].hosted, result.Err = r.find(p.Topic, p.Partition, p.TopicID)
		}
	}
}

// append checks and appends one partition's records. The check takes no lock.
func (a *appending) append(req *AppendRequest, i int, nowMs int64) {
	slot, result := &a.slots[i], &a.results[i]
	slot.traffic.ProduceRequests.Inc()
	rules := slot.part.Log().Config().Rules()
	rules.Partition = slot.part.Name()
	checked, err := record.Check(req.Partitions[i].Records, rules, req.Origin, nowMs)
	if err == nil {
		slot.done, err = slot.part.Append(checked, req.Acks, req.Origin)
	}
	if err != nil {
		slot.refused(err, len(req.Partitions[i].Records))
		result.Err, result.LogStartOffset = err, slot.part.Log().LogStartOffset()
		return
	}
	done := &slot.done
	slot.traffic.MessagesIn.Add(int64(checked.Batch.Count()))
	slot.traffic.BytesIn.Add(int64(len(checked.Batch)))
	result.BaseOffset, result.AppendTimeMs, result.LogStartOffset = done.FirstOffset, done.AppendTimeMs, done.LogStartOffset
	slot.syncs = done.MustSync
	if req.Acks == partition.AcksAll {
		slot.waits = true
		if !slot.syncs {
			a.look(i)
		}
	}
}

// look asks whether a partition's records are committed.
func (a *appending) look(i int) {
	slot := &a.slots[i]
	if over, err := slot.part.Committed(slot.done.End(), slot.done.Epoch); over {
		a.results[i].Err = err
		slot.waits = false
	}
}

// parkedAppend is an append that waits for its commit (acks=all), or for an fsync (flush.messages). It is not used again.
type parkedAppend struct {
	*appending
	of    *Replicas
	done  func([]AppendResult)
	timer *time.Timer
	setUp sync.Mutex // held until every watch stands, so that none is stopped before it began

	mu      sync.Mutex // guards what follows, and results and the state of slots
	waiting int
	over    bool
}

func (r *Replicas) park(req *AppendRequest, a *appending, waiting int, done func([]AppendResult)) {
	p := &parkedAppend{appending: a, of: r, done: done, waiting: waiting}
	r.parked.Add(1)
	p.setUp.Lock()
	if req.Acks == partition.AcksAll { // an fsync alone takes as long as it takes
		p.timer = time.AfterFunc(wait(req.TimeoutMs), p.expire)
	}
	var toSync []int
	for i := range a.slots {
		slot := &a.slots[i]
		if slot.waits {
			slot.part.Watch(&slot.watch, p, i)
		}
		if slot.done.MustSync {
			toSync = append(toSync, i)
		}
	}
	p.setUp.Unlock()
	for i := range a.slots {
		p.Changed(i) // what happened before the watch stood
	}
	for _, i := range toSync {
		slot := &p.slots[i]
		slot.part.SyncThen(&slot.done, func(err error) { p.synced(i, err) })
	}
}

// Changed looks whether one partition's records are committed.
func (p *parkedAppend) Changed(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	slot := &p.slots[i]
	if p.over || slot.syncs || !slot.waits {
		return
	}
	if p.look(i); !slot.waits && p.settle() {
		go p.finish() // the partition holds its watches while it tells them
	}
}

// synced is told of one partition's fsync.
func (p *parkedAppend) synced(i int, err error) {
	p.mu.Lock()
	slot := &p.slots[i]
	slot.syncs = false
	over := p.over
	if !over {
		if err != nil {
			p.results[i].Err = err
			slot.waits = false
		} else if slot.waits {
			p.look(i)
		}
		over = slot.waits || !p.settle()
	}
	p.mu.Unlock()
	if !over {
		p.finish()
	}
}

// settle counts one partition less that is waited for, and tells whether it was the last: then the caller sees to finish. The caller holds mu.
func (p *parkedAppend) settle() (last bool) {
	p.waiting--
	p.over = p.waiting == 0
	return p.over
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
		if p.slots[i].waits || p.slots[i].syncs {
			p.results[i].Err = ErrTimedOut
		}
	}
	p.mu.Unlock()
	p.finish()
}

func (p *parkedAppend) finish() {
	p.setUp.Lock()
	defer p.setUp.Unlock()
	if p.timer != nil {
		p.timer.Stop()
	}
	for i := range p.slots {
		p.slots[i].watch.Stop()
	}
	p.of.parked.Add(-1)
	p.done(p.results)
}
