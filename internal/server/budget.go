package server

import "sync"

// budget is a number of units (requests, bytes) that many share; those for whom there is none left wait. A nil budget has no limit.
type budget struct {
	mu    sync.Mutex
	freed sync.Cond
	left  int64
	most  int64
}

func newBudget(most int64) *budget {
	b := &budget{left: most, most: most}
	b.freed.L = &b.mu
	return b
}

// take waits until there is something left and takes n, which may overdraw: a request larger than the whole budget would else wait for ever.
// (Kafka's memory pool does the same.)
func (b *budget) take(n int64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	for b.left <= 0 {
		b.freed.Wait()
	}
	b.left -= n
	b.mu.Unlock()
}

func (b *budget) give(n int64) {
	if b == nil || n == 0 {
		return
	}
	b.mu.Lock()
	b.left += n
	if b.left > 0 {
		b.freed.Broadcast()
	}
	b.mu.Unlock()
}
