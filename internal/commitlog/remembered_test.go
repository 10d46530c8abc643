package commitlog

import (
	"context"
	"errors"
	"math"
	"testing"

	"milena/internal/record"
	"milena/internal/vfs/memfs"
)

// retrier sends batches of three records of an idempotent producer, and sends them again.
type retrier struct {
	t   *testing.T
	fs  *memfs.FS
	log *Log
}

func newRetrier(t *testing.T) *retrier {
	r := &retrier{t: t, fs: memfs.New()}
	r.open(OpenOptions{Clean: true})
	t.Cleanup(func() { r.log.CloseDirty() })
	return r
}

func (r *retrier) open(opts OpenOptions) {
	cfg := testConfig()
	cfg.IndexIntervalBytes = 150
	r.log = mustOpen(r.t, r.fs, "topic-0", cfg, opts)
	r.log.SetHighWatermark(r.log.LogEndOffset())
}

// restart stops the log cleanly and opens it again.
func (r *retrier) restart() {
	r.t.Helper()
	if err := r.log.Close(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	r.open(OpenOptions{Clean: true})
}

func (r *retrier) send(producer int64, epoch int16, sequence int32) (Appended, error) {
	b := record.Builder{ProducerID: producer, ProducerEpoch: epoch, BaseSequence: sequence}
	return r.log.AppendAsLeader(batchOf(r.t, b, 3, 10, nowMs()), 0, record.FromClient)
}

// write sends a batch that is new and tells its first offset.
func (r *retrier) write(producer int64, epoch int16, sequence int32) int64 {
	r.t.Helper()
	a, err := r.send(producer, epoch, sequence)
	if err != nil || a.Duplicate {
		r.t.Fatalf("producer %d sends %d: %+v, %v", producer, sequence, a, err)
	}
	return a.FirstOffset
}

// again sends a batch that is in the log.
func (r *retrier) again(producer int64, epoch int16, sequence int32, first int64) {
	r.t.Helper()
	a, err := r.send(producer, epoch, sequence)
	if err != nil || !a.Duplicate || a.FirstOffset != first || a.LastOffset != first+2 {
		r.t.Fatalf("producer %d repeats %d, which is at %d: %+v, %v", producer, sequence, first, a, err)
	}
}

func (r *retrier) refused(producer int64, epoch int16, sequence int32, want error) {
	r.t.Helper()
	if a, err := r.send(producer, epoch, sequence); !errors.Is(err, want) {
		r.t.Fatalf("producer %d sends %d: %+v, %v, want %v", producer, sequence, a, err, want)
	}
}

// few writes n batches of a producer.
func (r *retrier) few(producer int64, n int) (firsts []int64) {
	for i := range n {
		firsts = append(firsts, r.write(producer, 0, int32(3*i)))
	}
	return firsts
}

// allAgain repeats the last five of the batches, and is refused the one before.
func (r *retrier) allAgain(producer int64, firsts []int64) {
	r.t.Helper()
	for i := max(0, len(firsts)-rememberedBatches); i < len(firsts); i++ {
		r.again(producer, 0, int32(3*i), firsts[i])
	}
	if i := len(firsts) - rememberedBatches - 1; i >= 0 {
		r.refused(producer, 0, int32(3*i), ErrOutOfOrderSequence)
	}
}

func TestFiveBatchesAreRememberedAcrossARestart(t *testing.T) {
	for n := 1; n <= 8; n++ {
		r := newRetrier(t)
		firsts := r.few(7, n)
		r.restart()
		r.allAgain(7, firsts)
		r.write(7, 0, int32(3*n))
	}
}

func TestEachOfFiveIsKnownFirstAfterARestart(t *testing.T) {
	for i := range rememberedBatches {
		r := newRetrier(t)
		firsts := r.few(7, rememberedBatches)
		r.restart()
		r.again(7, 0, int32(3*i), firsts[i])
	}
}

func TestRememberedAreFiveWithThoseSinceTheRestart(t *testing.T) {
	r := newRetrier(t)
	firsts := r.few(7, 5)
	r.restart()
	for i := 5; i < 8; i++ {
		firsts = append(firsts, r.write(7, 0, int32(3*i)))
	}
	r.allAgain(7, firsts)
}

func TestASequenceGapIsOneAfterARestart(t *testing.T) {
	r := newRetrier(t)
	firsts := r.few(7, 5)
	r.restart()
	r.refused(7, 0, 18, ErrOutOfOrderSequence)
	if !r.log.producers.byID[7].partial {
		t.Error("a gap made the log be searched")
	}
	r.refused(7, 0, 4, ErrOutOfOrderSequence) // inside a batch
	if r.log.producers.byID[7].partial {
		t.Error("the log would be searched once more")
	}
	r.allAgain(7, firsts)
}

func TestAnotherEpochIsNotRemembered(t *testing.T) {
	r := newRetrier(t)
	r.few(7, 3)
	zero := r.write(7, 1, 0)
	three := r.write(7, 1, 3)
	r.restart()
	r.again(7, 1, 0, zero)
	r.again(7, 1, 3, three)
	r.refused(7, 1, 1, ErrOutOfOrderSequence)
	r.refused(7, 0, 6, ErrInvalidProducerEpoch)
	if n := r.log.producers.byID[7].batchCount; n != 2 {
		t.Errorf("%d batches are remembered, want 2", n)
	}
	r.write(7, 2, 0)
	r.restart()
	r.write(7, 3, 0)
	r.refused(7, 3, 9, ErrOutOfOrderSequence)
	if r.log.producers.byID[7].partial {
		t.Error("there are no earlier batches of an epoch that began since the restart")
	}
}

func TestInterleavedProducersAreRemembered(t *testing.T) {
	r := newRetrier(t)
	var seven, eight []int64
	for i := range int32(6) {
		seven = append(seven, r.write(7, 0, 3*i))
		if _, err := r.log.AppendAsLeader(batchOf(t, plain(), 2, 100, nowMs()), 0, record.FromClient); err != nil {
			t.Fatal(err)
		}
		eight = append(eight, r.write(8, 0, 3*i))
	}
	r.restart()
	r.allAgain(8, eight)
	r.allAgain(7, seven)
}

func TestBatchesAreRememberedAcrossRolls(t *testing.T) {
	r := newRetrier(t)
	var firsts []int64
	for i := range int32(6) {
		firsts = append(firsts, r.write(7, 0, 3*i))
		if i%2 == 1 {
			if err := r.log.Roll(); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.restart()
	r.allAgain(7, firsts)
	r.log.flusher.settle()
	r.fs, r.log = r.fs.Kill(), nil
	r.open(OpenOptions{RecoveryPoint: firsts[5]})
	r.allAgain(7, firsts)
}

func TestBatchesAreRememberedAfterATruncation(t *testing.T) {
	r := newRetrier(t)
	firsts := r.few(7, 6)
	if err := r.log.Roll(); err != nil {
		t.Fatal(err)
	}
	cut := r.write(7, 0, 18)
	if err := r.log.TruncateTo(cut); err != nil {
		t.Fatal(err)
	}
	r.allAgain(7, firsts)
	r.write(7, 0, 18)
}

func TestBatchesAreRememberedWhereSequencesWrap(t *testing.T) {
	r := newRetrier(t)
	sequences := []int32{math.MaxInt32 - 7, math.MaxInt32 - 4, math.MaxInt32 - 1, 1, 4}
	var firsts []int64
	for _, s := range sequences {
		firsts = append(firsts, r.write(7, 0, s))
	}
	r.restart()
	r.refused(7, 0, 10, ErrOutOfOrderSequence)
	for i, s := range sequences {
		r.again(7, 0, s, firsts[i])
	}
}

func TestMarkersAreNoRememberedBatches(t *testing.T) {
	r := newRetrier(t)
	var firsts []int64
	for i := range int32(5) {
		b := record.Builder{ProducerID: 7, BaseSequence: 3 * i, Transactional: true}
		a, err := r.log.AppendAsLeader(batchOf(t, b, 3, 10, nowMs()), 0, record.FromClient)
		if err != nil {
			t.Fatal(err)
		}
		firsts = append(firsts, a.FirstOffset)
		end := record.EndMarker(7, 0, record.ControlCommit, 0, nowMs())
		if _, err := r.log.AppendAsLeader(record.Checked{Batch: end, MaxTimestamp: nowMs()}, 0, record.FromCoordinator); err != nil {
			t.Fatal(err)
		}
	}
	r.restart()
	r.allAgain(7, firsts)
}

// A client of before KIP-360 begins anew with sequence 0 in the same epoch; what was before that is not what it repeats.
func TestBatchesBeforeANewBeginningAreNotRemembered(t *testing.T) {
	r := newRetrier(t)
	r.few(7, 3)
	delete(r.log.producers.byID, 7)
	firsts := r.few(7, 2)
	r.restart()
	r.refused(7, 0, 1, ErrOutOfOrderSequence)
	r.allAgain(7, firsts)
}

func TestTheSearchForEarlierBatchesIsBounded(t *testing.T) {
	for others, want := range map[int]bool{recallHeaders / 8: true, 2 * recallHeaders: false} {
		r := newRetrier(t)
		first := r.write(7, 0, 0)
		for range others {
			if _, err := r.log.AppendAsLeader(batchOf(t, plain(), 1, 10, nowMs()), 0, record.FromClient); err != nil {
				t.Fatal(err)
			}
		}
		r.write(7, 0, 3)
		r.restart()
		if want {
			r.again(7, 0, 0, first)
		} else {
			r.refused(7, 0, 0, ErrOutOfOrderSequence)
		}
	}
}

func TestASearchThatCannotReadFindsNothing(t *testing.T) {
	r := newRetrier(t)
	r.few(7, 5)
	r.restart()
	r.fs.SetFault(memfs.FailKind(memfs.OpRead, ".log", errors.New("unreadable")))
	r.refused(7, 0, 0, ErrOutOfOrderSequence)
	r.fs.SetFault(nil)
	r.write(7, 0, 15)
}
