package replica

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/config"
	"milena/internal/logdir"
	"milena/internal/metadata"
	"milena/internal/partition"
	"milena/internal/record"
	"milena/internal/vfs/memfs"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var (
	idT = [16]byte{1}
	idU = [16]byte{2}
)

// broker is broker 1 over a file system in memory.
type broker struct {
	*Replicas
	t    testing.TB
	fs   *memfs.FS
	dirs *logdir.Dirs
	live *config.Live
}

func start(t testing.TB, fsys *memfs.FS, overrides ...string) *broker {
	t.Helper()
	b, _, err := config.Load("", append([]string{"log.dirs=/a,/b"}, overrides...))
	if err != nil {
		t.Fatal(err)
	}
	live, logger := config.NewLive(b), slog.New(slog.NewTextHandler(io.Discard, nil))
	dirs, err := logdir.Open(logdir.Options{FS: fsys, Config: live, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	r := New(Options{BrokerID: 1, Config: live, Dirs: dirs, Metadata: metadata.NewCache("cluster"), Logger: logger})
	if err := errors.Join(dirs.Claim("cluster", 1), dirs.Load(t.Context(), r.TopicConfig)); err != nil {
		t.Fatal(err)
	}
	return &broker{Replicas: r, t: t, fs: fsys, dirs: dirs, live: live}
}

func (b *broker) stop() {
	b.t.Helper()
	if err := errors.Join(b.Close(b.t.Context()), b.dirs.Close(b.t.Context(), 1)); err != nil {
		b.t.Fatal(err)
	}
}

// lead makes broker 1 the leader of partitions 0..n-1 of a topic, alone in the ISR unless isr says otherwise.
func (b *broker) lead(topic string, id [16]byte, n int, epoch int32, isr ...int32) []int16 {
	b.t.Helper()
	if isr == nil {
		isr = []int32{1}
	}
	req := kmsg.NewPtrLeaderAndISRRequest()
	req.Version, req.ControllerEpoch = 7, 1
	state := kmsg.NewLeaderAndISRRequestTopicState()
	state.Topic, state.TopicID = topic, id
	for i := range n {
		p := kmsg.NewLeaderAndISRRequestTopicPartition()
		p.Partition, p.Leader, p.LeaderEpoch, p.ZKVersion, p.ISR, p.Replicas, p.IsNew = int32(i), 1, epoch, epoch, isr, []int32{1, 2}, true
		state.PartitionStates = append(state.PartitionStates, p)
	}
	req.TopicStates = append(req.TopicStates, state)
	resp := b.BecomeLeaderOrFollower(req)
	if resp.ErrorCode != 0 {
		b.t.Fatalf("LeaderAndIsr: %v", kerr.ErrorForCode(resp.ErrorCode))
	}
	var codes []int16
	for _, p := range resp.Topics[0].Partitions {
		codes = append(codes, p.ErrorCode)
	}
	return codes
}

func batch(t testing.TB, values ...string) []byte {
	t.Helper()
	var records []record.Record
	for i, v := range values {
		records = append(records, record.Record{Offset: int64(i), TimestampMs: time.Now().UnixMilli(), Value: []byte(v)})
	}
	b, err := record.Builder{ProducerID: -1, ProducerEpoch: -1, BaseSequence: -1}.Build(records)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// produce starts an append to partition 0 of a topic; the channel gets the results.
func (b *broker) produce(acks int16, topic string, values ...string) chan AppendResult {
	done := make(chan AppendResult, 1)
	req := &AppendRequest{Acks: acks, TimeoutMs: 1000, Partitions: []AppendPartition{{Topic: topic, Records: batch(b.t, values...)}}}
	b.Append(req, func(r []AppendResult) { done <- r[0] })
	return done
}

func fetchOf(topic string, offset int64) *FetchRequest {
	return &FetchRequest{ReplicaID: -1, MaxWaitMs: 500, MinBytes: 1, MaxBytes: 1 << 20, Partitions: []FetchPartition{
		{Topic: topic, CurrentLeaderEpoch: -1, FetchOffset: offset, LastFetchedEpoch: -1, MaxBytes: 1 << 20},
	}}
}

// fetched is what a test looks at after the slices are gone.
type fetched struct {
	FetchResult
	data  []byte
	after time.Duration
}

func (b *broker) fetch(req *FetchRequest) (chan []fetched, func()) {
	done, began := make(chan []fetched, 1), time.Now()
	cancel := b.Fetch(req, func(results []FetchResult) {
		out := make([]fetched, len(results))
		for i, r := range results {
			out[i] = fetched{FetchResult: r, after: time.Since(began)}
			for _, piece := range r.Slice.Ranges {
				data := make([]byte, piece.Size)
				if _, err := piece.File.ReadAt(data, piece.Offset); err != nil {
					b.t.Errorf("read of a range: %v", err)
				}
				out[i].data = append(out[i].data, data...)
			}
			r.Slice.Release()
		}
		done <- out
	})
	return done, cancel
}

func values(t *testing.T, data []byte) (all []string) {
	t.Helper()
	for len(data) > 0 {
		b, rest, err := record.Next(data)
		if err != nil {
			t.Fatal(err)
		}
		for r, err := range record.Records(b, 1<<20) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, string(r.Value))
		}
		data = rest
	}
	return all
}

func TestAppendAndFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memfs.New())
		defer b.stop()
		if codes := b.lead("t", idT, 1, 0); codes[0] != 0 {
			t.Fatal(codes)
		}
		for i, acks := range []int16{-1, 1, 0} {
			if r := <-b.produce(acks, "t", "a", "b"); r.Err != nil || r.BaseOffset != int64(2*i) || r.AppendTimeMs != -1 || r.LogStartOffset != 0 {
				t.Fatalf("acks=%d: %+v", acks, r)
			}
		}
		done, _ := b.fetch(fetchOf("t", 3))
		got := <-done
		if got[0].Err != nil || got[0].HighWatermark != 6 || got[0].LastStableOffset != 6 || got[0].after != 0 {
			t.Fatalf("%+v", got)
		}
		if v := values(t, got[0].data); len(v) != 4 || v[3] != "b" {
			t.Fatalf("%v: the batch that holds the offset is to come whole", v)
		}
	})
}

func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memfs.New())
		defer b.stop()
		b.lead("t", idT, 1, 3)
		b.lead("__consumer_offsets", idU, 1, 3)
		for _, c := range []struct {
			topic string
			acks  int16
			want  error
		}{
			{"no such", -1, ErrUnknownTopicOrPartition}, {"t", 2, ErrInvalidRequiredAcks}, {"t", -2, ErrInvalidRequiredAcks},
			{"__consumer_offsets", -1, ErrInvalidTopic},
		} {
			if r := <-b.produce(c.acks, c.topic, "x"); !errors.Is(r.Err, c.want) || r.BaseOffset != -1 {
				t.Errorf("%+v: %+v", c, r)
			}
		}
		var refusal *record.Refusal
		req := &AppendRequest{Acks: 1, Partitions: []AppendPartition{{Topic: "t", Records: bytes.Repeat([]byte{1}, 100)}}}
		b.Append(req, func(r []AppendResult) {
			if !errors.As(r[0].Err, &refusal) {
				t.Errorf("garbage: %+v", r[0])
			}
		})
		req = &AppendRequest{Acks: 1, InternalTopics: true, Partitions: []AppendPartition{{Topic: "__consumer_offsets", Records: batch(t, "x")}}}
		b.Append(req, func(r []AppendResult) {
			// Compacted topics take no record without a key; that it comes so far is what matters here.
			if errors.Is(r[0].Err, ErrInvalidTopic) {
				t.Errorf("admin client: %+v", r[0])
			}
		})
		old := fetchOf("t", 0)
		old.Partitions[0].CurrentLeaderEpoch = 2
		beyond, stranger := fetchOf("t", 9), fetchOf("t", 0)
		stranger.ReplicaID = 9
		for want, req := range map[error]*FetchRequest{
			ErrUnknownTopicOrPartition: fetchOf("no such", 0), partition.ErrFencedLeaderEpoch: old, partition.ErrOffsetOutOfRange: beyond,
			ErrUnknownReplica: stranger,
		} {
			done, cancel := b.fetch(req)
			got := (<-done)[0]
			if !errors.Is(got.Err, want) || got.HighWatermark != -1 || got.after != 0 || cancel != nil {
				t.Errorf("want %v: %+v", want, got)
			}
		}
		b.follow("t", idT, 4)
		if r := <-b.produce(-1, "t", "x"); !errors.Is(r.Err, partition.ErrNotLeaderOrFollower) {
			t.Errorf("follower: %+v", r)
		}
	})
}

// follow makes broker 2 the leader of partition 0.
func (b *broker) follow(topic string, id [16]byte, epoch int32) int16 {
	req := kmsg.NewPtrLeaderAndISRRequest()
	req.Version, req.ControllerEpoch = 7, 1
	req.TopicStates = []kmsg.LeaderAndISRRequestTopicState{{Topic: topic, TopicID: id, PartitionStates: []kmsg.LeaderAndISRRequestTopicPartition{
		{Leader: 2, LeaderEpoch: epoch, ZKVersion: epoch, ISR: []int32{1, 2}, Replicas: []int32{1, 2}}}}}
	return b.BecomeLeaderOrFollower(req).Topics[0].Partitions[0].ErrorCode
}

func TestFetchWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memfs.New())
		defer b.stop()
		b.lead("t", idT, 1, 0)
		// Nobody writes: the answer comes empty when the time is over.
		done, _ := b.fetch(fetchOf("t", 0))
		if got := (<-done)[0]; got.Err != nil || got.after != 500*time.Millisecond || got.Slice.SizeBytes != 0 {
			t.Fatalf("%+v", got)
		}
		// A write wakes it.
		done, _ = b.fetch(fetchOf("t", 0))
		time.Sleep(100 * time.Millisecond)
		<-b.produce(1, "t", "a")
		if got := (<-done)[0]; got.after != 100*time.Millisecond || len(values(t, got.data)) != 1 {
			t.Fatalf("%+v", got)
		}
		// It waits for MinBytes.
		req := fetchOf("t", 1)
		req.MinBytes = int32(2 * len(batch(t, "a")))
		done, _ = b.fetch(req)
		<-b.produce(1, "t", "a")
		synctest.Wait()
		if len(done) != 0 {
			t.Fatal("half of MinBytes was enough")
		}
		<-b.produce(1, "t", "b")
		if got := (<-done)[0]; got.after != 0 || len(values(t, got.data)) != 2 {
			t.Fatalf("%+v", got)
		}
		// What is below MinBytes is answered in the end.
		req = fetchOf("t", 2)
		req.MinBytes = 1000
		done, _ = b.fetch(req)
		if got := (<-done)[0]; got.after != 500*time.Millisecond || len(values(t, got.data)) != 1 {
			t.Fatalf("%+v", got)
		}
		// Cancelled, it is never answered.
		done, cancel := b.fetch(fetchOf("t", 3))
		cancel()
		<-b.produce(1, "t", "c")
		time.Sleep(time.Second)
		if cancel(); len(done) != 0 || b.Parked() != 0 {
			t.Fatalf("cancelled: %d answers, %d parked", len(done), b.Parked())
		}
		// The leader goes: the waiting consumer hears it at once.
		done, _ = b.fetch(fetchOf("t", 4))
		time.Sleep(time.Millisecond)
		b.follow("t", idT, 1)
		if got := (<-done)[0]; !errors.Is(got.Err, partition.ErrNotLeaderOrFollower) || got.after != time.Millisecond {
			t.Fatalf("%+v", got)
		}
	})
}

func TestFetchBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memfs.New())
		defer b.stop()
		b.lead("t", idT, 3, 0)
		one := len(batch(t, "x"))
		for i := range int32(3) {
			for range 3 {
				req := &AppendRequest{Acks: 1, Partitions: []AppendPartition{{Topic: "t", Partition: i, Records: batch(t, "x")}}}
				b.Append(req, func(r []AppendResult) {
					if r[0].Err != nil {
						t.Fatal(r[0].Err)
					}
				})
			}
		}
		for _, c := range []struct {
			offsets  [3]int64
			max      int
			part     int
			batches  [3]int
			describe string
		}{
			{[3]int64{0, 0, 0}, 1 << 20, 1 << 20, [3]int{3, 3, 3}, "everything fits"},
			{[3]int64{0, 0, 0}, 1 << 20, one * 2, [3]int{2, 2, 2}, "each partition has its own limit"},
			{[3]int64{0, 0, 0}, one * 4, 1 << 20, [3]int{3, 1, 0}, "the request's limit is shared in order"},
			{[3]int64{0, 0, 0}, 1, 1, [3]int{1, 0, 0}, "the first gives one batch, however large"},
			{[3]int64{3, 1, 0}, 1, 1, [3]int{0, 1, 0}, "the first that has any"},
			{[3]int64{3, 1, 0}, 1 << 20, 0, [3]int{0, 1, 0}, "no room in a partition"},
		} {
			req := &FetchRequest{ReplicaID: -1, MaxWaitMs: 500, MinBytes: 1, MaxBytes: int32(c.max)}
			for i := range int32(3) {
				req.Partitions = append(req.Partitions, FetchPartition{Topic: "t", Partition: i, CurrentLeaderEpoch: -1, LastFetchedEpoch: -1,
					FetchOffset: c.offsets[i], MaxBytes: int32(c.part)})
			}
			done, _ := b.fetch(req)
			got := <-done
			for i, want := range c.batches {
				whole := 0
				for data := got[i].data; len(data) > 0; whole++ {
					_, rest, err := record.Next(data)
					if err != nil {
						break // a part of a batch at the end is allowed
					}
					data = rest
				}
				if whole != want {
					t.Errorf("%s: partition %d gives %d batches, want %d", c.describe, i, whole, want)
				}
			}
		}
	})
}

func TestAppendWaitsForTheISR(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memfs.New())
		defer b.stop()
		b.lead("t", idT, 1, 0, 1, 2)
		began := time.Now()
		if r := <-b.produce(-1, "t", "a"); !errors.Is(r.Err, ErrTimedOut) || time.Since(began) != time.Second {
			t.Fatalf("%+v after %v", r, time.Since(began))
		}
		if r := <-b.produce(1, "t", "b"); r.Err != nil || r.BaseOffset != 1 {
			t.Fatalf("%+v", r)
		}
		// A consumer sees nothing of it, a follower all.
		done, _ := b.fetch(fetchOf("t", 0))
		if got := (<-done)[0]; got.HighWatermark != 0 || len(got.data) != 0 {
			t.Fatalf("%+v", got)
		}
		follower := fetchOf("t", 0)
		follower.ReplicaID = 2
		done, _ = b.fetch(follower)
		if got := (<-done)[0]; len(values(t, got.data)) != 2 {
			t.Fatalf("%+v", got)
		}
		// The ISR shrinks, also by an election: what waits is committed.
		waiting := b.produce(-1, "t", "c")
		time.Sleep(time.Millisecond)
		b.lead("t", idT, 1, 1)
		if r := <-waiting; r.Err != nil || r.BaseOffset != 2 {
			t.Fatalf("%+v", r)
		}
		// Another leads: what waits may be lost.
		b.lead("t", idT, 1, 2, 1, 2)
		waiting = b.produce(-1, "t", "d")
		b.follow("t", idT, 3)
		if r := <-waiting; !errors.Is(r.Err, partition.ErrNotLeaderOrFollower) {
			t.Fatalf("%+v", r)
		}
		if b.Parked() != 0 {
			t.Fatalf("%d parked", b.Parked())
		}
	})
}

// flush.messages=1: nothing is acknowledged or shown before its fsync, and those who wait share one.
func TestGroupCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const disk = 10 * time.Millisecond
		b := start(t, memfs.New(), "log.flush.interval.messages=1")
		defer b.stop()
		b.lead("t", idT, 3, 0)
		syncs := 0
		b.fs.SetFault(func(op memfs.Op) error {
			if op.Kind == memfs.OpSync && strings.HasSuffix(op.Name, ".log") && strings.Contains(op.Name, "/t-0/") {
				syncs++
				time.Sleep(disk)
			}
			return nil
		})
		for _, acks := range []int16{-1, 1, 0} {
			began, before := time.Now(), syncs
			done, _ := b.fetch(fetchOf("t", b.end("t")))
			var all []chan AppendResult
			for range 20 {
				all = append(all, b.produce(acks, "t", "a"))
			}
			if time.Since(began) != 0 {
				t.Fatal("an append blocks for its fsync")
			}
			for _, c := range all {
				if r := <-c; r.Err != nil {
					t.Fatalf("acks=%d: %+v", acks, r)
				}
			}
			if n, after := syncs-before, time.Since(began); n > 2 || after > 2*disk || after < disk {
				t.Fatalf("acks=%d: %d fsyncs for 20 appends, %v", acks, n, after)
			}
			if got := (<-done)[0]; got.after < disk || len(got.data) == 0 {
				t.Fatalf("shown after %v", got.after)
			}
		}
		// The partitions of one request are synced side by side.
		b.fs.SetFault(func(op memfs.Op) error {
			if op.Kind == memfs.OpSync && strings.HasSuffix(op.Name, ".log") {
				time.Sleep(disk)
			}
			return nil
		})
		req := &AppendRequest{Acks: -1, TimeoutMs: 1000}
		for i := range int32(3) {
			req.Partitions = append(req.Partitions, AppendPartition{Topic: "t", Partition: i, Records: batch(t, "b")})
		}
		began, done := time.Now(), make(chan time.Duration, 1)
		b.Append(req, func([]AppendResult) { done <- time.Since(began) })
		if after := <-done; after != disk {
			t.Fatalf("three partitions took %v", after)
		}
		// A failed fsync is no acknowledgement.
		b.fs.SetFault(memfs.FailKind(memfs.OpSync, "/t-0/", syscall.EIO))
		if r := <-b.produce(1, "t", "lost"); r.Err == nil {
			t.Fatal("acknowledged")
		}
		b.fs.SetFault(nil)
		time.Sleep(time.Second)
		if b.Parked() != 0 {
			t.Fatalf("%d parked", b.Parked())
		}
	})
}

func (b *broker) end(topic string) int64 {
	p, err := b.Partition(topic, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	return p.Log().LogEndOffset()
}
