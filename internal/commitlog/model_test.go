package commitlog

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"milena/internal/record"
	"milena/internal/vfs/memfs"
)

// modelBatch is a batch as the naive model keeps it: everything in one list, searched from its beginning.
type modelBatch struct {
	first, last   int64
	size          int
	epoch         int32
	times         []int64
	producer      int64 // -1 none
	producerEpoch int16
	sequence      int32
	transactional bool
	marker        *bool // commit or abort
}

// model is the log and its naive twin.
type model struct {
	t       *rapid.T
	fs      *memfs.FS
	log     *Log
	batches []modelBatch
	epoch   int32
	clock   int64
	start   int64
}

func (m *model) end() int64 {
	if n := len(m.batches); n > 0 {
		return m.batches[n-1].last + 1
	}
	return m.start
}

func (m *model) open(opts OpenOptions) {
	cfg := testConfig()
	cfg.SegmentBytes, cfg.IndexIntervalBytes, cfg.RetentionBytes = 2000, 150, 6000
	opts.LogStartOffset = m.start
	l, err := Open(testEnv(m.fs), "topic-0", cfg, opts)
	if err != nil {
		m.t.Fatalf("open: %v", err)
	}
	m.log = l
	l.SetHighWatermark(l.LogEndOffset())
}

// forgotten tells whether the log may know nothing of a producer, since all its batches lie below the log's start, and does not.
func (m *model) forgotten(id int64) bool {
	for _, p := range m.log.Producers() {
		if p.ID == id {
			return false
		}
	}
	for _, b := range m.batches {
		if b.producer == id && b.last >= m.start {
			m.t.Fatalf("producer %d is forgotten", id)
		}
	}
	return true
}

// state is what the model's producer would know: its epoch, the sequence that must follow and where its open transaction began.
func (m *model) state(id int64) (epoch int16, next int32, txn int64, seen bool) {
	epoch, txn = -1, noOffset
	if m.forgotten(id) {
		return epoch, next, txn, false
	}
	for _, b := range m.batches {
		if b.producer != id {
			continue
		}
		seen = true
		if b.producerEpoch != epoch {
			next = 0
		}
		epoch = b.producerEpoch
		switch {
		case b.marker != nil:
			txn = noOffset
		default:
			next = b.sequence + int32(b.last-b.first) + 1
			if b.transactional && txn == noOffset {
				txn = b.first
			}
		}
	}
	return epoch, next, txn, seen
}

// forgottenEpoch is above all epochs that a producer ever had, where the log has forgotten it, else -1.
func (m *model) forgottenEpoch(id int64) int16 {
	epoch := int16(-1)
	if m.forgotten(id) {
		for _, b := range m.batches {
			if b.producer == id {
				epoch = max(epoch, b.producerEpoch+1)
			}
		}
	}
	return epoch
}

// Append appends a batch of nobody, or of a producer that behaves, repeats itself, leaves a gap or is old.
func (m *model) Append(t *rapid.T) {
	b := plain()
	id := rapid.SampledFrom([]int64{-1, 1, 2, 3}).Draw(t, "producer")
	n := rapid.IntRange(1, 5).Draw(t, "records")
	var want error
	if id >= 0 {
		epoch, next, txn, _ := m.state(id)
		b.ProducerID, b.ProducerEpoch, b.BaseSequence = id, max(epoch, m.forgottenEpoch(id), 0), next
		b.Transactional = txn != noOffset || rapid.IntRange(0, 3).Draw(t, "transactional") == 0
		switch rapid.IntRange(0, 9).Draw(t, "behaviour") {
		case 0:
			if next > 0 {
				b.BaseSequence, want = next+7, ErrOutOfOrderSequence
			}
		case 1:
			if epoch > 0 {
				b.ProducerEpoch, want = epoch-1, ErrInvalidProducerEpoch
			}
		case 2:
			if epoch >= 0 && txn == noOffset {
				b.ProducerEpoch, b.BaseSequence = epoch+1, 0
			}
		case 3:
			if txn != noOffset {
				b.Transactional, want = false, ErrInvalidTxnState
			}
		}
	}
	times := make([]int64, n)
	records := make([]record.Record, n)
	largest := int64(0)
	for i := range records {
		times[i] = m.clock + rapid.Int64Range(-20, 20).Draw(t, "skew")
		largest = max(largest, times[i])
		records[i] = record.Record{Offset: int64(i), TimestampMs: times[i], Value: make([]byte, rapid.IntRange(0, 200).Draw(t, "bytes"))}
	}
	m.clock += 5
	batch, err := b.Build(records)
	if err != nil {
		t.Fatal(err)
	}
	a, err := m.log.AppendAsLeader(record.Checked{Batch: batch, MaxTimestamp: largest, AppendTimeMs: -1}, m.epoch, record.FromClient)
	if !errors.Is(err, want) {
		t.Fatalf("append gave %v, want %v", err, want)
	}
	if err != nil {
		return
	}
	first := m.end()
	if a.FirstOffset != first || a.LastOffset != first+int64(n-1) || a.Duplicate {
		t.Fatalf("appended %+v at %d", a, first)
	}
	m.batches = append(m.batches, modelBatch{first: first, last: a.LastOffset, size: len(batch), epoch: m.epoch, times: times,
		producer: id, producerEpoch: b.ProducerEpoch, sequence: b.BaseSequence, transactional: b.Transactional})
	m.committed()
}

// Repeat sends one of a producer's last five batches once more, whatever happened to the log since.
func (m *model) Repeat(t *rapid.T) {
	id := rapid.Int64Range(1, 3).Draw(t, "producer")
	ago := rapid.IntRange(0, rememberedBatches-1).Draw(t, "ago")
	epoch, next, _, _ := m.state(id)
	for i := len(m.batches) - 1; i >= 0; i-- {
		b := m.batches[i]
		if b.producer != id || b.marker != nil {
			continue
		}
		if b.producerEpoch != epoch || next != b.sequence+int32(b.last-b.first)+1 || b.last < m.start {
			return
		}
		if next = b.sequence; ago > 0 {
			ago--
			continue
		}
		again := record.Builder{ProducerID: b.producer, ProducerEpoch: b.producerEpoch, BaseSequence: b.sequence, Transactional: b.transactional}
		c := batchOf(t, again, len(b.times), 1, m.clock)
		a, err := m.log.AppendAsLeader(c, m.epoch, record.FromClient)
		if err != nil || !a.Duplicate || a.FirstOffset != b.first || a.LastOffset != b.last {
			t.Fatalf("repeating %+v gave %+v, %v", b, a, err)
		}
		return
	}
}

// End ends a producer's transaction.
func (m *model) End(t *rapid.T) {
	id := rapid.Int64Range(1, 3).Draw(t, "producer")
	epoch, _, txn, _ := m.state(id)
	if txn == noOffset {
		return
	}
	commit := rapid.Bool().Draw(t, "commit")
	kind := record.ControlAbort
	if commit {
		kind = record.ControlCommit
	}
	batch := record.EndMarker(id, epoch, kind, 0, m.clock)
	first := m.end()
	if _, err := m.log.AppendAsLeader(record.Checked{Batch: batch, MaxTimestamp: m.clock, AppendTimeMs: -1}, m.epoch, record.FromCoordinator); err != nil {
		t.Fatal(err)
	}
	m.batches = append(m.batches, modelBatch{first: first, last: first, size: len(batch), epoch: m.epoch, times: []int64{m.clock},
		producer: id, producerEpoch: epoch, marker: &commit})
	m.committed()
}

func (m *model) committed() { m.log.SetHighWatermark(m.log.LogEndOffset()) }

func (m *model) NewEpoch(t *rapid.T) {
	m.epoch += rapid.Int32Range(1, 3).Draw(t, "by")
	if err := m.log.AssignEpochStart(m.epoch, m.log.LogEndOffset()); err != nil {
		t.Fatal(err)
	}
}

func (m *model) Roll(t *rapid.T) {
	if err := m.log.Roll(); err != nil {
		t.Fatal(err)
	}
}

func (m *model) Flush(t *rapid.T) {
	if err := m.log.Flush(); err != nil {
		t.Fatal(err)
	}
}

func (m *model) Truncate(t *rapid.T) {
	target := rapid.Int64Range(m.start, m.end()+2).Draw(t, "to")
	keep := len(m.batches)
	for keep > 0 && m.batches[keep-1].last >= target {
		keep--
	}
	if keep < len(m.batches) {
		// Inside a batch the log would end at the target, though the batch is gone whole.
		target = m.batches[keep].first
	}
	if target < m.start {
		return
	}
	if err := m.log.TruncateTo(target); err != nil {
		t.Fatal(err)
	}
	m.batches = m.batches[:keep]
	m.committed()
}

func (m *model) Retain(t *rapid.T) {
	if rapid.Bool().Draw(t, "advance") && len(m.batches) > 0 {
		to := m.batches[rapid.IntRange(0, len(m.batches)-1).Draw(t, "to")].first
		if _, open := m.log.FirstUnstableOffset(); !open {
			if err := m.log.AdvanceLogStartOffset(to); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := m.log.DeleteOld(m.clock); err != nil {
		t.Fatal(err)
	}
	if err := m.log.DeleteRenamed(1 << 60); err != nil {
		t.Fatal(err)
	}
	m.start = max(m.start, m.log.LogStartOffset())
}

func (m *model) Reopen(t *rapid.T) {
	m.log.flusher.settle()
	if rapid.Bool().Draw(t, "clean") {
		if err := m.log.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		m.open(OpenOptions{Clean: true})
		return
	}
	old := m.log
	m.fs = m.fs.Kill()
	m.open(OpenOptions{RecoveryPoint: old.RecoveryPoint()})
	old.CloseDirty()
}

// Check compares all that can be asked.
func (m *model) Check(t *rapid.T) {
	if m.log.LogEndOffset() != m.end() || m.log.LogStartOffset() != m.start {
		t.Fatalf("log is %d to %d, model %d to %d", m.log.LogStartOffset(), m.log.LogEndOffset(), m.start, m.end())
	}
	m.checkRead(t)
	m.checkTimes(t)
	m.checkEpochs(t)
	m.checkTxns(t)
}

func (m *model) checkRead(t *rapid.T) {
	if m.start == m.end() {
		return
	}
	offset := rapid.Int64Range(m.start, m.end()-1).Draw(t, "offset")
	maxBytes := rapid.IntRange(0, 3000).Draw(t, "maxBytes")
	atLeastOne := rapid.Bool().Draw(t, "atLeastOne")
	upTo := m.end()
	if rapid.Bool().Draw(t, "bounded") {
		upTo = m.batches[rapid.IntRange(0, len(m.batches)-1).Draw(t, "upTo")].first
	}
	s, err := m.log.Read(offset, maxBytes, upTo, atLeastOne)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	var b modelBatch
	available := 0
	for _, c := range m.batches {
		if c.last >= offset && c.first < upTo {
			if available == 0 {
				b = c
			}
			available += c.size
		}
	}
	if offset >= upTo || available == 0 || (b.size > maxBytes && !atLeastOne) {
		if s.SizeBytes != 0 {
			t.Fatalf("read %d up to %d, %d bytes: got %d bytes", offset, upTo, maxBytes, s.SizeBytes)
		}
		return
	}
	if s.SizeBytes < min(b.size, available) || s.SizeBytes > min(available, max(maxBytes, b.size)) {
		t.Fatalf("read %d up to %d, %d bytes: got %d of %d, the first batch has %d", offset, upTo, maxBytes, s.SizeBytes, available, b.size)
	}
	got := make([]byte, s.SizeBytes)
	if _, err := s.Ranges[0].File.ReadAt(got, s.Ranges[0].Offset); err != nil {
		t.Fatal(err)
	}
	h, err := record.ParseHeader(got)
	if err != nil || h.BaseOffset != b.first || h.LastOffset != b.last || h.SizeBytes != b.size || h.LeaderEpoch != b.epoch {
		t.Fatalf("read %d: got %+v, %v, want %+v", offset, h, err, b)
	}
}

func (m *model) checkTimes(t *rapid.T) {
	target := m.clock - rapid.Int64Range(-30, 400).Draw(t, "ago")
	got, ok, err := m.log.OffsetForTimestamp(target, m.end())
	if err != nil {
		t.Fatal(err)
	}
	want, found := int64(-1), false
	largest, largestAt := int64(-1), int64(-1)
	for _, b := range m.batches {
		for i, at := range b.times {
			offset := b.first + int64(i)
			if offset >= m.start && at >= target && !found {
				want, found = offset, true
			}
			if at > largest && offset >= m.log.segments()[0].BaseOffset() {
				largest, largestAt = at, offset
			}
		}
	}
	if inside := m.start > m.log.segments()[0].BaseOffset(); (found != ok || ok && got.Offset != want) && !inside {
		t.Fatalf("time %d is at %d (%v), want %d (%v)", target, got.Offset, ok, want, found)
	}
	most, ok, err := m.log.OffsetOfMaxTimestamp()
	if err != nil || ok != (largest >= 0) || ok && (most.Offset != largestAt || most.TimestampMs != largest) {
		t.Fatalf("largest timestamp %+v %v %v, want %d at %d", most, ok, err, largest, largestAt)
	}
}

func (m *model) checkEpochs(t *rapid.T) {
	if len(m.batches) == 0 {
		return
	}
	b := m.batches[rapid.IntRange(0, len(m.batches)-1).Draw(t, "batch")]
	if b.first < m.start {
		return
	}
	if e := m.log.EpochAt(b.first); e != b.epoch {
		t.Fatalf("epoch of %d is %d, want %d", b.first, e, b.epoch)
	}
	end := m.end()
	for _, c := range m.batches {
		if c.epoch > b.epoch {
			end = c.first
			break
		}
	}
	if e, got := m.log.EpochEnd(b.epoch); e != b.epoch || got != end {
		t.Fatalf("epoch %d ends at %d (%d), want %d", b.epoch, got, e, end)
	}
}

func (m *model) checkTxns(t *rapid.T) {
	unstable := int64(noOffset)
	var aborted []AbortedTxn
	open := map[int64]int64{}
	for _, b := range m.batches {
		switch first, in := open[b.producer]; {
		case b.marker != nil:
			if !*b.marker && b.first >= m.start {
				aborted = append(aborted, AbortedTxn{ProducerID: b.producer, FirstOffset: first})
			}
			delete(open, b.producer)
		case b.transactional && !in:
			open[b.producer] = b.first
		}
	}
	for _, first := range open {
		if unstable == noOffset || first < unstable {
			unstable = first
		}
	}
	if got, ok := m.log.FirstUnstableOffset(); ok != (unstable != noOffset) || ok && got != max(unstable, m.start) {
		t.Fatalf("first unstable offset %d (%v), want %d", got, ok, unstable)
	}
	got, err := m.log.AbortedTxns(m.start, m.end())
	if err != nil || fmt.Sprint(got) != fmt.Sprint(aborted) {
		t.Fatalf("aborted %v, %v, want %v", got, err, aborted)
	}
	for _, p := range m.log.Producers() {
		epoch, next, txn, seen := m.state(p.ID)
		if !seen || epoch != p.Epoch || p.LastSequence >= 0 && next != p.LastSequence+1 || txn != p.TxnStartOffset {
			t.Fatalf("producer %+v, want epoch %d, next %d, transaction %d", p, epoch, next, txn)
		}
	}
}

func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{t: t, fs: memfs.New(), clock: nowMs()}
		m.open(OpenOptions{Clean: true})
		t.Repeat(map[string]func(*rapid.T){
			"append": m.Append, "appendMore": m.Append, "appendAndMore": m.Append, "repeat": m.Repeat, "end": m.End, "epoch": m.NewEpoch,
			"roll": m.Roll, "flush": m.Flush, "truncate": m.Truncate, "retain": m.Retain, "reopen": m.Reopen, "": m.Check,
		})
		m.log.flusher.settle()
		m.log.CloseDirty()
	})
}
