package metrics

import "sync/atomic"

// Counter only grows. Its zero value is ready.
type Counter struct{ n atomic.Int64 }

// Add adds n, which is not negative.
func (c *Counter) Add(n int64) { c.n.Add(n) }

// Inc adds one.
func (c *Counter) Inc() { c.n.Add(1) }

// Load is the count.
func (c *Counter) Load() int64 { return c.n.Load() }

// Gauge goes up and down. Its zero value is ready.
type Gauge struct{ n atomic.Int64 }

// Add adds n, which may be negative.
func (g *Gauge) Add(n int64) { g.n.Add(n) }

// Set replaces the value.
func (g *Gauge) Set(n int64) { g.n.Store(n) }

// Load is the value.
func (g *Gauge) Load() int64 { return g.n.Load() }
