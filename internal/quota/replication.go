package quota

import (
	"math"
	"sync"
	"time"
)

// Unlimited is the limit that nothing passes.
const Unlimited = math.MaxInt64

// Replication is the throttle of one direction of replication: what leaders send, or what followers fetch. mu guards all of it.
type Replication struct {
	mu    sync.Mutex
	rate  rate
	limit int64 // bytes a second
}

// NewReplication measures over so many windows of that size (replication.quota.window.num, replication.quota.window.size.seconds).
func NewReplication(windows int, size time.Duration, limit int64) *Replication {
	return &Replication{rate: rate{keep: windows, size: size}, limit: limit}
}

// SetLimit changes the limit, in bytes a second, and tells whether it is another one.
func (q *Replication) SetLimit(limit int64) (changed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	changed = q.limit != limit
	q.limit = limit
	return changed
}

// Limited tells whether there is a limit at all.
func (q *Replication) Limited() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.limit != Unlimited
}

// Record counts bytes of throttled replicas.
func (q *Replication) Record(bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rate.record(time.Now(), bytes)
}

// Exceeded tells whether the rate is above the limit.
func (q *Replication) Exceeded() bool { return time.Until(q.ClearAt()) > 0 }

// ClearAt is when the rate is within the limit again unless more is recorded; not later than now where it is.
func (q *Replication) ClearAt() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if q.limit == Unlimited {
		return now
	}
	return q.rate.belowAt(now, float64(q.limit))
}

// PerSecond is the rate, in bytes.
func (q *Replication) PerSecond() float64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.rate.perSecond(time.Now())
}
