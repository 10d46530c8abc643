package replica

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/commitlog"
	"milena/internal/partition"
	"milena/internal/vfs/memfs"

	"github.com/twmb/franz-go/pkg/kerr"
)

// reports counts how often the controller is told.
type reports struct {
	t     *testing.T
	times atomic.Int64
}

func countReports(t *testing.T, b *broker) *reports {
	r := &reports{t: t}
	b.options.Cluster.Report = func() error { r.times.Add(1); return nil }
	return r
}

func (r *reports) are(want int64, when string) {
	r.t.Helper()
	synctest.Wait()
	if times := r.times.Load(); times != want {
		r.t.Errorf("%s: the controller was told %d times, not %d", when, times, want)
	}
}

// refusedForRoom appends in vain.
func (b *broker) refusedForRoom(topic string) {
	b.t.Helper()
	if r := <-b.produce(1, topic, "y"); !errors.Is(r.Err, commitlog.ErrNoSpace) {
		b.t.Fatalf("an append to %s on a full disk: %+v", topic, r)
	}
}

// TestLeaderWithoutRoomHandsOver: another replica leads; this one follows, and counts again when there is room.
func TestLeaderWithoutRoomHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memfs.New())
		told := countReports(t, b)
		b.lead("t", idT, 1, 0, 1, 2)
		b.lead("u", idU, 1, 0)
		b.fs.SetCapacity(1)
		b.refusedForRoom("u")
		told.are(0, "nobody else is in sync")
		b.refusedForRoom("t")
		told.are(1, "another is in sync")
		b.refusedForRoom("t")
		told.are(1, "once more")
		if code := b.lead("t", idT, 1, 0, 1, 2)[0]; code != kerr.KafkaStorageError.Code {
			t.Errorf("led on with a full disk: %v", kerr.ErrorForCode(code))
		}
		if code := b.follow("t", idT, 1); code != kerr.KafkaStorageError.Code {
			t.Errorf("in service with a full disk: %v", kerr.ErrorForCode(code))
		}
		if p, err := b.Partition("t", 0); err != nil || p.State().Role != partition.Follower {
			t.Errorf("it leads on: %v", err)
		}
		time.Sleep(10 * remakeEvery)
		told.are(1, "while the disk is full")
		b.fs.SetCapacity(memfs.DefaultCapacityBytes)
		time.Sleep(remakeEvery)
		told.are(2, "there is room")
		if code := b.follow("t", idT, 1); code != 0 {
			t.Errorf("followed when there is room: %v", kerr.ErrorForCode(code))
		}
		if code := b.follow("t", idT, 1); code != kerr.StaleControllerEpoch.Code {
			t.Errorf("told twice: %v", kerr.ErrorForCode(code))
		}
		time.Sleep(10 * remakeEvery)
		told.are(2, "it is back")

		b.lead("t", idT, 1, 2, 1, 2)
		b.fs.SetCapacity(1)
		b.refusedForRoom("t")
		told.are(3, "no room again")
		b.lead("t", idT, 1, 2, 1, 2)
		if code := b.remove("t", epochDuringDelete); code != 0 {
			t.Fatal(kerr.ErrorForCode(code))
		}
		b.fs.SetCapacity(memfs.DefaultCapacityBytes)
		time.Sleep(10 * remakeEvery)
		told.are(3, "it is deleted")
		b.stop()
	})
}

// TestLeaderWithoutRoomLeadsOn: where the controller finds nobody else, and where there is room before it asks.
func TestLeaderWithoutRoomLeadsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memfs.New())
		told := countReports(t, b)
		b.lead("t", idT, 1, 0, 1, 2)
		b.fs.SetCapacity(1)
		b.refusedForRoom("t")
		told.are(1, "another is in sync")
		b.lead("t", idT, 1, 0, 1, 2)
		if code := b.lead("t", idT, 1, 1)[0]; code != 0 {
			t.Errorf("the only one is to lead: %v", kerr.ErrorForCode(code))
		}
		b.refusedForRoom("t")
		time.Sleep(10 * remakeEvery)
		told.are(1, "it leads alone")

		b.lead("t", idT, 1, 2, 1, 2)
		b.refusedForRoom("t")
		told.are(2, "in another epoch")
		b.fs.SetCapacity(memfs.DefaultCapacityBytes)
		time.Sleep(10 * remakeEvery)
		synctest.Wait()
		before := told.times.Load()
		time.Sleep(10 * remakeEvery)
		told.are(before, "what is over is not told")
		if r := <-b.produce(1, "t", "z"); r.Err != nil {
			t.Errorf("%+v", r)
		}
		b.stop()
	})
}

// TestFollowerWithoutRoomLeavesTheISR: so that nobody waits for it.
func TestFollowerWithoutRoomLeavesTheISR(t *testing.T) {
	scripted(t, func(t *testing.T, b *broker, s *scriptedLeader) {
		told := countReports(t, b)
		b.follow("t", idT, 0)
		s.expect("0/0: t0@0")
		b.fs.SetCapacity(1)
		s.answer(5, 0, got{id: idT, records: at(t, 0, 0, "a")})
		told.are(1, "a member of the ISR")
		if code := b.follow("t", idT, 0); code != kerr.KafkaStorageError.Code {
			t.Errorf("asked by the controller: %v", kerr.ErrorForCode(code))
		}
		b.fs.SetCapacity(memfs.DefaultCapacityBytes)
	})
}
