package commitlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"milena/internal/record"
	"milena/internal/vfs"
	"milena/internal/vfs/memfs"
)

// crashRun is one run of a workload that may be stopped by its file system at any operation. It keeps what must be true afterwards.
type crashRun struct {
	t       *testing.T
	fs      *memfs.FS
	log     *Log
	rng     *rand.Rand
	epoch   int32
	clock   int64
	seq     int32
	version uint32      // of the next batch; tells batches apart that were at the same offset
	before  []wantBatch // what the log held before the operation that is running
	now     []wantBatch // what it holds when that is done
	durable int64       // everything below was acknowledged with fsync
	// checkpointed: recovery knows how far the log was synced, and begins at the log's start otherwise.
	checkpointed bool
}

// wantBatch is a batch as it was appended.
type wantBatch struct {
	first, last int64
	version     uint32
	sequence    int32 // of an idempotent batch, -1 for none
	epoch       int32
}

const crashDir = "data/topic-0"

func (r *crashRun) append() error {
	n := 1 + r.rng.IntN(4)
	b := plain()
	sequence := int32(-1)
	if r.rng.IntN(2) == 0 {
		sequence = r.seq
		b.ProducerID, b.ProducerEpoch, b.BaseSequence = 5, int16(r.epoch), sequence
	}
	records := make([]record.Record, n)
	for i := range records {
		value := binary.BigEndian.AppendUint32(nil, r.version)
		records[i] = record.Record{Offset: int64(i), TimestampMs: r.clock, Value: append(value, bytes.Repeat([]byte{'x'}, r.rng.IntN(300))...)}
	}
	batch, err := b.Build(records)
	if err != nil {
		r.t.Fatal(err)
	}
	first := r.end()
	r.now = append(r.now[:len(r.now):len(r.now)], wantBatch{first, first + int64(n-1), r.version, sequence, r.epoch})
	r.version++
	r.clock += 10
	a, err := r.log.AppendAsLeader(record.Checked{Batch: batch, MaxTimestamp: r.clock - 10, AppendTimeMs: -1}, r.epoch, record.FromClient)
	if err != nil {
		return err
	}
	if a.FirstOffset != first {
		r.t.Fatalf("appended at %d, not at %d", a.FirstOffset, first)
	}
	if sequence >= 0 {
		r.seq += int32(n)
	}
	return nil
}

func (r *crashRun) end() int64 {
	if len(r.now) == 0 {
		return 0
	}
	return r.now[len(r.now)-1].last + 1
}

// truncate cuts at a random batch, as a follower does, and goes on in a new epoch.
func (r *crashRun) truncate() error {
	if len(r.now) < 2 {
		return nil
	}
	keep := len(r.now) - r.rng.IntN(min(len(r.now), 12))
	if keep > 0 && r.now[keep-1].last < r.log.LogStartOffset() {
		return nil
	}
	r.now = r.now[:keep]
	target := r.end()
	if target < r.log.LogStartOffset() {
		r.now = r.before
		return nil
	}
	r.durable = min(r.durable, target)
	if err := r.log.TruncateTo(target); err != nil {
		return err
	}
	r.epoch++
	r.seq = 0
	return nil
}

// step runs one random operation.
func (r *crashRun) step() error {
	r.before = r.now
	r.log.SetHighWatermark(r.log.LogEndOffset())
	switch n := r.rng.IntN(100); {
	case n < 70:
		return r.append()
	case n < 82:
		flush := r.log.Flush
		if r.rng.IntN(2) == 0 {
			flush = func() error { return r.log.flush(&r.log.synced, r.log.LogEndOffset(), (*Log).flushRecords) } // flush.messages
		}
		if err := flush(); err != nil {
			return err
		}
		r.durable = r.end()
	case n < 86:
		return r.log.Roll()
	case n < 91:
		return r.truncate()
	case n < 94:
		if len(r.now) > 8 {
			return r.log.AdvanceLogStartOffset(r.now[len(r.now)-8].first)
		}
	case n < 97:
		if _, err := r.log.DeleteOld(r.clock); err != nil {
			return err
		}
		return r.log.DeleteRenamed(1 << 60)
	default:
		r.epoch++
		r.seq = 0
		return r.log.AssignEpochStart(r.epoch, r.log.LogEndOffset())
	}
	return nil
}

func crashWorkload(t *testing.T, seed uint64, stopAt int64, steps int) *crashRun {
	r := &crashRun{t: t, fs: memfs.New(), rng: rand.New(rand.NewPCG(seed, 1)), clock: nowMs()}
	if err := r.fs.MkdirAll("data"); err != nil {
		t.Fatal(err)
	}
	if err := r.fs.SyncDir("/"); err != nil {
		t.Fatal(err)
	}
	cfg := testConfig()
	cfg.SegmentBytes, cfg.IndexIntervalBytes = 3000, 200
	if stopAt > 0 {
		r.fs.StopAt(r.fs.Changes() + stopAt)
	}
	l, err := Open(testEnv(r.fs), crashDir, cfg, OpenOptions{Clean: true})
	if err != nil {
		return r
	}
	r.log = l
	for range steps {
		err := r.step()
		l.flusher.settle()
		if err != nil && !errors.Is(err, memfs.ErrStopped) {
			t.Fatal(err)
		}
		if r.fs.Stopped() {
			break
		}
	}
	return r
}

// stored reads the batches of a log, whole.
func stored(l *Log) ([]wantBatch, error) {
	var list []wantBatch
	for offset := l.LogStartOffset(); offset < l.LogEndOffset(); {
		s, err := l.Read(offset, 1, l.LogEndOffset(), true)
		if err != nil {
			return list, err
		}
		if s.SizeBytes == 0 {
			return list, fmt.Errorf("nothing at %d, the log ends at %d", offset, l.LogEndOffset())
		}
		b := make([]byte, s.SizeBytes)
		_, err = s.Ranges[0].File.ReadAt(b, s.Ranges[0].Offset)
		s.Release()
		if err != nil {
			return list, err
		}
		h, err := record.ParseHeader(b)
		if err != nil {
			return list, err
		}
		if err := record.Batch(b).CheckCRC(); err != nil {
			return list, err
		}
		w := wantBatch{first: h.BaseOffset, last: h.LastOffset, sequence: h.BaseSequence, epoch: h.LeaderEpoch}
		for r, err := range record.Records(b, 1<<20) {
			if err != nil {
				return list, err
			}
			w.version = binary.BigEndian.Uint32(r.Value)
		}
		list = append(list, w)
		offset = h.LastOffset + 1
	}
	return list, nil
}

// check opens what a crash left and compares.
func (r *crashRun) check(fs vfs.FS, what string) {
	r.t.Helper()
	fail := func(format string, args ...any) {
		r.t.Helper()
		r.t.Fatalf("%s: %s\nbefore %v\nnow    %v", what, fmt.Sprintf(format, args...), tailOf(r.before), tailOf(r.now))
	}
	opts := OpenOptions{}
	if r.log != nil {
		opts.LogStartOffset = r.log.LogStartOffset()
		if r.checkpointed {
			opts.RecoveryPoint = r.log.RecoveryPoint()
		}
	}
	cfg := testConfig()
	cfg.SegmentBytes, cfg.IndexIntervalBytes = 3000, 200
	l, err := Open(testEnv(fs), crashDir, cfg, opts)
	if err != nil {
		fail("open: %v", err)
	}
	got, err := stored(l)
	if err != nil {
		fail("read: %v", err)
	}
	if l.LogEndOffset() < r.durable {
		fail("ends at %d, %d was acknowledged", l.LogEndOffset(), r.durable)
	}
	if l.LogStartOffset() > opts.LogStartOffset {
		fail("begins at %d, not at %d", l.LogStartOffset(), opts.LogStartOffset)
	}
	if !prefixFrom(got, r.now, l.LogStartOffset()) && !prefixFrom(got, r.before, l.LogStartOffset()) {
		fail("got %v from %d", tailOf(got), l.LogStartOffset())
	}
	r.checkDerived(l, got, fail)
	// Life goes on, and a clean stop keeps it all.
	if _, err := l.AppendAsLeader(batchOf(r.t, plain(), 1, 10, r.clock), r.epoch+1, record.FromClient); err != nil {
		fail("append: %v", err)
	}
	end, latest := l.LogEndOffset(), l.Producers()
	if err := l.Close(context.Background()); err != nil {
		fail("close: %v", err)
	}
	again := mustOpen(r.t, fs.(*memfs.FS).Crash(0), crashDir, cfg, OpenOptions{Clean: true, LogStartOffset: l.LogStartOffset()})
	if again.LogEndOffset() != end || fmt.Sprint(again.Producers()) != fmt.Sprint(latest) {
		fail("after a clean stop: end %d %v, was %d %v", again.LogEndOffset(), again.Producers(), end, latest)
	}
	if e, ok := again.LatestEpoch(); !ok || e != r.epoch+1 {
		fail("after a clean stop the epoch is %d", e)
	}
	again.CloseDirty()
}

// checkDerived compares producers and epochs with what the batches say.
func (r *crashRun) checkDerived(l *Log, got []wantBatch, fail func(string, ...any)) {
	r.t.Helper()
	last := map[int16]int32{}
	var epoch int16 = -1
	for _, w := range got {
		if w.sequence >= 0 {
			epoch = int16(w.epoch)
			last[epoch] = w.sequence + int32(w.last-w.first)
		}
		if e := l.EpochAt(w.first); e != w.epoch {
			fail("epoch of %d is %d, not %d", w.first, e, w.epoch)
		}
	}
	producers := l.Producers()
	if epoch >= 0 {
		if len(producers) != 1 || producers[0].Epoch != epoch || producers[0].LastSequence != last[epoch] {
			fail("producers %v, want epoch %d sequence %d", producers, epoch, last[epoch])
		}
	}
}

func tailOf(list []wantBatch) []wantBatch { return list[max(0, len(list)-14):] }

// prefixFrom tells whether got is what a prefix of want holds from offset start on.
func prefixFrom(got, want []wantBatch, start int64) bool {
	for len(want) > 0 && want[0].last < start {
		want = want[1:]
	}
	if len(got) > len(want) {
		return false
	}
	for i := range got {
		if got[i] != want[i] {
			return false
		}
	}
	return true
}

func TestCrashAtEveryOperation(t *testing.T) {
	seeds := uint64(3)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		whole := crashWorkload(t, seed, 0, 120)
		changes := whole.fs.Changes()
		whole.log.CloseDirty()
		t.Logf("seed %d: %d operations", seed, changes)
		for at := int64(1); at <= changes; at++ {
			r := crashWorkload(t, seed, at, 120)
			r.checkpointed = at%2 == 0
			r.check(r.fs.Kill(), fmt.Sprintf("seed %d, killed at %d", seed, at))
			crash := uint64(at)
			r.check(r.fs.Crash(crash), fmt.Sprintf("seed %d, power cut %d at %d", seed, crash, at))
			if r.log != nil {
				r.log.CloseDirty()
			}
		}
	}
}

// TestNoHeadlessLog: the first segment is not lost where a later one is kept, though nothing was synced.
func TestNoHeadlessLog(t *testing.T) {
	m := memfs.New()
	l := mustOpen(t, m, crashDir, testConfig(), OpenOptions{Clean: true})
	release := l.flusher.hold() // the disk is slow
	for i := range int64(3) {
		if _, err := l.AppendAsLeader(batchOf(t, plain(), 1, 10, i), 0, record.FromClient); err != nil {
			t.Fatal(err)
		}
		if err := l.Roll(); err != nil {
			t.Fatal(err)
		}
	}
	for seed := range uint64(64) {
		found := mustOpen(t, m.Crash(seed), crashDir, testConfig(), OpenOptions{})
		if start := found.LogStartOffset(); start != 0 {
			t.Errorf("power cut %d: the log begins at %d", seed, start)
		}
		found.CloseDirty()
	}
	release()
	l.CloseDirty()
}

// TestWhatIsFoundIsSynced: where flush.messages has all records synced, those that a killed process had written and not synced are synced before
// anyone is told of them: a leader that is asked for what follows them takes them for replicated.
func TestWhatIsFoundIsSynced(t *testing.T) {
	m := memfs.New()
	if err := errors.Join(m.MkdirAll("data"), m.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	cfg := testConfig()
	cfg.FlushMessages = 1
	l := mustOpen(t, m, crashDir, cfg, OpenOptions{Clean: true})
	if _, err := l.AppendAsLeader(batchOf(t, plain(), 1, 10, 0), 0, record.FromClient); err != nil {
		t.Fatal(err)
	}
	if _, mustSync, err := l.AppendUnsynced(batchOf(t, plain(), 1, 10, 1), 0, record.FromClient); err != nil || !mustSync {
		t.Fatal(mustSync, err)
	}
	m = m.Kill()
	found := mustOpen(t, m, crashDir, cfg, OpenOptions{}).LogEndOffset()
	for seed := range uint64(16) {
		if end := mustOpen(t, m.Crash(seed), crashDir, cfg, OpenOptions{}).LogEndOffset(); end < found {
			t.Errorf("power cut %d: the log ends at %d, and ended at %d after the kill", seed, end, found)
		}
	}
}
