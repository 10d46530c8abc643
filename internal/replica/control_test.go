package replica

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/logdir"
	"milena/internal/metadata"
	"milena/internal/partition"
	"milena/internal/vfs/memfs"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func (b *broker) remove(topic string, epoch int32) int16 {
	req := kmsg.NewPtrStopReplicaRequest()
	req.Version, req.ControllerEpoch = 4, 1
	req.Topics = []kmsg.StopReplicaRequestTopic{{Topic: topic, PartitionStates: []kmsg.StopReplicaRequestTopicPartitionState{
		{Partition: 0, LeaderEpoch: epoch, Delete: true}}}}
	resp := b.StopReplicas(req)
	if resp.ErrorCode != 0 {
		return resp.ErrorCode
	}
	return resp.Partitions[0].ErrorCode
}

func TestControllerRequestsAreFenced(t *testing.T) {
	b := start(t, memfs.New())
	defer b.stop()
	for _, c := range []struct {
		what  string
		id    [16]byte
		epoch int32
		want  *kerr.Error
	}{
		{"new", idT, 5, nil}, {"again", idT, 5, kerr.StaleControllerEpoch}, {"older leader epoch", idT, 4, kerr.StaleControllerEpoch},
		{"another topic of that name", idU, 6, kerr.InconsistentTopicID}, {"newer", idT, 6, nil},
	} {
		if code := b.lead("t", c.id, 1, c.epoch)[0]; c.want == nil && code != 0 || c.want != nil && code != c.want.Code {
			t.Errorf("%s: got %v, want %v", c.what, kerr.ErrorForCode(code), c.want)
		}
	}
	if code := b.remove("t", 5); code != kerr.FencedLeaderEpoch.Code {
		t.Errorf("old StopReplica: %v", kerr.ErrorForCode(code))
	}
	// An old controller is refused as a whole, by all three.
	isr := kmsg.NewPtrLeaderAndISRRequest()
	isr.Version = 7
	isr.TopicStates = []kmsg.LeaderAndISRRequestTopicState{{Topic: "t", TopicID: idT,
		PartitionStates: []kmsg.LeaderAndISRRequestTopicPartition{{Leader: 2, LeaderEpoch: 9, Replicas: []int32{1}}}}}
	if resp := b.BecomeLeaderOrFollower(isr); resp.ErrorCode != kerr.StaleControllerEpoch.Code ||
		resp.Topics[0].Partitions[0].ErrorCode != kerr.StaleControllerEpoch.Code {
		t.Errorf("LeaderAndIsr: %+v", resp)
	}
	stop := kmsg.NewPtrStopReplicaRequest()
	if resp := b.StopReplicas(stop); resp.ErrorCode != kerr.StaleControllerEpoch.Code {
		t.Errorf("StopReplica: %+v", resp)
	}
	if resp := b.UpdateMetadata(kmsg.NewPtrUpdateMetadataRequest()); resp.ErrorCode != kerr.StaleControllerEpoch.Code {
		t.Errorf("UpdateMetadata: %+v", resp)
	}
	// Who is no replica has no partition.
	isr.ControllerEpoch, isr.TopicStates[0].Topic, isr.TopicStates[0].PartitionStates[0].Replicas = 1, "v", []int32{2}
	if resp := b.BecomeLeaderOrFollower(isr); resp.Topics[0].Partitions[0].ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Errorf("not a replica: %+v", resp)
	}
	if p, err := b.Partition("t", 0); err != nil || p.State().LeaderEpoch != 6 || p.State().Role != partition.Leader {
		t.Errorf("after all that: %v, %v", p, err)
	}
}

// TestLeadershipOfOthersEnds: a leader that was moved away, and whose StopReplica never came, hears of the newer epoch with the cluster's state. One
// that is told of its own epoch, or of an older one, leads on.
func TestLeadershipOfOthersEnds(t *testing.T) {
	b := start(t, memfs.New())
	defer b.stop()
	b.lead("t", idT, 1, 5)
	for _, c := range []struct {
		leader, epoch int32
		want          partition.Role
	}{{2, 4, partition.Leader}, {1, 5, partition.Leader}, {1, 6, partition.Leader}, {2, 6, partition.None}} {
		req := kmsg.NewPtrUpdateMetadataRequest()
		req.Version, req.ControllerEpoch = 8, 1
		req.TopicStates = []kmsg.UpdateMetadataRequestTopicState{{Topic: "t", TopicID: idT, PartitionStates: []kmsg.UpdateMetadataRequestTopicPartition{
			{Leader: c.leader, LeaderEpoch: c.epoch, Replicas: []int32{c.leader}, ISR: []int32{c.leader}}}}}
		if code := b.UpdateMetadata(req).ErrorCode; code != 0 {
			t.Fatal(kerr.ErrorForCode(code))
		}
		p, err := b.Partition("t", 0)
		if err != nil || p.State().Role != c.want {
			t.Errorf("told of leader %d in epoch %d: %+v, %v", c.leader, c.epoch, p.State(), err)
		}
	}
	if code := b.lead("t", idT, 1, 7)[0]; code != 0 {
		t.Errorf("leading again: %v", kerr.ErrorForCode(code))
	}
}

// TestWhoIsGoneHoldsNothingBack: a leader waits for a follower that keeps up and is about to join the ISR, and which the controller has refused, as it
// does one that is shutting down; no longer than until it hears that the follower is gone.
func TestWhoIsGoneHoldsNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memfs.New())
		defer b.stop()
		b.options.Cluster.BrokerEpoch = func() int64 { return 7 }
		b.options.Cluster.AlterPartition = func(_ context.Context, req *kmsg.AlterPartitionRequest) (*kmsg.AlterPartitionResponse, error) {
			resp := req.ResponseKind().(*kmsg.AlterPartitionResponse)
			resp.Topics = []kmsg.AlterPartitionResponseTopic{{TopidID: req.Topics[0].TopicID, Partitions: []kmsg.AlterPartitionResponseTopicPartition{
				{ErrorCode: kerr.IneligibleReplica.Code}}}}
			return resp, nil
		}
		b.running.Go(b.sendProposals)
		live := func(ids ...int32) {
			req := kmsg.NewPtrUpdateMetadataRequest()
			req.Version, req.ControllerEpoch = 8, 1
			for _, id := range ids {
				req.LiveBrokers = append(req.LiveBrokers, kmsg.UpdateMetadataRequestLiveBroker{ID: id})
			}
			b.UpdateMetadata(req)
		}
		live(1, 2)
		b.lead("t", idT, 1, 0)
		b.follower(2, "t", 0)
		synctest.Wait() // it was refused
		acked := b.produce(partition.AcksAll, "t", "x")
		synctest.Wait()
		select {
		case r := <-acked:
			t.Fatalf("acknowledged without the follower: %+v", r)
		default:
		}
		live(1)
		synctest.Wait()
		select {
		case r := <-acked:
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		default:
			t.Fatal("who is gone is waited for")
		}
	})
}

// TestISRIsAskedForUnderTheID: a topic may get its id while it is led, as when a cluster of a Kafka before 2.8 is brought to a later version; the
// controller knows it by that one from then on.
func TestISRIsAskedForUnderTheID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memfs.New())
		defer b.stop()
		b.options.Cluster.BrokerEpoch = func() int64 { return 7 }
		asked := make(chan metadata.TopicID, 1)
		b.options.Cluster.AlterPartition = func(_ context.Context, req *kmsg.AlterPartitionRequest) (*kmsg.AlterPartitionResponse, error) {
			asked <- req.Topics[0].TopicID
			resp := req.ResponseKind().(*kmsg.AlterPartitionResponse)
			resp.Topics = []kmsg.AlterPartitionResponseTopic{{TopidID: req.Topics[0].TopicID, Partitions: []kmsg.AlterPartitionResponseTopicPartition{
				{ErrorCode: kerr.IneligibleReplica.Code}}}}
			return resp, nil
		}
		b.running.Go(b.sendProposals)
		req := kmsg.NewPtrUpdateMetadataRequest()
		req.Version, req.ControllerEpoch = 8, 1
		req.LiveBrokers = []kmsg.UpdateMetadataRequestLiveBroker{{ID: 1}, {ID: 2}}
		b.UpdateMetadata(req)
		b.lead("t", [16]byte{}, 1, 0)
		b.lead("t", idT, 1, 1)
		b.follower(2, "t", 0)
		synctest.Wait()
		select {
		case id := <-asked:
			if id != idT {
				t.Errorf("asked for the ISR of topic %x", id)
			}
		default:
			t.Error("the ISR was not asked for")
		}
	})
}

// follower has another broker fetch partition 0 of a topic once.
func (b *broker) follower(id int32, topic string, offset int64) {
	req := fetchOf(topic, offset)
	req.ReplicaID, req.ReplicaEpoch, req.MaxWaitMs = id, -1, 0
	done, _ := b.fetch(req)
	<-done
}

func TestOldVersionsOfTheControllersRequests(t *testing.T) {
	b := start(t, memfs.New())
	defer b.stop()
	for version := range int16(8) {
		topic := "t" + string(rune('0'+version))
		req := kmsg.NewPtrLeaderAndISRRequest()
		p := kmsg.LeaderAndISRRequestTopicPartition{Topic: topic, Partition: 3, Leader: 1, ISR: []int32{1}, Replicas: []int32{1}, IsNew: true}
		req.ControllerEpoch = 1
		if version < 2 {
			req.PartitionStates = append(req.PartitionStates, p)
		} else {
			req.TopicStates = []kmsg.LeaderAndISRRequestTopicState{{Topic: topic, TopicID: idT,
				PartitionStates: []kmsg.LeaderAndISRRequestTopicPartition{p}}}
		}
		// Through the wire, as the handler sees it.
		req.Version = version
		again := kmsg.NewPtrLeaderAndISRRequest()
		again.Version = version
		if err := again.ReadFrom(req.AppendTo(nil)); err != nil {
			t.Fatal(err)
		}
		resp := b.BecomeLeaderOrFollower(again)
		if resp.ErrorCode != 0 || version < 5 && resp.Partitions[0].ErrorCode != 0 || version >= 5 && resp.Topics[0].Partitions[0].ErrorCode != 0 {
			t.Fatalf("v%d: %+v", version, resp)
		}
		stop := kmsg.NewPtrStopReplicaRequest()
		stop.ControllerEpoch, stop.Version, stop.DeletePartitions = 1, min(version, 4), true
		stop.Topics = []kmsg.StopReplicaRequestTopic{{Topic: topic, Partition: 3, Partitions: []int32{3},
			PartitionStates: []kmsg.StopReplicaRequestTopicPartitionState{{Partition: 3, LeaderEpoch: epochDuringDelete, Delete: true}}}}
		if resp := b.StopReplicas(stop); resp.ErrorCode != 0 || len(resp.Partitions) != 1 || resp.Partitions[0].Partition != 3 {
			t.Fatalf("v%d: %+v", stop.Version, resp)
		}
		if _, err := b.Partition(topic, 3); !errors.Is(err, ErrUnknownTopicOrPartition) {
			t.Fatalf("v%d: %v after deletion", stop.Version, err)
		}
	}
}

func TestDeletedAndMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memfs.New())
		b.lead("t", idT, 1, 0)
		<-b.produce(-1, "t", "a")
		waiting, _ := b.fetch(fetchOf("t", 1))
		if code := b.remove("t", epochDuringDelete); code != 0 {
			t.Fatal(kerr.ErrorForCode(code))
		}
		if got := (<-waiting)[0]; got.Err == nil || got.after != 0 {
			t.Fatalf("a consumer goes on waiting for a deleted topic: %+v", got)
		}
		if code := b.remove("t", epochDuringDelete); code != 0 {
			t.Fatalf("the second time: %v", kerr.ErrorForCode(code))
		}
		if code := b.lead("t", idU, 1, 0)[0]; code != 0 {
			t.Fatal(kerr.ErrorForCode(code))
		}
		if r := <-b.produce(-1, "t", "b"); r.Err != nil || r.BaseOffset != 0 {
			t.Fatalf("%+v: the new topic starts at 0", r)
		}
		// While the broker is down the topic is deleted and made again: what lies on disk is another topic's.
		b.stop()
		b = start(t, b.fs)
		if code := b.lead("t", idT, 1, 0)[0]; code != 0 {
			t.Fatal(kerr.ErrorForCode(code))
		}
		if r := <-b.produce(-1, "t", "c"); r.Err != nil || r.BaseOffset != 0 {
			t.Fatalf("%+v: the namesake's records are in it", r)
		}
		b.stop()
	})
}

func TestHighWatermarkOutlivesTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memfs.New())
		b.lead("t", idT, 1, 0)
		<-b.produce(-1, "t", "a")
		<-b.produce(-1, "t", "b")
		time.Sleep(6 * time.Second)
		b.lead("t", idT, 1, 1, 1, 2)
		<-b.produce(1, "t", "c")
		killed := start(t, b.fs.Kill())
		killed.lead("t", idT, 1, 2, 1, 2)
		if p, err := killed.Partition("t", 0); err != nil || p.HighWatermark() != 2 || p.Log().LogEndOffset() != 3 {
			t.Fatalf("%+v, %v", p, err)
		}
		// A partition of which the controller has not spoken keeps its line.
		again := start(t, killed.fs.Kill())
		time.Sleep(6 * time.Second)
		last := start(t, again.fs.Kill())
		if l := last.dirs.Get(logdir.TopicPartition{Topic: "t"}); l.HighWatermark != 2 {
			t.Fatalf("high watermark %d", l.HighWatermark)
		}
		for _, x := range []*broker{b, killed, again, last} {
			x.stop()
		}
	})
}

func TestFailedDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memfs.New())
		b.lead("t", idT, 2, 0)
		bad, _ := b.Partition("t", 0)
		good, _ := b.Partition("t", 1)
		dir := b.dirs.Get(logdir.TopicPartition{Topic: "t"}).Dir().Path()
		waiting, _ := b.fetch(fetchOf("t", 0))
		b.fs.SetFault(memfs.FailKind(memfs.OpWrite, dir+"/t-0", syscall.EIO))
		if r := <-b.produce(-1, "t", "a"); r.Err == nil {
			t.Fatal("the failed write was acknowledged")
		}
		if got := (<-waiting)[0]; !errors.Is(got.Err, partition.ErrOffline) || got.after != 0 {
			t.Fatalf("%+v", got)
		}
		synctest.Wait()
		if bad.State().Role != partition.Offline || good.State().Role != partition.Leader {
			t.Fatalf("roles %v and %v", bad.State().Role, good.State().Role)
		}
		if r := <-b.produce(-1, "t", "a"); !errors.Is(r.Err, partition.ErrOffline) {
			t.Fatalf("%+v", r)
		}
		if codes := b.lead("t", idT, 2, 1); codes[0] != kerr.KafkaStorageError.Code || codes[1] != 0 {
			t.Fatalf("%v", codes)
		}
		if code := b.remove("t", epochDuringDelete); code != kerr.KafkaStorageError.Code {
			t.Fatal(kerr.ErrorForCode(code))
		}
		for _, d := range b.DescribeDirs(func(string, int32) bool { return true }) {
			if d.Offline != (d.Path == dir) || d.Offline && len(d.Logs) > 0 || !d.Offline && (len(d.Logs) != 1 || d.TotalBytes <= 0) {
				t.Fatalf("%+v", d)
			}
		}
		b.fs.SetFault(nil)
		_ = errors.Join(b.Close(t.Context()), b.dirs.Close(t.Context(), 1))
	})
}

func TestConfigurationReachesTheLogs(t *testing.T) {
	b := start(t, memfs.New())
	defer b.stop()
	b.lead("t", idT, 2, 0)
	p, _ := b.Partition("t", 1)
	b.SetTopicConfig("t", map[string]string{"retention.ms": "5"})
	if got := p.Log().Config(); got.RetentionMs != 5 || got.MinInsyncReplicas != 1 {
		t.Fatalf("%+v", got)
	}
	now, err := b.live.Broker().WithDynamic(map[string]string{"min.insync.replicas": "2", "log.retention.ms": "6"}, nil)
	if err != nil {
		if now, err = b.live.Broker().WithDynamic(nil, map[string]string{"min.insync.replicas": "2", "log.retention.ms": "6"}); err != nil {
			t.Fatal(err)
		}
	}
	b.live.Replace(now)
	if got := p.Log().Config(); got.RetentionMs != 5 || got.MinInsyncReplicas != 2 {
		t.Fatalf("%+v", got)
	}
	b.SetTopicConfig("t", map[string]string{"retention.ms": "soon"})
	if got := p.Log().Config(); got.RetentionMs != 6 {
		t.Fatalf("%+v: a value nobody can take leaves the defaults", got)
	}
	if b.remove("t", epochDuringDelete); b.TopicConfig("t").RetentionMs != 6 {
		t.Fatal("half of the topic is still there")
	}
}

func TestDeleteRecords(t *testing.T) {
	b := start(t, memfs.New())
	defer b.stop()
	b.lead("t", idT, 1, 0)
	b.lead("__consumer_offsets", idU, 1, 0)
	for range 3 {
		<-b.produce(-1, "t", "a")
	}
	if low, err := b.DeleteRecords("t", 0, 2); low != 2 || err != nil {
		t.Fatal(low, err)
	}
	for _, c := range []struct {
		topic  string
		offset int64
		want   error
	}{{"t", 4, partition.ErrOffsetOutOfRange}, {"no such", 0, ErrUnknownTopicOrPartition}, {"__consumer_offsets", 0, ErrInvalidTopic}} {
		if low, err := b.DeleteRecords(c.topic, 0, c.offset); low != -1 || !errors.Is(err, c.want) {
			t.Errorf("%+v: %d, %v", c, low, err)
		}
	}
	if o, ok, err := b.ListOffset("t", 0, -1, ReadUncommitted, -1, partition.TimestampEarliest); !ok || err != nil || o.Offset != 2 {
		t.Fatal(o, ok, err)
	}
	if low, err := b.DeleteRecords("t", 0, -1); low != 3 || err != nil {
		t.Fatal(low, err)
	}
	if e, err := b.EpochEnd("t", 0, 0, 0); err != nil || e.EndOffset != 3 {
		t.Fatal(e, err)
	}
	if p, err := b.Producers("t", 0); err != nil || len(p) != 0 {
		t.Fatal(p, err)
	}
}

func TestFullDiskLetsTopicsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memfs.New())
		b.lead("t", idT, 1, 0)
		b.lead("u", idU, 1, 0)
		<-b.produce(-1, "t", strings.Repeat("x", 50_000))
		space, _ := b.fs.Space("/")
		b.fs.SetCapacity(space.TotalBytes - space.UsableBytes + 100)
		if r := <-b.produce(-1, "u", strings.Repeat("x", 5000)); r.Err == nil {
			t.Fatal("a full disk took it")
		}
		if code := b.remove("t", epochDuringDelete); code != 0 {
			t.Fatal(kerr.ErrorForCode(code))
		}
		time.Sleep(2 * time.Minute)
		if r := <-b.produce(-1, "u", strings.Repeat("x", 5000)); r.Err != nil {
			t.Fatalf("%+v", r)
		}
		b.stop()
	})
}

// On a full disk a topic may fail to be made; it must still go away, and leave nothing.
func TestTopicThatCouldNotBeMade(t *testing.T) {
	b := start(t, memfs.New())
	defer b.stop()
	b.fs.SetFault(func(op memfs.Op) error {
		if op.Kind == memfs.OpCreate && strings.Contains(op.Name, "/t-0/") {
			return syscall.ENOSPC
		}
		return nil
	})
	if code := b.lead("t", idT, 1, 0)[0]; code != kerr.KafkaStorageError.Code {
		t.Fatal(kerr.ErrorForCode(code))
	}
	if r := <-b.produce(-1, "t", "x"); !errors.Is(r.Err, partition.ErrOffline) {
		t.Fatalf("%+v", r)
	}
	for _, d := range b.dirs.Dirs() {
		if _, err := b.fs.Stat(d.Path() + "/t-0"); d.Offline() || err == nil {
			t.Fatalf("%s: offline %v, log there: %v", d.Path(), d.Offline(), err == nil)
		}
	}
	b.fs.SetFault(nil)
	if code := b.remove("t", epochDuringDelete); code != 0 {
		t.Fatal(kerr.ErrorForCode(code))
	}
	if code := b.lead("t", idT, 1, 0)[0]; code != 0 {
		t.Fatal(kerr.ErrorForCode(code))
	}
	if r := <-b.produce(-1, "t", "x"); r.Err != nil {
		t.Fatalf("%+v", r)
	}
}

// Whoever names a topic by its id gets that topic, never a namesake.
func TestRequestsByTopicID(t *testing.T) {
	b := start(t, memfs.New())
	defer b.stop()
	b.lead("t", idT, 1, 0)
	for id, want := range map[[16]byte]error{idT: nil, {}: nil, idU: ErrInconsistentTopicID} {
		b.Append(&AppendRequest{Acks: 1, Partitions: []AppendPartition{{Topic: "t", TopicID: id, Records: batch(t, "x")}}}, func(r []AppendResult) {
			if !errors.Is(r[0].Err, want) {
				t.Errorf("append to %v: %+v", id, r[0])
			}
		})
		req := fetchOf("t", 0)
		req.MaxWaitMs, req.Partitions[0].TopicID = 0, id
		done, _ := b.fetch(req)
		if got := (<-done)[0]; !errors.Is(got.Err, want) {
			t.Errorf("fetch from %v: %+v", id, got)
		}
	}
	topic := b.options.Metrics.Topic("t")
	if in, out, asked := topic.MessagesIn.Load(), topic.BytesOut.Load(), topic.FetchRequests.Load(); in != 2 || out == 0 || asked != 2 {
		t.Errorf("counted %d messages in, %d bytes out, %d partitions asked for", in, out, asked)
	}
}

// TestWhatCouldNotBeMadeIsMadeLater: a log that a full disk refused is made when there is room, and the controller hears of it.
func TestWhatCouldNotBeMadeIsMadeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, memfs.New())
		asked := 0
		b.options.Cluster.Report = func() error {
			if asked++; asked == 1 {
				return errors.New("the store is away")
			}
			return nil
		}
		b.fs.SetCapacity(1)
		for _, topic := range []string{"t", "u"} {
			if code := b.lead(topic, idT, 1, 0)[0]; code != kerr.KafkaStorageError.Code {
				t.Fatalf("made on a full disk: %v", kerr.ErrorForCode(code))
			}
		}
		if code := b.remove("u", epochDuringDelete); code != 0 {
			t.Fatal(kerr.ErrorForCode(code))
		}
		time.Sleep(5 * remakeEvery)
		synctest.Wait()
		if asked != 0 {
			t.Error("the controller is told while the disk is full")
		}
		b.fs.SetCapacity(memfs.DefaultCapacityBytes)
		time.Sleep(5 * remakeEvery)
		synctest.Wait()
		if asked != 2 {
			t.Errorf("the controller was told %d times, the first time in vain", asked)
		}
		if code := b.lead("t", idT, 1, 0)[0]; code != 0 {
			t.Errorf("led again: %v", kerr.ErrorForCode(code))
		}
		if b.dirs.Get(logdir.TopicPartition{Topic: "u"}) != nil {
			t.Error("the log of a deleted topic was made")
		}
		b.stop()
	})
}
