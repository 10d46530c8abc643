package config

import (
	"sync"
	"sync/atomic"
)

// Live is the broker's configuration as it stands now: read by anyone without a lock, replaced as a whole by a dynamic change.
type Live struct {
	current atomic.Pointer[Broker]
	mu      sync.Mutex // guards listeners and orders changes
	told    []func(old, now *Broker)
}

// NewLive starts with b.
func NewLive(b *Broker) *Live {
	l := &Live{}
	l.current.Store(b)
	return l
}

// Broker is the configuration in force.
func (l *Live) Broker() *Broker { return l.current.Load() }

// OnChange has f called after each change, in order of registration, with the configuration before and after it.
func (l *Live) OnChange(f func(old, now *Broker)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, f)
}

// Replace puts b in force and tells everyone.
func (l *Live) Replace(b *Broker) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.current.Swap(b)
	for _, f := range l.told {
		f(old, b)
	}
}
