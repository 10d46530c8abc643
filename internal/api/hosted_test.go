package api

import (
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"milena/internal/clusterstore"
	"milena/internal/config"
	"milena/internal/coord/memcoord"
	"milena/internal/logdir"
	"milena/internal/metadata"
	"milena/internal/record"
	"milena/internal/replica"
	"milena/internal/vfs/memfs"
	"milena/internal/wire"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// newHosted is a table over real partitions in memory: broker 1 leads events 0 and 1 (epoch 5) and plain 0; broker 2 leads events
// 2. Partition 0 of events holds three records with the times 100, 300 and 200.
func newHosted(t *testing.T) *bench {
	t.Helper()
	cfg, _, err := config.Load("", []string{"broker.id=1", "log.dirs=/a,/b", "log.message.timestamp.before.max.ms=9223372036854775807"})
	if err != nil {
		t.Fatal(err)
	}
	live, logger := config.NewLive(cfg), slog.New(slog.DiscardHandler)
	dirs, err := logdir.Open(logdir.Options{FS: memfs.New(), Config: live, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, client: &Client{Listener: "PLAINTEXT"}, clientID: "tester"}
	cache := metadata.NewCache("cluster")
	replicas := replica.New(replica.Options{BrokerID: 1, Config: live, Dirs: dirs, Metadata: cache, Logger: logger})
	if err := errors.Join(dirs.Claim("cluster", 1), dirs.Load(t.Context(), replicas.TopicConfig)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(replicas.Close(t.Context()), dirs.Close(t.Context(), 1)); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	store := memcoord.Open()
	t.Cleanup(func() { _ = store.Close() })
	b.store = store
	b.services = &Services{
		Config: live, Metadata: cache, Replicas: replicas, Store: clusterstore.New(store), Logger: logger,
		BrokerEpoch: func() int64 { return 40 },
	}
	if err := b.services.Store.EnsureParents(t.Context()); err != nil {
		t.Fatal(err)
	}
	session, err := store.NewSession(t.Context(), 1000)
	if err == nil {
		_, err = b.services.Store.Elect(t.Context(), session, clusterstore.ElectedController{BrokerID: 1}, 0) // epoch 1
	}
	if err != nil {
		t.Fatal(err)
	}
	b.dispatch = NewDispatch([]Row{
		b.services.listOffsetsRow(), b.services.leaderAndISRRow(), b.services.stopReplicaRow(), b.services.updateMetadataRow(),
		b.services.deleteRecordsRow(), b.services.initProducerIDRow(), b.services.offsetForLeaderEpochRow(), b.services.describeLogDirsRow(),
		b.services.describeProducersRow(),
	})
	b.tell()
	return b
}

// tell plays the controller.
func (b *bench) tell() {
	state := clusterState()
	state.BrokerEpoch = 40
	if resp := do[*kmsg.UpdateMetadataResponse](b, state); resp.ErrorCode != 0 {
		b.t.Fatal(kerr.ErrorForCode(resp.ErrorCode))
	}
	req := kmsg.NewPtrLeaderAndISRRequest()
	req.Version, req.ControllerEpoch, req.BrokerEpoch = 7, 1, 40
	for _, topic := range state.TopicStates {
		out := kmsg.LeaderAndISRRequestTopicState{Topic: topic.Topic, TopicID: topic.TopicID}
		for _, p := range topic.PartitionStates {
			if p.Leader == 1 {
				out.PartitionStates = append(out.PartitionStates, kmsg.LeaderAndISRRequestTopicPartition{Partition: p.Partition, Leader: 1,
					LeaderEpoch: 5, ISR: p.ISR, Replicas: p.Replicas, IsNew: true})
			}
		}
		req.TopicStates = append(req.TopicStates, out)
	}
	resp := do[*kmsg.LeaderAndISRResponse](b, req)
	for _, topic := range resp.Topics {
		for _, p := range topic.Partitions {
			if p.ErrorCode != 0 {
				b.t.Fatal(kerr.ErrorForCode(p.ErrorCode))
			}
		}
	}
	for i, time := range []int64{100, 300, 200} {
		data, err := record.Builder{ProducerID: 77, ProducerEpoch: 2, BaseSequence: int32(i)}.Build([]record.Record{{TimestampMs: time, Value: []byte("v")}})
		if err != nil {
			b.t.Fatal(err)
		}
		b.services.Replicas.Append(&replica.AppendRequest{Acks: -1, Partitions: []replica.AppendPartition{{Topic: "events", Records: data}}},
			func(r []replica.AppendResult) {
				if r[0].Err != nil {
					b.t.Fatal(r[0].Err)
				}
			})
	}
}

func TestListOffsets(t *testing.T) {
	b := newHosted(t)
	for _, c := range []struct {
		what      string
		topic     string
		partition int32
		time      int64
		epoch     int32
		since     int16 // before: UNSUPPORTED_VERSION
		code      *kerr.Error
		offset    int64
		at        int64
		leader    int32
	}{
		{"latest", "events", 0, -1, -1, 1, nil, 3, -1, 5},
		{"earliest", "events", 0, -2, 5, 1, nil, 0, -1, 5},
		{"earliest of an empty log", "plain", 0, -2, -1, 1, nil, 0, -1, 5},
		{"largest time", "events", 0, -3, -1, 7, nil, 1, 300, 5},
		{"earliest local", "events", 0, -4, -1, 8, nil, 0, -1, 5},
		{"latest tiered", "events", 0, -5, -1, 9, nil, -1, -1, -1},
		{"earliest pending upload", "events", 0, -6, -1, 11, nil, -1, -1, -1},
		{"unknown special", "events", 0, -7, -1, 99, kerr.UnsupportedVersion, -1, -1, -1},
		{"by time", "events", 0, 101, -1, 1, nil, 1, 300, 5},
		{"by time, none", "events", 0, 301, -1, 1, nil, -1, -1, -1},
		{"led elsewhere", "events", 2, -1, -1, 1, kerr.NotLeaderForPartition, -1, -1, -1},
		{"no such partition", "events", 3, -1, -1, 1, kerr.UnknownTopicOrPartition, -1, -1, -1},
		{"no such topic", "nothing", 0, -1, -1, 1, kerr.UnknownTopicOrPartition, -1, -1, -1},
		{"old epoch", "events", 0, -1, 4, 1, kerr.FencedLeaderEpoch, -1, -1, -1},
		{"epoch to come", "events", 0, -1, 6, 1, kerr.UnknownLeaderEpoch, -1, -1, -1},
	} {
		for version := int16(1); version <= 11; version++ {
			req := kmsg.NewPtrListOffsetsRequest()
			req.ReplicaID, req.Version = -1, version
			req.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: c.topic, Partitions: []kmsg.ListOffsetsRequestTopicPartition{
				{Partition: c.partition, Timestamp: c.time, CurrentLeaderEpoch: c.epoch}}}}
			want := c
			switch {
			case version < c.since:
				want.code, want.offset, want.at, want.leader = kerr.UnsupportedVersion, -1, -1, -1
			case version < 4 && (c.code == kerr.FencedLeaderEpoch || c.code == kerr.UnknownLeaderEpoch):
				want.code, want.offset, want.leader = nil, 3, 5
			}
			if version < 4 {
				want.leader = -1
			}
			got := do[*kmsg.ListOffsetsResponse](b, req).Topics[0].Partitions[0]
			if !is(got.ErrorCode, want.code) || got.Offset != want.offset || got.Timestamp != want.at || got.LeaderEpoch != want.leader {
				t.Errorf("%s, v%d: %+v (%v)", c.what, version, got, kerr.ErrorForCode(got.ErrorCode))
			}
		}
	}
	old := kmsg.NewPtrListOffsetsRequest()
	old.ReplicaID, old.Version = -1, 0
	for _, time := range []int64{-1, -2, 0, 1 << 50, -3} {
		old.Topics = append(old.Topics, kmsg.ListOffsetsRequestTopic{Topic: "events", Partitions: []kmsg.ListOffsetsRequestTopicPartition{
			{Timestamp: time, MaxNumOffsets: 5}, {Timestamp: time, MaxNumOffsets: 1}, {Partition: 2, Timestamp: -1}}})
	}
	var segments []string
	for _, topic := range do[*kmsg.ListOffsetsResponse](b, old).Topics {
		for _, p := range topic.Partitions {
			segments = append(segments, fmt.Sprint(p.OldStyleOffsets, p.ErrorCode))
		}
	}
	if got, want := strings.Join(segments, " "), "[3 0] 0 [3] 0 [] 6 [0] 0 [0] 0 [] 6 [] 0 [] 0 [] 6 [3 0] 0 [3] 0 [] 6 [] 35 [] 35 [] 6"; got != want {
		t.Errorf("v0: got %s, want %s", got, want)
	}
	twice := kmsg.ListOffsetsRequestTopicPartition{Timestamp: -1, CurrentLeaderEpoch: -1}
	req := kmsg.NewPtrListOffsetsRequest()
	req.Version = 5
	req.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: "events", Partitions: []kmsg.ListOffsetsRequestTopicPartition{twice}},
		{Topic: "plain", Partitions: []kmsg.ListOffsetsRequestTopicPartition{twice}},
		{Topic: "events", Partitions: []kmsg.ListOffsetsRequestTopicPartition{twice}}}
	resp := do[*kmsg.ListOffsetsResponse](b, req)
	if len(resp.Topics) != 2 || len(resp.Topics[0].Partitions) != 1 || !is(resp.Topics[0].Partitions[0].ErrorCode, kerr.InvalidRequest) ||
		!is(resp.Topics[1].Partitions[0].ErrorCode, nil) {
		t.Errorf("named twice: %+v", resp.Topics)
	}
}

func is(code int16, want *kerr.Error) bool {
	return want == nil && code == 0 || want != nil && code == want.Code
}

func TestStaleBrokerEpochs(t *testing.T) {
	b := newHosted(t)
	isr := kmsg.NewPtrLeaderAndISRRequest()
	isr.ControllerEpoch, isr.BrokerEpoch = 1, 39
	isr.TopicStates = []kmsg.LeaderAndISRRequestTopicState{{Topic: "x", TopicID: eventsID,
		PartitionStates: []kmsg.LeaderAndISRRequestTopicPartition{{Leader: 1}}}}
	stop := kmsg.NewPtrStopReplicaRequest()
	stop.ControllerEpoch, stop.BrokerEpoch = 1, 39
	update := kmsg.NewPtrUpdateMetadataRequest()
	update.ControllerEpoch, update.BrokerEpoch = 1, 39
	isr.Version, stop.Version, update.Version = 7, 3, 8
	for _, code := range []int16{do[*kmsg.LeaderAndISRResponse](b, isr).ErrorCode, do[*kmsg.StopReplicaResponse](b, stop).ErrorCode,
		do[*kmsg.UpdateMetadataResponse](b, update).ErrorCode} {
		if code != kerr.StaleBrokerEpoch.Code {
			t.Errorf("got %v", kerr.ErrorForCode(code))
		}
	}
	if len(b.services.Metadata.Image().Brokers) != 2 {
		t.Error("a request for an earlier life was heeded")
	}
	isr.BrokerEpoch, stop.BrokerEpoch = 41, -1
	if code := do[*kmsg.LeaderAndISRResponse](b, isr).ErrorCode; code != 0 {
		t.Errorf("for a life to come: %v", kerr.ErrorForCode(code))
	}
	if code := do[*kmsg.StopReplicaResponse](b, stop).ErrorCode; code != 0 {
		t.Errorf("without an epoch: %v", kerr.ErrorForCode(code))
	}
}

func TestDeleteRecordsAndDescribe(t *testing.T) {
	b := newHosted(t)
	for version := range int16(3) {
		req := kmsg.NewPtrDeleteRecordsRequest()
		req.Version = version
		for _, topic := range []string{"events", "nothing", "__consumer_offsets"} {
			req.Topics = append(req.Topics, kmsg.DeleteRecordsRequestTopic{Topic: topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{
				{Partition: 0, Offset: 1}, {Partition: 0, Offset: 9}}})
		}
		resp := do[*kmsg.DeleteRecordsResponse](b, req)
		for i, want := range [][2]*kerr.Error{{nil, kerr.OffsetOutOfRange}, {kerr.UnknownTopicOrPartition, kerr.UnknownTopicOrPartition},
			{kerr.InvalidTopicException, kerr.InvalidTopicException}} {
			for j := range want {
				got := resp.Topics[i].Partitions[j]
				if !is(got.ErrorCode, want[j]) || (got.ErrorCode == 0) != (got.LowWatermark == 1) || got.ErrorCode != 0 && got.LowWatermark != -1 {
					t.Errorf("v%d %s: %+v", version, resp.Topics[i].Topic, got)
				}
			}
		}
	}
	producers := kmsg.NewPtrDescribeProducersRequest()
	producers.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: "events", Partitions: []int32{0, 1, 2, 3}}}
	got := do[*kmsg.DescribeProducersResponse](b, producers).Topics[0].Partitions
	if len(got[0].ActiveProducers) != 1 || got[0].ActiveProducers[0].ProducerID != 77 || got[0].ActiveProducers[0].LastSequence != 2 ||
		got[0].ActiveProducers[0].ProducerEpoch != 2 || got[0].ActiveProducers[0].CurrentTxnStartOffset != -1 || len(got[1].ActiveProducers) != 0 ||
		!is(got[2].ErrorCode, kerr.NotLeaderForPartition) || !is(got[3].ErrorCode, kerr.UnknownTopicOrPartition) {
		t.Errorf("%+v", got)
	}
	for version := range int16(6) {
		req := kmsg.NewPtrDescribeLogDirsRequest()
		req.Version = version
		resp := do[*kmsg.DescribeLogDirsResponse](b, req)
		found := 0
		for _, d := range resp.Dirs {
			for _, topic := range d.Topics {
				found += len(topic.Partitions)
			}
			if version >= 4 && (d.TotalBytes <= 0 || d.UsableBytes <= 0) {
				t.Errorf("v%d: %+v", version, d)
			}
		}
		if len(resp.Dirs) != 2 || resp.Dirs[0].Dir != "/a" || found != 4 {
			t.Errorf("v%d: %+v", version, resp)
		}
		req.Topics = []kmsg.DescribeLogDirsRequestTopic{{Topic: "events", Partitions: []int32{0, 2}}}
		resp = do[*kmsg.DescribeLogDirsResponse](b, req)
		if p := resp.Dirs[0].Topics[0].Partitions; len(resp.Dirs[1].Topics) != 0 || len(p) != 1 || p[0].Size == 0 || p[0].OffsetLag != 0 || p[0].IsFuture {
			t.Errorf("v%d: %+v", version, resp)
		}
	}
}

func TestOffsetForLeaderEpoch(t *testing.T) {
	b := newHosted(t)
	for version := range int16(5) {
		req := kmsg.NewPtrOffsetForLeaderEpochRequest()
		req.Version = version
		req.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{{Topic: "events", Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{
			{Partition: 0, CurrentLeaderEpoch: -1, LeaderEpoch: 5}, {Partition: 0, CurrentLeaderEpoch: 5, LeaderEpoch: 6},
			{Partition: 0, CurrentLeaderEpoch: 4, LeaderEpoch: 5}, {Partition: 2, CurrentLeaderEpoch: -1, LeaderEpoch: 5},
			{Partition: 9, CurrentLeaderEpoch: -1, LeaderEpoch: 5},
		}}}
		got := do[*kmsg.OffsetForLeaderEpochResponse](b, req).Topics[0].Partitions
		epoch := int32(5)
		if version == 0 {
			epoch = -1
		}
		if got[0].ErrorCode != 0 || got[0].EndOffset != 3 || got[0].LeaderEpoch != epoch || got[1].ErrorCode != 0 || got[1].EndOffset != -1 {
			t.Errorf("v%d: %+v", version, got)
		}
		if version >= 2 && !is(got[2].ErrorCode, kerr.FencedLeaderEpoch) || version < 2 && got[2].ErrorCode != 0 {
			t.Errorf("v%d: %+v", version, got[2])
		}
		if !is(got[3].ErrorCode, kerr.NotLeaderForPartition) || got[3].EndOffset != -1 || !is(got[4].ErrorCode, kerr.UnknownTopicOrPartition) {
			t.Errorf("v%d: %+v", version, got[3:])
		}
	}
}

func TestInitProducerID(t *testing.T) {
	b := newHosted(t)
	empty, some := "", "some"
	next := int64(0)
	for version := range int16(6) {
		for _, c := range []struct {
			id    *string
			have  int64
			epoch int16
			want  *kerr.Error
		}{{nil, -1, -1, nil}, {nil, 4, 1, nil}, {nil, 4, -1, kerr.InvalidRequest}, {&empty, -1, -1, kerr.InvalidRequest},
			{&some, -1, -1, kerr.UnsupportedVersion}} {
			if version < 3 && c.have >= 0 {
				continue
			}
			req := kmsg.NewPtrInitProducerIDRequest()
			req.Version, req.TransactionalID, req.ProducerID, req.ProducerEpoch = version, c.id, c.have, c.epoch
			got := do[*kmsg.InitProducerIDResponse](b, req)
			wantID, wantEpoch := int64(-1), int16(-1)
			if c.want == nil {
				wantID, wantEpoch = next, 0
				next++
			}
			if !is(got.ErrorCode, c.want) || got.ProducerID != wantID || got.ProducerEpoch != wantEpoch {
				t.Errorf("v%d %+v: %+v", version, c, got)
			}
		}
	}
}

// TestInventedController: requests in the name of a controller that was never elected are refused, and those of the real one still obeyed.
func TestInventedController(t *testing.T) {
	b := newHosted(t)
	for _, epoch := range []int32{2, 1 << 30} {
		isr := kmsg.NewPtrLeaderAndISRRequest()
		isr.Version, isr.ControllerEpoch, isr.BrokerEpoch = 7, epoch, 40
		stop := kmsg.NewPtrStopReplicaRequest()
		stop.Version, stop.ControllerEpoch, stop.BrokerEpoch = 3, epoch, 40
		update := kmsg.NewPtrUpdateMetadataRequest()
		update.Version, update.ControllerEpoch, update.BrokerEpoch = 8, epoch, 40
		for key, code := range map[string]int16{
			"LeaderAndIsr":   do[*kmsg.LeaderAndISRResponse](b, isr).ErrorCode,
			"StopReplica":    do[*kmsg.StopReplicaResponse](b, stop).ErrorCode,
			"UpdateMetadata": do[*kmsg.UpdateMetadataResponse](b, update).ErrorCode,
		} {
			if code != kerr.StaleControllerEpoch.Code {
				t.Errorf("%s of epoch %d: %v", key, epoch, kerr.ErrorForCode(code))
			}
		}
	}
	// What the store does not confirm now is not answered: the real controller sends it again, and takes any answer for the last word.
	b.store.Cut()
	b.store.SetWait(1)
	unsure := kmsg.NewPtrUpdateMetadataRequest()
	unsure.Version, unsure.ControllerEpoch, unsure.BrokerEpoch = 8, 2, 40
	if o := b.start(unsure); o.answered || o.dropped == nil {
		t.Errorf("without the store: answered %v, dropped %v", o.answered, o.dropped)
	}
	b.store.Restore()
	real := clusterState()
	if code := do[*kmsg.UpdateMetadataResponse](b, real).ErrorCode; code != 0 {
		t.Errorf("the real controller: %v", kerr.ErrorForCode(code))
	}
}

// TestStopReplicaAsKafkaWritesIt: v4 has a field in another place than kmsg believes.
func TestStopReplicaAsKafkaWritesIt(t *testing.T) {
	body, err := hex.DecodeString("00000001" + "00" + "00000002" + "0000000000000028" + // controller 1, not of KRaft, its epoch 2, broker epoch 40
		"02" + "0278" + "02" + "00000003" + "fffffffe" + "01" + "00" + "00" + "00") // x-3, under deletion, to delete
	if err != nil {
		t.Fatal(err)
	}
	var got *kmsg.StopReplicaRequest
	row := (&Services{}).stopReplicaRow()
	row.Handle = func(_ *Call, r kmsg.Request) { got = r.(*kmsg.StopReplicaRequest) }
	NewDispatch([]Row{row}).Serve(&Call{Header: wire.RequestHeader{Key: row.Key, Version: 4}, Body: body, Drop: func(err error) { t.Fatal(err) }})
	if got.ControllerID != 1 || got.IsKRaftController || got.ControllerEpoch != 2 || got.BrokerEpoch != 40 {
		t.Errorf("%+v", got)
	}
	if p := got.Topics[0].PartitionStates[0]; got.Topics[0].Topic != "x" || p.Partition != 3 || p.LeaderEpoch != -2 || !p.Delete {
		t.Errorf("%+v", got.Topics)
	}
}
