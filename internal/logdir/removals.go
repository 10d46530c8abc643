package logdir

import (
	"container/heap"
	"errors"
	"io/fs"
	"sync"
	"time"
)

// removals is what waits for file.delete.delay.ms to pass before it goes, soonest first. One goroutine works it off.
type removals struct {
	mu   sync.Mutex
	heap removalHeap
	wake chan struct{} // has room for one signal
}

type removal struct {
	due time.Time
	do  func() error
	dir *Dir
}

type removalHeap []removal

func (h removalHeap) Len() int           { return len(h) }
func (h removalHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h removalHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *removalHeap) Push(x any)        { *h = append(*h, x.(removal)) }
func (h *removalHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = removal{}
	*h = old[:len(old)-1]
	return last
}

func (r *removals) add(due time.Time, do func() error, dir *Dir) {
	r.mu.Lock()
	heap.Push(&r.heap, removal{due, do, dir})
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// take gives what is due, or how long to wait for the next.
func (r *removals) take(now time.Time) (due []removal, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.heap) > 0 && !r.heap[0].due.After(now) {
		due = append(due, heap.Pop(&r.heap).(removal))
	}
	if len(r.heap) == 0 {
		return due, time.Hour
	}
	return due, r.heap[0].due.Sub(now)
}

func (r *removals) run(stop <-chan struct{}) {
	for {
		due, wait := r.take(time.Now())
		for _, one := range due {
			if one.dir.Offline() {
				continue
			}
			if err := one.do(); err != nil && !errors.Is(err, fs.ErrNotExist) {
				one.dir.failed(err)
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-stop:
			timer.Stop()
			return
		case <-r.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}
