package partition

// Watcher is told that something a request may wait for has changed: high watermark, log end, log start, role. It is called on
// the goroutine that made the change, often an append, under the partition's list of watches: it may look at the partition, but
// must not block, and must not stop a watch. slot is what Watch was given.
type Watcher interface {
	Changed(slot int)
}

// Watch is one entry in a partition's list of watches; its owner keeps the memory. The zero value watches nothing.
type Watch struct {
	next, prev *Watch
	partition  *Partition
	watcher    Watcher
	slot       int
}

// watchList is the ends of a list of watches.
type watchList struct{ first, last *Watch }

// Watch has w told of changes until w.Stop. What changed before the call is not told: look again after it.
func (p *Partition) Watch(w *Watch, watcher Watcher, slot int) {
	w.partition, w.watcher, w.slot = p, watcher, slot
	p.watchMu.Lock()
	w.prev = p.watches.last
	if w.prev != nil {
		w.prev.next = w
	} else {
		p.watches.first = w
	}
	p.watches.last = w
	p.watched.Add(1)
	p.watchMu.Unlock()
}

// Stop ends the watch; when it returns, the watcher is not called any more. A second call does nothing.
func (w *Watch) Stop() {
	p := w.partition
	if p == nil {
		return
	}
	p.watchMu.Lock()
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		p.watches.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		p.watches.last = w.prev
	}
	p.watched.Add(-1)
	p.watchMu.Unlock()
	w.next, w.prev, w.partition = nil, nil, nil
}

// LookAgain has everyone who watches look at the partition, though nothing in it has changed.
func (p *Partition) LookAgain() { p.notify() }

// notify tells everyone who watches.
func (p *Partition) notify() {
	if p.watched.Load() == 0 {
		return
	}
	p.watchMu.Lock()
	for w := p.watches.first; w != nil; w = w.next {
		w.watcher.Changed(w.slot)
	}
	p.watchMu.Unlock()
}
