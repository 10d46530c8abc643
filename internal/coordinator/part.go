package coordinator

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"milena/internal/record"
)

// phase is where a partition is in its life.
type phase int32

const (
	loading phase = iota
	active
	gone
)

// part is one partition in one leader epoch: its machine, its timers, and those who wait for a commit.
type part[M Machine] struct {
	of        *Runtime[M]
	partition int32
	epoch     int32
	logger    *slog.Logger
	phase     atomic.Int32  // a phase; changed under mu
	given     chan struct{} // closed when the phase becomes gone: loading ends

	mu       sync.Mutex // the partition's lock; guards what follows
	machine  M
	timers   map[string]*timer
	due      []*timer // fired while loading
	replies  []func()
	appended int64 // the offset after all that the machine has replayed
	commits  commits
	batch    []record.Record // of the append under way, to use again
}

func newPart[M Machine](r *Runtime[M], partition, epoch int32) *part[M] {
	p := &part[M]{of: r, partition: partition, epoch: epoch, given: make(chan struct{}), timers: map[string]*timer{}}
	p.logger = r.options.Logger.With("partition", fmt.Sprintf("%s-%d", r.options.Topic, partition))
	p.commits.committed = -1
	p.machine = r.options.Make(p)
	return p
}

func (p *part[M]) is(ph phase) bool { return phase(p.phase.Load()) == ph }

// do runs a handler.
func (p *part[M]) do(f func(M) Result) error {
	if p.is(loading) {
		return ErrLoading // without the lock, which loading holds for long
	}
	p.mu.Lock()
	if p.is(gone) {
		p.mu.Unlock()
		return ErrNotCoordinator
	}
	p.settle(f(p.machine))
	p.unlock()
	return nil
}

// unlock releases the lock and then runs what Reply has gathered under it.
func (p *part[M]) unlock() {
	replies := p.replies
	p.replies = nil
	p.mu.Unlock()
	for _, f := range replies {
		f()
	}
}

// unload ends the partition's life: timers first, then those who wait for a commit, then the machine.
func (p *part[M]) unload() {
	p.mu.Lock()
	before := phase(p.phase.Swap(int32(gone)))
	if before == gone {
		p.mu.Unlock()
		return
	}
	close(p.given)
	for key := range p.timers {
		p.Cancel(key)
	}
	if before == active {
		p.commits.fail(ErrNotCoordinator)
		p.machine.Unloaded()
	}
	p.unlock()
}

// settle does what a handler or timer wants done: append, replay, and call Then when all that was appended is committed.
func (p *part[M]) settle(res Result) {
	if len(res.Records) > 0 {
		if err := p.append(res.Records); err != nil {
			if res.Then != nil {
				res.Then(err)
			}
			return
		}
	}
	if res.Then != nil {
		p.await(p.appended, res.Then)
	}
}

// append appends records in one batch and replays them: what could not be appended leaves no trace in the machine.
func (p *part[M]) append(records []Record) error {
	nowMs := time.Now().UnixMilli()
	p.batch = p.batch[:0]
	for i, r := range records {
		p.batch = append(p.batch, record.Record{Offset: int64(i), TimestampMs: nowMs, Key: r.Key, Value: r.Value})
	}
	builder := record.Builder{Codec: p.of.options.Codec, LeaderEpoch: p.epoch, ProducerID: -1, ProducerEpoch: -1, BaseSequence: -1}
	batch, err := builder.Build(p.batch)
	clear(p.batch)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTooLarge, err) // the one way in which whole records in sequence cannot be a batch
	}
	if limit := p.of.options.Log.MaxBatchBytes(p.partition); len(batch) > limit {
		return fmt.Errorf("%w: %d bytes, max.message.bytes is %d", ErrTooLarge, len(batch), limit)
	}
	end, err := p.of.options.Log.Append(p.partition, p.epoch, batch)
	if err != nil {
		return err
	}
	r := Replayed{Offset: end - int64(len(records)), TimestampMs: nowMs, ProducerID: -1, ProducerEpoch: -1}
	for i := range records {
		r.Record = records[i]
		p.replay(&r)
		r.Offset++
	}
	p.appended = end
	return nil
}

// replay applies one record; one that the machine refuses is left out.
func (p *part[M]) replay(r *Replayed) {
	if err := p.machine.Replay(r); err != nil {
		p.logger.Error("record left out", "offset", r.Offset, "error", err)
	}
}

// Partition is the partition's number.
func (p *part[M]) Partition() int32 { return p.partition }

// LeaderEpoch is the epoch that the machine was loaded in.
func (p *part[M]) LeaderEpoch() int32 { return p.epoch }

// Logger names the partition.
func (p *part[M]) Logger() *slog.Logger { return p.logger }

// Reply has f run when the lock is released.
func (p *part[M]) Reply(f func()) { p.replies = append(p.replies, f) }
