package api

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/admin"
	"milena/internal/clusterstore"
	"milena/internal/coord/memcoord"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// adminBench is a bench with an Admin over a store in memory that has the topic plain.
func adminBench(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	store := clusterstore.New(memcoord.Open())
	if err := store.EnsureParents(context.Background()); err != nil {
		t.Fatal(err)
	}
	plain := &clusterstore.Topic{Name: "plain", ID: plainID, Partitions: []clusterstore.Assignment{{Replicas: []int32{1}}}}
	if err := store.CreateTopic(context.Background(), plain, nil); err != nil {
		t.Fatal(err)
	}
	s := b.services
	s.Store = store
	s.Admin = admin.New(admin.Options{
		Store: store, Metadata: s.Metadata, Config: s.Config, Logger: s.Logger, NewID: func() [16]byte { return [16]byte{7} },
		Loggers: admin.NewLoggers(new(slog.LevelVar)),
	})
	b.dispatch = NewDispatch([]Row{s.createTopicsRow(), s.deleteTopicsRow(), s.describeConfigsRow(), s.alterConfigsRow(),
		s.createPartitionsRow(), s.incrementalAlterConfigsRow()})
	t.Cleanup(func() {
		s.Admin.Close()
		_ = store.Coord().Close()
	})
	return b
}

// ask hands in a request and waits for its answer.
func ask[R kmsg.Response](b *bench, req kmsg.Request) R {
	b.t.Helper()
	o := b.start(req)
	<-time.After(time.Second) // virtual
	synctest.Wait()
	if !o.answered {
		b.t.Fatalf("not answered: dropped %v", o.dropped)
	}
	return decoded[R](b, req, o)
}

// eachVersion runs f for every version that a row serves, each over a fresh bench.
func eachVersion(t *testing.T, row func(*Services) Row, f func(t *testing.T, b *bench, version int16)) {
	row0 := row(&Services{})
	for version := row0.Min; version <= row0.Max; version++ {
		synctest.Test(t, func(t *testing.T) { f(t, adminBench(t), version) })
	}
}

func TestCreateTopicsOfEveryVersion(t *testing.T) {
	eachVersion(t, (*Services).createTopicsRow, func(t *testing.T, b *bench, version int16) {
		req := kmsg.NewPtrCreateTopicsRequest()
		req.Version, req.ValidateOnly, req.TimeoutMillis = version, true, 1
		for _, name := range []string{"fresh", "events", "twice", "twice"} {
			topic := kmsg.NewCreateTopicsRequestTopic()
			topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, 3, 2
			req.Topics = append(req.Topics, topic)
		}
		resp := ask[*kmsg.CreateTopicsResponse](b, req)
		codes := map[string]int16{}
		for _, topic := range resp.Topics {
			codes[topic.Topic] = topic.ErrorCode
			if topic.Topic != "fresh" {
				continue
			}
			if version >= 5 && (topic.NumPartitions != 3 || topic.ReplicationFactor != 2 || len(topic.Configs) == 0) {
				t.Errorf("v%d: %+v", version, topic)
			}
			if version >= 7 && topic.TopicID != [16]byte{7} {
				t.Errorf("v%d: id %v", version, topic.TopicID)
			}
		}
		fresh := int16(0)
		if version == 0 {
			fresh = kerr.RequestTimedOut.Code // v0 cannot ask for validation alone, and nobody makes the leaders here
		}
		if len(codes) != 3 || codes["fresh"] != fresh || codes["events"] != kerr.TopicAlreadyExists.Code || codes["twice"] != kerr.InvalidRequest.Code {
			t.Errorf("v%d: %v", version, codes)
		}
	})
}

func TestDeleteTopicsByNameAndID(t *testing.T) {
	eachVersion(t, (*Services).deleteTopicsRow, func(t *testing.T, b *bench, version int16) {
		req := kmsg.NewPtrDeleteTopicsRequest()
		req.Version = version
		name := "nope"
		if version < 6 {
			req.TopicNames = []string{name}
		} else {
			req.Topics = []kmsg.DeleteTopicsRequestTopic{{Topic: &name}, {TopicID: [16]byte{99}}, {}, {Topic: &name, TopicID: [16]byte{1}}}
		}
		resp := ask[*kmsg.DeleteTopicsResponse](b, req)
		var codes []int16
		for _, topic := range resp.Topics {
			codes = append(codes, topic.ErrorCode)
		}
		want := []int16{kerr.UnknownTopicOrPartition.Code}
		if version >= 6 {
			want = append(want, kerr.UnknownTopicID.Code, kerr.InvalidRequest.Code, kerr.InvalidRequest.Code)
		}
		for i := range want {
			if len(codes) != len(want) || codes[i] != want[i] {
				t.Fatalf("v%d: %v, want %v", version, codes, want)
			}
		}
	})
}

func TestCreatePartitionsOfEveryVersion(t *testing.T) {
	eachVersion(t, (*Services).createPartitionsRow, func(t *testing.T, b *bench, version int16) {
		req := kmsg.NewPtrCreatePartitionsRequest()
		req.Version, req.ValidateOnly = version, true
		req.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: "plain", Count: 3}, {Topic: "nope", Count: 3}}
		resp := ask[*kmsg.CreatePartitionsResponse](b, req)
		if len(resp.Topics) != 2 || resp.Topics[0].ErrorCode != 0 || resp.Topics[1].ErrorCode != kerr.UnknownTopicOrPartition.Code {
			t.Errorf("v%d: %+v", version, resp.Topics)
		}
	})
}

func TestConfigsOfEveryVersion(t *testing.T) {
	eachVersion(t, (*Services).describeConfigsRow, func(t *testing.T, b *bench, version int16) {
		value := "42"
		for alter := range int16(3) {
			change := kmsg.NewPtrAlterConfigsRequest()
			change.Version = alter
			change.Resources = []kmsg.AlterConfigsRequestResource{{ResourceType: 2, ResourceName: "plain",
				Configs: []kmsg.AlterConfigsRequestResourceConfig{{Name: "retention.ms", Value: &value}}}}
			if resp := ask[*kmsg.AlterConfigsResponse](b, change); resp.Resources[0].ErrorCode != 0 {
				t.Fatalf("%+v", resp)
			}
		}
		for incremental := range int16(2) {
			change := kmsg.NewPtrIncrementalAlterConfigsRequest()
			change.Version = incremental
			change.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: 2, ResourceName: "plain",
				Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "flush.ms", Value: &value}}}}
			if resp := ask[*kmsg.IncrementalAlterConfigsResponse](b, change); resp.Resources[0].ErrorCode != 0 {
				t.Fatalf("%+v", resp)
			}
		}
		req := kmsg.NewPtrDescribeConfigsRequest()
		req.Version, req.IncludeSynonyms, req.IncludeDocumentation = version, true, true
		req.Resources = []kmsg.DescribeConfigsRequestResource{
			{ResourceType: 2, ResourceName: "plain", ConfigNames: []string{"retention.ms", "flush.ms", "segment.bytes"}},
			{ResourceType: 4, ResourceName: "1"}, {ResourceType: 8, ResourceName: "1"}, {ResourceType: 4, ResourceName: "9"},
		}
		resp := ask[*kmsg.DescribeConfigsResponse](b, req)
		configs := resp.Resources[0].Configs
		if len(configs) != 3 || *configs[0].Value != "42" || *configs[1].Value != "42" {
			t.Fatalf("v%d: %+v", version, configs)
		}
		if configs[0].IsDefault || configs[2].IsDefault { // Kafka never says so
			t.Errorf("v%d: defaults: %+v", version, configs)
		}
		if version >= 1 && (configs[1].Source != 1 || len(configs[1].ConfigSynonyms) == 0) {
			t.Errorf("v%d: %+v", version, configs[1])
		}
		if version >= 3 && (configs[1].ConfigType != kmsg.ConfigTypeLong || configs[1].Documentation == nil) {
			t.Errorf("v%d: %+v", version, configs[1])
		}
		if len(resp.Resources[1].Configs) < 100 || len(resp.Resources[2].Configs) != 1 || resp.Resources[3].ErrorCode != kerr.InvalidRequest.Code {
			t.Errorf("v%d: %d broker keys, %d loggers, code %d", version, len(resp.Resources[1].Configs), len(resp.Resources[2].Configs),
				resp.Resources[3].ErrorCode)
		}
	})
}
