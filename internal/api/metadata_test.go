package api

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"milena/internal/config"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func metadataRequest(version int16, names ...string) *kmsg.MetadataRequest {
	req := kmsg.NewPtrMetadataRequest()
	req.Version, req.Topics = version, []kmsg.MetadataRequestTopic{}
	for _, name := range names {
		req.Topics = append(req.Topics, kmsg.MetadataRequestTopic{Topic: &name})
	}
	return req
}

// summary is "name:error[partition:leader…]…".
func summary(resp *kmsg.MetadataResponse) string {
	var all []string
	for _, t := range resp.Topics {
		name := "?"
		if t.Topic != nil {
			name = *t.Topic
		}
		var parts []string
		for _, p := range t.Partitions {
			parts = append(parts, fmt.Sprintf("%d:%d", p.Partition, p.Leader))
		}
		all = append(all, fmt.Sprintf("%s:%d[%s]", name, t.ErrorCode, strings.Join(parts, " ")))
	}
	return strings.Join(all, " ")
}

func TestMetadataInEveryVersion(t *testing.T) {
	b := newBench(t)
	for version := int16(0); version <= 13; version++ {
		resp := do[*kmsg.MetadataResponse](b, metadataRequest(version, "events", "events", "nowhere", "bad name"))
		if got, want := summary(resp), "events:0[0:1 1:1 2:2] nowhere:3[] bad name:17[]"; got != want {
			t.Fatalf("version %d: %s, want %s", version, got, want)
		}
		if len(resp.Brokers) != 2 || resp.Brokers[0].Host != "one" || resp.Brokers[1].Host != "two" || resp.Brokers[1].Port != 9092 {
			t.Fatalf("version %d: brokers %+v", version, resp.Brokers)
		}
		if version >= 2 && (*resp.ClusterID != "cluster" || resp.ControllerID != 1) {
			t.Fatalf("version %d: %+v", version, resp)
		}
		if version >= 10 && resp.Topics[0].TopicID != eventsID {
			t.Fatalf("version %d: topic id %x", version, resp.Topics[0].TopicID)
		}
	}
}

func TestMetadataOfAllOrNoTopics(t *testing.T) {
	b := newBench(t)
	all := "__consumer_offsets:0[0:1] events:0[0:1 1:1 2:2] plain:0[0:1]"
	for version := int16(0); version <= 13; version++ {
		none := metadataRequest(version)
		want := ""
		if version == 0 {
			want = all
		}
		resp := do[*kmsg.MetadataResponse](b, none)
		if got := summary(resp); got != want {
			t.Errorf("version %d, an empty list: %q", version, got)
		}
		if version > 0 {
			none.Topics = nil
			resp = do[*kmsg.MetadataResponse](b, none)
			if got := summary(resp); got != all || !resp.Topics[0].IsInternal || resp.Topics[1].IsInternal {
				t.Errorf("version %d, null: %q", version, got)
			}
		}
	}
}

func TestMetadataByID(t *testing.T) {
	b := newBench(t)
	for version, want := range map[int16]string{11: ":42[] :42[]", 12: "plain:0[0:1] ?:100[]", 13: "plain:0[0:1] ?:100[]"} {
		req := metadataRequest(version)
		req.Topics = append(req.Topics, kmsg.MetadataRequestTopic{TopicID: plainID}, kmsg.MetadataRequestTopic{TopicID: [16]byte{88}})
		if version < 12 {
			req.Topics[0].Topic, req.Topics[1].Topic = new(string), new(string)
		}
		if got := summary(do[*kmsg.MetadataResponse](b, req)); got != want {
			t.Errorf("version %d: %q, want %q", version, got, want)
		}
	}
}

func TestMetadataTellsAuthorizedOperations(t *testing.T) {
	b := newBench(t)
	req := metadataRequest(8, "plain")
	if resp := do[*kmsg.MetadataResponse](b, req); resp.AuthorizedOperations != -1<<31 || resp.Topics[0].AuthorizedOperations != -1<<31 {
		t.Errorf("nobody asked: %+v", resp)
	}
	req.IncludeClusterAuthorizedOperations, req.IncludeTopicAuthorizedOperations = true, true
	if resp := do[*kmsg.MetadataResponse](b, req); resp.AuthorizedOperations != 8096 || resp.Topics[0].AuthorizedOperations != 3576 {
		t.Errorf("asked: %+v", resp)
	}
}

// autoCreate notes what is to be made; "full" cannot be.
type autoCreate struct{ asked []string }

func (a *autoCreate) AutoCreate(topics []string) []error {
	a.asked = append(a.asked, topics...)
	errs := make([]error, len(topics))
	for i, name := range topics {
		if name == "full" {
			errs[i] = kerr.InvalidReplicationFactor
		}
	}
	return errs
}

func TestMetadataCreatesTopics(t *testing.T) {
	b := newBench(t)
	creator := &autoCreate{}
	b.services.AutoCreate = creator
	for _, c := range []struct {
		version       int16
		allow, config bool
		want, asked   string
	}{
		{3, false, true, "a:5[] full:38[] not/a/name:17[]", "[a full]"},
		{4, true, true, "a:5[] full:38[] not/a/name:17[]", "[a full]"},
		{12, false, true, "a:3[] full:3[] not/a/name:17[]", "[]"},
		{12, true, false, "a:3[] full:3[] not/a/name:17[]", "[]"},
	} {
		creator.asked = nil
		cfg := *b.services.Config.Broker()
		cfg.AutoCreateTopics = c.config
		b.services.Config.Replace(&cfg)
		req := metadataRequest(c.version, "a", "full", "not/a/name")
		req.AllowAutoTopicCreation = c.allow
		resp := do[*kmsg.MetadataResponse](b, req)
		got := strings.Split(summary(resp), " ")
		for _, part := range strings.Split(c.want, " ") {
			if !strings.Contains(" "+strings.Join(got, " ")+" ", " "+part+" ") {
				t.Errorf("version %d: %v lacks %s", c.version, got, part)
			}
		}
		if fmt.Sprint(creator.asked) != c.asked {
			t.Errorf("version %d asked for %v", c.version, creator.asked)
		}
	}
}

func TestMetadataOfADeadLeader(t *testing.T) {
	b := newBench(t)
	state := clusterState()
	state.LiveBrokers = state.LiveBrokers[:1]
	b.services.Metadata.Update(state)
	for version, want := range map[int16]int16{0: kerr.LeaderNotAvailable.Code, 12: kerr.LeaderNotAvailable.Code} {
		p := do[*kmsg.MetadataResponse](b, metadataRequest(version, "events")).Topics[0].Partitions
		if p[2].ErrorCode != want || p[2].Leader != -1 {
			t.Errorf("version %d: %+v", version, p[2])
		}
		if version == 0 && (p[0].ErrorCode != kerr.ReplicaNotAvailable.Code || len(p[0].Replicas) != 1) {
			t.Errorf("version 0 is told of dead replicas: %+v", p[0])
		}
		if version > 0 && (p[0].ErrorCode != 0 || len(p[0].Replicas) != 2) {
			t.Errorf("version %d: %+v", version, p[0])
		}
	}
	b.client.Listener = "OTHER"
	p := do[*kmsg.MetadataResponse](b, metadataRequest(6, "plain"))
	if len(p.Brokers) != 0 || p.Topics[0].Partitions[0].ErrorCode != kerr.ListenerNotFound.Code {
		t.Errorf("another listener: %+v", p)
	}
}

// TestTheReachedAddressIsTold: without advertised.listeners a client goes on using the address it came by.
func TestTheReachedAddressIsTold(t *testing.T) {
	for _, c := range []struct{ local, listener, want string }{
		{"192.0.2.7:9092", "", "192.0.2.7:9092"},
		{"192.0.2.7:9092", "0.0.0.0", "192.0.2.7:9092"},
		{"127.0.0.1:40001", "localhost", "localhost:40001"},
		{"[::1]:9092", "::", "::1:9092"},
		{"[fe80::1]:9092", "", "fe80::1:9092"},
		{"[::ffff:10.0.0.1]:9092", "", "10.0.0.1:9092"},
	} {
		b := newBench(t)
		cfg := *b.services.Config.Broker()
		cfg.AdvertisedListeners = nil
		b.services.Config = config.NewLive(&cfg)
		b.client.Local, b.client.ListenerHost = tcpAddr(c.local), c.listener
		brokers := do[*kmsg.MetadataResponse](b, metadataRequest(12)).Brokers
		if got := fmt.Sprintf("%s:%d", brokers[0].Host, brokers[0].Port); got != c.want {
			t.Errorf("%s on %q: told %s, want %s", c.local, c.listener, got, c.want)
		}
		if brokers[1].Host != "two" {
			t.Errorf("another broker: %+v", brokers[1])
		}
	}
}

func TestDescribeCluster(t *testing.T) {
	b := newBench(t)
	for version := int16(0); version <= 2; version++ {
		req := kmsg.NewPtrDescribeClusterRequest()
		req.Version, req.IncludeClusterAuthorizedOperations, req.EndpointType = version, true, 1
		resp := do[*kmsg.DescribeClusterResponse](b, req)
		if resp.ClusterID != "cluster" || resp.ControllerID != 1 || len(resp.Brokers) != 2 || resp.ClusterAuthorizedOperations != 8096 {
			t.Errorf("version %d: %+v", version, resp)
		}
		for endpoint, want := range map[int8]int16{2: kerr.MismatchedEndpointType.Code, 3: kerr.UnsupportedEndpointType.Code} {
			req.EndpointType = endpoint
			if resp := do[*kmsg.DescribeClusterResponse](b, req); version >= 1 && resp.ErrorCode != want {
				t.Errorf("version %d, endpoint type %d: %+v", version, endpoint, resp)
			}
		}
	}
}

func TestDescribeTopicPartitionsPages(t *testing.T) {
	b := newBench(t)
	var pages []string
	req := kmsg.NewPtrDescribeTopicPartitionsRequest()
	req.ResponsePartitionLimit = 2
	for range 10 {
		resp := do[*kmsg.DescribeTopicPartitionsResponse](b, req)
		var page []string
		for _, topic := range resp.Topics {
			for _, p := range topic.Partitions {
				page = append(page, fmt.Sprintf("%s-%d", *topic.Topic, p.Partition))
			}
		}
		pages = append(pages, strings.Join(page, " "))
		if resp.NextCursor == nil {
			break
		}
		req.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: resp.NextCursor.Topic, Partition: resp.NextCursor.Partition}
	}
	if got, want := strings.Join(pages, "; "), "__consumer_offsets-0 events-0; events-1 events-2; plain-0"; got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	req.Topics = []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: "plain"}, {Topic: "nowhere"}, {Topic: "bad name"}}
	req.Cursor = nil
	resp := do[*kmsg.DescribeTopicPartitionsResponse](b, req)
	var codes []int16
	for _, topic := range resp.Topics {
		codes = append(codes, topic.ErrorCode)
	}
	if fmt.Sprint(codes) != "[17 3 0]" {
		t.Errorf("codes %v", codes)
	}
	req.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: "events"}
	if resp := do[*kmsg.DescribeTopicPartitionsResponse](b, req); resp.Topics[0].ErrorCode != kerr.InvalidRequest.Code {
		t.Errorf("a cursor outside the list: %+v", resp)
	}
}

func TestUnknownErrorsAreLogged(t *testing.T) {
	b := newBench(t)
	if code := b.services.code(errors.New("new")); code != -1 {
		t.Errorf("code %d", code)
	}
	if code := b.services.code(fmt.Errorf("wrapped: %w", kerr.OffsetOutOfRange)); code != 1 {
		t.Errorf("code %d", code)
	}
}
