package coordinator

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"milena/internal/record"
)

// fakeLog is the partitions of a topic in memory. Commits come when the test says so, unless auto.
type fakeLog struct {
	mu       sync.Mutex
	parts    map[int32]*fakePart
	auto     bool
	maxBatch int
	readErr  error
	appends  int
}

type fakePart struct {
	epoch      int32
	start, end int64
	committed  int64
	data       []byte
	refuse     error
	waits      []*fakeWait
}

type fakeWait struct {
	end   int64
	done  func(error)
	timer *time.Timer
}

func newFakeLog() *fakeLog {
	return &fakeLog{parts: map[int32]*fakePart{}, auto: true, maxBatch: 1 << 20}
}

func (f *fakeLog) part(n int32) *fakePart {
	if f.parts[n] == nil {
		f.parts[n] = &fakePart{}
	}
	return f.parts[n]
}

func (f *fakeLog) Append(partition, leaderEpoch int32, batch record.Batch) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.part(partition)
	if p.refuse != nil {
		return 0, p.refuse
	}
	if leaderEpoch != p.epoch {
		return 0, ErrNotCoordinator
	}
	f.appends++
	p.add(batch)
	if f.auto {
		p.committed = p.end
	}
	return p.end, nil
}

func (p *fakePart) add(batch record.Batch) {
	batch.SetBaseOffset(p.end)
	p.data = append(p.data, batch...)
	p.end = batch.NextOffset()
}

func (f *fakeLog) WhenCommitted(partition, leaderEpoch int32, end int64, timeout time.Duration, done func(error)) {
	f.mu.Lock()
	p := f.part(partition)
	if p.committed >= end {
		f.mu.Unlock()
		done(nil)
		return
	}
	w := &fakeWait{end: end, done: done}
	w.timer = time.AfterFunc(timeout, func() { f.over(p, w, ErrTimedOut) })
	p.waits = append(p.waits, w)
	f.mu.Unlock()
}

func (f *fakeLog) over(p *fakePart, w *fakeWait, err error) {
	f.mu.Lock()
	for i, x := range p.waits {
		if x == w {
			p.waits = append(p.waits[:i:i], p.waits[i+1:]...)
			f.mu.Unlock()
			w.timer.Stop()
			w.done(err)
			return
		}
	}
	f.mu.Unlock()
}

// commit moves the high watermark, as a follower's fetch does.
func (f *fakeLog) commit(partition int32, to int64) {
	f.mu.Lock()
	p := f.part(partition)
	p.committed = to
	waits := append([]*fakeWait(nil), p.waits...)
	f.mu.Unlock()
	for _, w := range waits {
		if w.end <= to {
			f.over(p, w, nil)
		}
	}
}

func (f *fakeLog) Read(partition int32, offset int64, maxBytes int, buf []byte) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.readErr != nil {
		return nil, f.readErr
	}
	data := f.part(partition).data
	for len(data) > 0 && record.Batch(data).NextOffset() <= offset {
		data = data[record.Batch(data).SizeBytes():]
	}
	if len(data) == 0 {
		return nil, nil
	}
	n := min(len(data), max(maxBytes, record.Batch(data).SizeBytes()))
	return append(buf, data[:n]...), nil
}

func (f *fakeLog) Bounds(partition int32) (int64, int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.part(partition).start, f.part(partition).end, nil
}

func (f *fakeLog) MaxBatchBytes(int32) int { return f.maxBatch }

// kv is a machine that keeps values by key. "bad" is a key that it refuses; "key@pid" shows what a transaction has written.
type kv struct {
	host     Host
	values   map[string]string
	pending  map[int64][]string
	offsets  []int64
	loaded   bool
	unloaded int
	onLoaded func(*kv)
	onGone   func(*kv)
}

func (m *kv) Replay(r *Replayed) error {
	if string(r.Key) == "bad" {
		return fmt.Errorf("no such record type")
	}
	m.offsets = append(m.offsets, r.Offset)
	if r.ProducerID >= 0 {
		m.pending[r.ProducerID] = append(m.pending[r.ProducerID], string(r.Key), string(r.Value))
		return nil
	}
	m.set(string(r.Key), r.Value)
	return nil
}

func (m *kv) set(key string, value []byte) {
	if value == nil {
		delete(m.values, key)
		return
	}
	m.values[key] = string(value)
}

func (m *kv) EndTransaction(producerID int64, _ int16, committed bool) {
	all := m.pending[producerID]
	delete(m.pending, producerID)
	for i := 0; committed && i < len(all); i += 2 {
		m.set(all[i], []byte(all[i+1]))
	}
}

func (m *kv) Loaded() {
	m.loaded = true
	if m.onLoaded != nil {
		m.onLoaded(m)
	}
}

func (m *kv) Unloaded() {
	m.unloaded++
	if m.onGone != nil {
		m.onGone(m)
	}
}

// house is a runtime over a fake log.
type house struct {
	*Runtime[*kv]
	t        testing.TB
	log      *fakeLog
	words    *logged
	machines []*kv
	onLoaded func(*kv)
	onGone   func(*kv)
}

type logged struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(b)
}

func (l *logged) has(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.Buffer.String(), s)
}

func newHouse(t testing.TB) *house {
	h := &house{t: t, log: newFakeLog(), words: &logged{}}
	h.Runtime = New(Options[*kv]{
		Topic: "__things", Log: h.log, Logger: slog.New(slog.NewTextHandler(io.Writer(h.words), nil)),
		LoadBufferBytes: func() int { return 300 }, CommitTimeout: func() time.Duration { return 5 * time.Second },
		Make: func(host Host) *kv {
			m := &kv{host: host, values: map[string]string{}, pending: map[int64][]string{}, onLoaded: h.onLoaded, onGone: h.onGone}
			h.machines = append(h.machines, m)
			return m
		},
	})
	return h
}

func builder() record.Builder {
	return record.Builder{LeaderEpoch: -1, ProducerID: -1, ProducerEpoch: -1, BaseSequence: -1}
}

func build(t testing.TB, b record.Builder, pairs ...string) record.Batch {
	t.Helper()
	var records []record.Record
	for i := 0; i < len(pairs); i += 2 {
		records = append(records, record.Record{Offset: int64(i / 2), TimestampMs: 1000, Key: []byte(pairs[i]), Value: []byte(pairs[i+1])})
	}
	batch, err := b.Build(records)
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

// put asks for one record; what happened comes to told, by way of Reply as in real machines.
func (h *house) put(partition int32, key, value string, told func(error)) error {
	return h.Do(partition, func(m *kv) Result {
		return Result{Records: []Record{{[]byte(key), []byte(value)}}, Then: func(err error) { m.host.Reply(func() { told(err) }) }}
	})
}
