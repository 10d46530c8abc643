package replica

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/partition"
	"milena/internal/record"
	"milena/internal/vfs/memfs"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const offsetsTopic = "__consumer_offsets"

func keyed(t testing.TB, keys ...string) record.Batch {
	t.Helper()
	var records []record.Record
	for i, key := range keys {
		records = append(records, record.Record{Offset: int64(i), TimestampMs: time.Now().UnixMilli(), Key: []byte(key), Value: []byte(key)})
	}
	b, err := record.Builder{ProducerID: -1, ProducerEpoch: -1, BaseSequence: -1}.Build(records)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// told keeps what WhenCommitted said.
type told struct{ errs chan error }

func newTold() told               { return told{make(chan error, 1)} }
func (w told) told(err error)     { w.errs <- err }
func (w told) pending() bool      { return len(w.errs) == 0 }
func (w told) is(want error) bool { return errors.Is(<-w.errs, want) }

func TestTopicLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memfs.New())
		defer b.stop()
		l := b.TopicLog(offsetsTopic)
		if _, err := l.Append(0, 3, keyed(t, "a")); !errors.Is(err, ErrUnknownTopicOrPartition) {
			t.Fatal(err)
		}
		b.lead(offsetsTopic, idT, 1, 3)
		for epoch, want := range map[int32]error{2: partition.ErrFencedLeaderEpoch, 4: partition.ErrUnknownLeaderEpoch} {
			if _, err := l.Append(0, epoch, keyed(t, "a")); !errors.Is(err, want) {
				t.Fatalf("epoch %d: %v", epoch, err)
			}
		}
		end, err := l.Append(0, 3, keyed(t, "a", "b"))
		if err != nil || end != 2 {
			t.Fatal(end, err)
		}
		w := newTold()
		l.WhenCommitted(0, 3, end, time.Second, w.told)
		if w.pending() || !w.is(nil) {
			t.Fatal("committed, but not told at once")
		}
		if end, err = l.Append(0, 3, keyed(t, "c")); err != nil || end != 3 {
			t.Fatal(end, err)
		}
		start, end, err := l.Bounds(0)
		if start != 0 || end != 3 || err != nil {
			t.Fatal(start, end, err)
		}
		buf := make([]byte, 0, 1<<16)
		got, err := l.Read(0, 1, 1<<20, buf)
		if err != nil || !slices.Equal(values(t, got), []string{"a", "b", "c"}) || cap(got) != cap(buf) {
			t.Fatal(err, values(t, got))
		}
		if got, err = l.Read(0, 0, 1, nil); err != nil || len(values(t, got)) != 2 {
			t.Fatal(err, got)
		}
		if got, err = l.Read(0, 3, 1<<20, nil); err != nil || len(got) != 0 {
			t.Fatal(err, got)
		}
		var refusal *record.Refusal
		if _, err := l.Append(0, 3, keyed(t, string(make([]byte, l.MaxBatchBytes(0))))); !errors.As(err, &refusal) || refusal.Reason != record.TooLarge {
			t.Fatal(err)
		}
		b.follow(offsetsTopic, idT, 4)
		if _, err := l.Append(0, 3, keyed(t, "a")); !errors.Is(err, partition.ErrFencedLeaderEpoch) {
			t.Fatal(err)
		}
		if _, _, err := l.Bounds(0); !errors.Is(err, partition.ErrNotLeaderOrFollower) {
			t.Fatal(err)
		}
	})
}

// What has to be on another replica, or on the disk, is not committed before it is there.
func TestTopicLogWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memfs.New())
		defer b.stop()
		l := b.TopicLog(offsetsTopic)
		b.lead(offsetsTopic, idT, 1, 1, 1, 2)
		end, err := l.Append(0, 1, keyed(t, "a"))
		if err != nil {
			t.Fatal(err)
		}
		late, gone, began := newTold(), newTold(), time.Now()
		l.WhenCommitted(0, 1, end, time.Second, late.told)
		if !late.pending() || b.Parked() != 1 {
			t.Fatal("not in the whole ISR, but told")
		}
		if !late.is(ErrTimedOut) || time.Since(began) != time.Second {
			t.Fatal("not timed out after a second")
		}
		l.WhenCommitted(0, 1, end, time.Hour, gone.told)
		b.follow(offsetsTopic, idT, 2)
		if !gone.is(partition.ErrNotLeaderOrFollower) || b.Parked() != 0 {
			t.Fatal("deposed, but not told")
		}
		again := newTold()
		b.lead(offsetsTopic, idT, 1, 3) // alone in the ISR: what is in the log is committed, but not known to be what was appended
		l.WhenCommitted(0, 1, end, time.Second, again.told)
		if !again.is(partition.ErrNotLeaderOrFollower) {
			t.Fatal("led again, but what was appended before may have been lost")
		}
	})
}

func TestTopicLogSyncs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memfs.New(), "log.flush.interval.messages=1")
		defer b.stop()
		l := b.TopicLog(offsetsTopic)
		b.lead(offsetsTopic, idT, 1, 1)
		end, err := l.Append(0, 1, keyed(t, "a"))
		if err != nil {
			t.Fatal(err)
		}
		w := newTold()
		l.WhenCommitted(0, 1, end, time.Second, w.told)
		if !w.is(nil) {
			t.Fatal("synced, but not committed")
		}
	})
}

func TestLeadershipIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memfs.New())
		defer func() { _ = errors.Join(b.Close(t.Context()), b.dirs.Close(t.Context(), 1)) }()
		var heard []string
		b.options.OnLeadership = func(topic string, partition int32, leads bool, epoch int32) {
			heard = append(heard, fmt.Sprintf("%s-%d %v %d", topic, partition, leads, epoch))
		}
		want := func(lines ...string) {
			t.Helper()
			synctest.Wait()
			if !slices.Equal(heard, lines) {
				t.Fatalf("told %q, want %q", heard, lines)
			}
			heard = nil
		}
		b.lead("t", idT, 2, 1)
		want("t-0 true 1", "t-1 true 1")
		b.lead("t", idT, 2, 1) // nothing new
		want()
		b.follow("t", idT, 2)
		want("t-0 false 2")
		b.lead("t", idT, 1, 3)
		want("t-0 true 3")
		req := kmsg.NewPtrStopReplicaRequest()
		req.Version, req.ControllerEpoch = 3, 1
		req.Topics = []kmsg.StopReplicaRequestTopic{{Topic: "t", PartitionStates: []kmsg.StopReplicaRequestTopicPartitionState{
			{Partition: 0, LeaderEpoch: -2, Delete: true}, {Partition: 1, LeaderEpoch: 4},
		}}}
		b.StopReplicas(req)
		want("t-0 false -1", "t-1 false 4")
		b.lead("u", idU, 1, 7)
		heard = nil
		b.fs.SetFault(memfs.FailKind(memfs.OpWrite, "", syscall.EIO))
		if _, err := b.TopicLog("u").Append(0, 7, keyed(t, "a")); err == nil {
			t.Fatal("appended to a broken disk")
		}
		want("u-0 false -1")
		b.fs.SetFault(nil)
	})
}
