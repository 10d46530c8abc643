package group

import (
	"sync"
	"time"

	"milena/internal/coordinator"
	"milena/internal/record"
)

// fakeLog is one partition of the topic, in memory. What is appended is committed at once, unless it is held.
type fakeLog struct {
	mu        sync.Mutex
	epoch     int32
	data      []byte
	end       int64
	committed int64
	held      bool
	refuse    error
	maxBatch  int
	waits     map[*fakeWait]struct{}
}

type fakeWait struct {
	end   int64
	done  func(error)
	timer *time.Timer
}

func newFakeLog() *fakeLog { return &fakeLog{maxBatch: 1 << 20, waits: map[*fakeWait]struct{}{}} }

func (l *fakeLog) Append(_, leaderEpoch int32, batch record.Batch) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse != nil {
		return 0, l.refuse
	}
	if leaderEpoch != l.epoch {
		return 0, coordinator.ErrNotCoordinator
	}
	batch.SetBaseOffset(l.end)
	l.data = append(l.data, batch...)
	if l.end = batch.NextOffset(); !l.held {
		l.committed = l.end
	}
	return l.end, nil
}

func (l *fakeLog) WhenCommitted(_, _ int32, end int64, timeout time.Duration, done func(error)) {
	l.mu.Lock()
	if l.committed >= end {
		l.mu.Unlock()
		done(nil)
		return
	}
	w := &fakeWait{end: end, done: done}
	w.timer = time.AfterFunc(timeout, func() { l.tell(w, coordinator.ErrTimedOut) })
	l.waits[w] = struct{}{}
	l.mu.Unlock()
}

func (l *fakeLog) tell(w *fakeWait, err error) {
	l.mu.Lock()
	_, waits := l.waits[w]
	delete(l.waits, w)
	l.mu.Unlock()
	if waits {
		w.timer.Stop()
		w.done(err)
	}
}

// hold keeps what is appended from now on uncommitted, until release.
func (l *fakeLog) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = true
}

// release ends hold and fails.
func (l *fakeLog) release() {
	l.mu.Lock()
	l.held, l.refuse, l.committed = false, nil, l.end
	var waits []*fakeWait
	for w := range l.waits {
		waits = append(waits, w)
	}
	l.mu.Unlock()
	for _, w := range waits {
		l.tell(w, nil)
	}
}

// fails has the log refuse appends with an error; nil: it takes them again.
func (l *fakeLog) fails(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse = err
}

// limit sets the largest batch.
func (l *fakeLog) limit(bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.maxBatch = bytes
}

// lose is what a leader's death does to what was not committed.
func (l *fakeLog) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := 0
	for at < len(l.data) && record.Batch(l.data[at:]).NextOffset() <= l.committed {
		at += record.Batch(l.data[at:]).SizeBytes()
	}
	l.data, l.end, l.held = l.data[:at:at], l.committed, false
	for w := range l.waits {
		w.timer.Stop()
	}
	clear(l.waits)
}

func (l *fakeLog) Read(_ int32, offset int64, maxBytes int, buf []byte) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	data := l.data
	for len(data) > 0 && record.Batch(data).NextOffset() <= offset {
		data = data[record.Batch(data).SizeBytes():]
	}
	if len(data) == 0 {
		return nil, nil
	}
	return append(buf, data[:min(len(data), max(maxBytes, record.Batch(data).SizeBytes()))]...), nil
}

func (l *fakeLog) Bounds(int32) (int64, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return 0, l.end, nil
}

func (l *fakeLog) MaxBatchBytes(int32) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.maxBatch
}
