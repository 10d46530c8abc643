package wire

import (
	"bytes"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func drawProduced(t *rapid.T, version int16) (ProducedPartition, kmsg.ProduceResponseTopicPartition) {
	p := ProducedPartition{
		Partition: rapid.Int32().Draw(t, "partition"), ErrorCode: rapid.Int16().Draw(t, "error"), BaseOffset: rapid.Int64().Draw(t, "base"),
		AppendTimeMs: rapid.Int64().Draw(t, "time"), LogStartOffset: rapid.Int64().Draw(t, "start"), Message: text.Draw(t, "message"),
		LeaderID: -1, LeaderEpoch: -1,
	}
	if rapid.Bool().Draw(t, "leader") {
		p.LeaderID, p.LeaderEpoch = rapid.Int32Range(-1, 5).Draw(t, "id"), rapid.Int32Range(0, 5).Draw(t, "epoch")
	}
	k := kmsg.NewProduceResponseTopicPartition()
	k.Partition, k.ErrorCode, k.BaseOffset, k.LogAppendTime = p.Partition, p.ErrorCode, p.BaseOffset, p.AppendTimeMs
	k.LogStartOffset, k.ErrorMessage = p.LogStartOffset, nullable(p.Message)
	if version >= 10 {
		k.CurrentLeader.LeaderID, k.CurrentLeader.LeaderEpoch = p.LeaderID, p.LeaderEpoch
	}
	for range rapid.IntRange(0, 2).Draw(t, "record errors") {
		e := ProduceRecordError{rapid.Int32().Draw(t, "index"), text.Draw(t, "text")}
		p.RecordErrors = append(p.RecordErrors, e)
		k.ErrorRecords = append(k.ErrorRecords,
			kmsg.ProduceResponseTopicPartitionErrorRecord{RelativeOffset: e.Index, ErrorMessage: nullable(e.Message)})
	}
	return p, k
}

func TestProduceReplyIsKmsgs(t *testing.T) {
	var r ProduceReply
	rapid.Check(t, func(t *rapid.T) {
		version := int16(rapid.IntRange(3, 13).Draw(t, "version"))
		want := kmsg.NewPtrProduceResponse()
		want.Version, want.ThrottleMillis = version, rapid.Int32().Draw(t, "throttle")
		topics := rapid.IntRange(0, 3).Draw(t, "topics")
		r.Begin(nil, version, topics)
		for range topics {
			kt := kmsg.NewProduceResponseTopic()
			kt.Topic = text.Draw(t, "name")
			kt.TopicID[5] = rapid.Byte().Draw(t, "id")
			partitions := rapid.IntRange(0, 3).Draw(t, "partitions")
			r.Topic(kt.Topic, kt.TopicID, partitions)
			for range partitions {
				p, k := drawProduced(t, version)
				r.Partition(&p)
				kt.Partitions = append(kt.Partitions, k)
			}
			r.EndTopic()
			want.Topics = append(want.Topics, kt)
		}
		var nodes []Node
		if version >= 10 {
			nodes = drawNodes(t)
			for _, n := range nodes {
				want.Brokers = append(want.Brokers, kmsg.ProduceResponseBroker{NodeID: n.ID, Host: n.Host, Port: n.Port, Rack: n.Rack})
			}
		}
		if got := r.Finish(want.ThrottleMillis, nodes); !bytes.Equal(got, want.AppendTo(nil)) {
			t.Fatalf("version %d:\n got %x\nwant %x", version, got, want.AppendTo(nil))
		}
	})
}
