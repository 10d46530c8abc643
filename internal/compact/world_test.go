package compact

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"

	"milena/internal/commitlog"
	"milena/internal/config"
	"milena/internal/record"
	"milena/internal/vfs"
	"milena/internal/vfs/memfs"
)

const (
	worldDir  = "data/topic-0"
	firstMs   = 1_700_000_000_000
	retainMs  = 1000 // delete.retention.ms
	manyHours = 1 << 50
)

func testConfig() *config.Topic {
	return &config.Topic{
		SegmentBytes: 2500, SegmentMs: manyHours, SegmentIndexBytes: 10 << 20, IndexIntervalBytes: 200,
		RetentionBytes: -1, RetentionMs: -1, Compact: true, DeleteRetentionMs: retainMs, FlushMessages: math.MaxInt64, FlushMs: math.MaxInt64,
		MaxMessageBytes: 1 << 20, FileDeleteDelayMs: 60000, Codec: record.ProducerCodec, MaxCompactionLagMs: math.MaxInt64,
	}
}

func openLog(fs vfs.FS, cfg *config.Topic, opts commitlog.OpenOptions) (*commitlog.Log, error) {
	env := commitlog.Env{FS: fs, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), ProducerExpiryMs: manyHours, Failed: func(error) {}}
	return commitlog.Open(env, worldDir, cfg, opts)
}

func newCleaner() *Cleaner {
	return New(Options{MapBytes: 1 << 20, MapLoad: 0.9, IOBytes: 1 << 10, Throttle: &Throttle{}})
}

// tester is a testing.T or a rapid.T.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// wrote is a record as it was appended.
type wrote struct {
	offset int64
	key    string // "": none
	value  string // "": a tombstone
	txn    *txnState
}

// txnState is a transaction: open, or ended by the marker at an offset.
type txnState struct {
	done, committed bool
	marker          int64
}

// committedBelow tells whether a record counts where the log ends at end.
func (r *wrote) committedBelow(end int64) bool {
	return r.txn == nil || r.txn.done && r.txn.committed && r.txn.marker < end
}

// written is a batch as it was appended.
type written struct {
	last     int64
	producer int64
	sequence int32 // the last one
}

// world is a log, and what was written to it.
type world struct {
	t        tester
	rng      *rand.Rand
	fs       *memfs.FS
	cfg      *config.Topic
	log      *commitlog.Log
	cleaner  *Cleaner
	clock    int64
	values   int
	records  map[int64]wrote
	batches  []written
	open     map[int64]*txnState
	seq      map[int64]int32
	durable  int64
	headless bool  // older records than those in the log told of producers, too
	point    int64 // the recovery point in its checkpoint
}

func newWorld(t tester, seed uint64) *world {
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(seed, 7)), fs: memfs.New(), cfg: testConfig(), cleaner: newCleaner(), clock: firstMs,
		records: map[int64]wrote{}, open: map[int64]*txnState{}, seq: map[int64]int32{},
	}
	if err := w.fs.MkdirAll("data"); err != nil {
		t.Fatal(err)
	}
	if err := w.fs.SyncDir("/"); err != nil {
		t.Fatal(err)
	}
	return w
}

// producers: 0 has no id, 1 and 2 are idempotent, 3 and 4 are transactional.
func (w *world) append() error {
	producer := int64(w.rng.IntN(5))
	b := record.Builder{ProducerID: -1, ProducerEpoch: -1, BaseSequence: -1, Codec: record.Codec(w.rng.IntN(5))}
	txn := w.open[producer]
	if producer > 0 {
		b.ProducerID, b.ProducerEpoch, b.BaseSequence = producer, 0, w.seq[producer]
		b.Transactional = producer > 2
	}
	if b.Transactional && txn == nil {
		txn = &txnState{}
		w.open[producer] = txn
	}
	n := 1 + w.rng.IntN(5)
	first := w.log.LogEndOffset()
	records := make([]record.Record, n)
	for i := range records {
		w.clock += int64(w.rng.IntN(20))
		r := wrote{offset: first + int64(i), key: fmt.Sprintf("key%d", w.rng.IntN(14)), txn: txn}
		if w.rng.IntN(5) > 0 {
			w.values++
			r.value = fmt.Sprintf("value %d of %s %0*d", w.values, r.key, w.rng.IntN(60), 0)
		}
		if w.rng.IntN(30) == 0 {
			r.key = "" // as long as the topic was not compacted
		}
		w.records[r.offset] = r
		records[i] = record.Record{Offset: int64(i), TimestampMs: w.clock}
		if r.key != "" {
			records[i].Key = []byte(r.key)
		}
		if r.value != "" {
			records[i].Value = []byte(r.value)
		}
	}
	w.batches = append(w.batches, written{first + int64(n) - 1, b.ProducerID, b.BaseSequence + int32(n) - 1})
	batch, err := b.Build(records)
	if err != nil {
		w.t.Fatal(err)
	}
	if producer > 0 {
		w.seq[producer] += int32(n)
	}
	return w.appendBatch(batch, record.FromClient)
}

func (w *world) appendBatch(b record.Batch, origin record.Origin) error {
	before := w.log.Segments()
	_, err := w.log.AppendAsLeader(record.Checked{Batch: b, MaxTimestamp: b.MaxTimestamp(), AppendTimeMs: -1}, 0, origin)
	w.log.SetHighWatermark(w.log.LogEndOffset())
	if err == nil && w.log.Segments() != before {
		err = w.log.SyncSealed() // wait for what goes on in the background
	}
	return err
}

// end ends a transaction.
func (w *world) end() error {
	for _, producer := range []int64{3, 4} {
		txn := w.open[producer]
		if txn == nil || w.rng.IntN(2) == 0 {
			continue
		}
		kind := record.ControlAbort
		if w.rng.IntN(2) == 0 {
			kind = record.ControlCommit
		}
		delete(w.open, producer)
		*txn = txnState{done: true, committed: kind == record.ControlCommit, marker: w.log.LogEndOffset()}
		if err := w.appendBatch(record.EndMarker(producer, 0, kind, 0, w.clock), record.FromCoordinator); err != nil {
			return err
		}
	}
	return nil
}

// checkpoint notes the recovery point.
func (w *world) checkpoint() error {
	if err := w.log.SyncSealed(); err != nil {
		return err
	}
	w.point = w.log.RecoveryPoint()
	w.log.Checkpointed(w.point, w.log.Generation())
	return nil
}

// clean cleans what is dirty, whether that is due or not.
func (w *world) clean() (Stats, error) {
	if w.rng.IntN(4) > 0 {
		if err := w.checkpoint(); err != nil {
			return Stats{}, err
		}
	}
	work, err := Look(w.log, w.clock)
	if err != nil || work.DirtyBytes == 0 {
		return Stats{}, err
	}
	stats, err := w.cleaner.Clean(context.Background(), work, w.clock)
	if err == nil && stats.To == work.End {
		w.checkClean(work.End)
	}
	return stats, err
}

// step does something.
func (w *world) step() error {
	switch n := w.rng.IntN(100); {
	case n < 60:
		return w.append()
	case n < 74:
		return w.end()
	case n < 79:
		w.clock += int64(w.rng.IntN(3 * retainMs))
		return nil
	case n < 84:
		if err := w.log.Flush(); err != nil {
			return err
		}
		w.durable = w.log.LogEndOffset()
		return nil
	case n < 86:
		return w.log.DeleteRenamed(1 << 60)
	case n < 88:
		return w.log.AdvanceLogStartOffset(w.log.LogStartOffset() + (w.log.LogEndOffset()-w.log.LogStartOffset())/5)
	case n < 89:
		_, err := w.log.DeleteOld(w.clock)
		return err
	}
	_, err := w.clean()
	return err
}

// read is one batch that a consumer gets.
type readBatch struct {
	header  record.Header
	batch   record.Batch
	records []record.Record
}

func readLog(l *commitlog.Log) ([]readBatch, error) {
	var list []readBatch
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
		if err == nil {
			err = record.CheckCRC(b)
		}
		if err != nil {
			return list, err
		}
		r := readBatch{batch: b}
		if r.header, err = record.ParseHeader(b); err != nil {
			return list, err
		}
		for rec, err := range record.Records(b, 1<<20) {
			if err != nil {
				return list, err
			}
			r.records = append(r.records, rec)
		}
		if r.header.LastOffset < offset {
			return list, fmt.Errorf("the batch at %d ends at %d", offset, r.header.LastOffset)
		}
		list = append(list, r)
		offset = r.header.LastOffset + 1
	}
	return list, nil
}
