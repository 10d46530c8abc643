package wire

import (
	"bytes"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

// same compares what Produce decoded with what kmsg did.
func same(p *Produce, want *kmsg.ProduceRequest) string {
	switch {
	case p.Transactional != (want.TransactionID != nil), p.Transactional && p.TransactionalID != *want.TransactionID:
		return "transactional id"
	case p.Acks != want.Acks, p.TimeoutMs != want.TimeoutMillis:
		return "acks or timeout"
	case len(p.Topics) != len(want.Topics):
		return "count of topics"
	}
	for i, wt := range want.Topics {
		pt := p.Topics[i]
		if pt.Name != wt.Topic || pt.ID != wt.TopicID || pt.End-pt.First != len(wt.Partitions) {
			return "topic"
		}
		for j, wp := range wt.Partitions {
			got := p.Partitions[pt.First+j]
			if got.Partition != wp.Partition || !bytes.Equal(got.Records, wp.Records) || (got.Records == nil) != (wp.Records == nil) {
				return "partition"
			}
		}
	}
	return ""
}

func TestProduceIsKmsgs(t *testing.T) {
	var p Produce
	rapid.Check(t, func(t *rapid.T) {
		req := kmsg.NewPtrProduceRequest()
		req.Version = int16(rapid.IntRange(3, 13).Draw(t, "version"))
		req.Acks, req.TimeoutMillis = rapid.Int16().Draw(t, "acks"), rapid.Int32().Draw(t, "timeout")
		if rapid.Bool().Draw(t, "transactional") {
			id := text.Draw(t, "id")
			req.TransactionID = &id
		}
		for range rapid.IntRange(0, 3).Draw(t, "topics") {
			topic := kmsg.NewProduceRequestTopic()
			if req.Version >= 13 {
				topic.TopicID[3] = rapid.Byte().Draw(t, "topic id")
			} else {
				topic.Topic = text.Draw(t, "name")
			}
			for range rapid.IntRange(0, 3).Draw(t, "partitions") {
				part := kmsg.NewProduceRequestTopicPartition()
				part.Partition = rapid.Int32().Draw(t, "partition")
				if rapid.Bool().Draw(t, "records") {
					part.Records = rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "bytes")
				}
				topic.Partitions = append(topic.Partitions, part)
			}
			req.Topics = append(req.Topics, topic)
		}
		if err := p.Decode(req.AppendTo(nil), req.Version); err != nil {
			t.Fatal(err)
		}
		if what := same(&p, req); what != "" {
			t.Fatalf("version %d: %s differs: %+v, want %+v", req.Version, what, p, req)
		}
	})
}

func produceBody(version int16) []byte {
	req := kmsg.NewPtrProduceRequest()
	req.Version = version
	topic := kmsg.NewProduceRequestTopic()
	if version < 13 {
		topic.Topic = "topic"
	}
	for i := range int32(3) {
		topic.Partitions = append(topic.Partitions, kmsg.ProduceRequestTopicPartition{Partition: i, Records: make([]byte, 100)})
	}
	req.Topics = append(req.Topics, topic)
	return req.AppendTo(nil)
}

func TestProduceDecodesWithoutAllocating(t *testing.T) {
	for _, version := range []int16{3, 9, 13} {
		body := produceBody(version)
		var p Produce
		if n := testing.AllocsPerRun(100, func() {
			if err := p.Decode(body, version); err != nil {
				t.Fatal(err)
			}
			p.Reset()
		}); n != 0 {
			t.Errorf("version %d: %v allocations", version, n)
		}
	}
}

// TestProduceRefusesCutBodies cuts a body at every byte.
func TestProduceRefusesCutBodies(t *testing.T) {
	for _, version := range []int16{3, 9, 13} {
		body := produceBody(version)
		for n := range body {
			var p Produce
			if err := p.Decode(body[:n], version); err == nil {
				t.Fatalf("version %d: %d of %d bytes were taken for a whole body", version, n, len(body))
			}
		}
	}
}

// FuzzProduce: what kmsg refuses is refused, what it takes is taken as it takes it, and memory is bounded by the input.
func FuzzProduce(f *testing.F) {
	for _, version := range []int16{3, 8, 9, 12, 13} {
		f.Add(version, produceBody(version))
	}
	f.Add(int16(9), []byte{0, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add(int16(3), []byte{0xff, 0xff, 0, 1, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, version int16, body []byte) {
		if version < 3 || version > 13 {
			return
		}
		var p Produce
		err := p.Decode(body, version)
		if len(p.Partitions) > len(body) || len(p.Topics) > len(body) {
			t.Fatal("more partitions than bytes")
		}
		want := kmsg.NewPtrProduceRequest()
		want.Version = version
		if kerr := want.ReadFrom(body); err == nil && kerr == nil {
			if what := same(&p, want); what != "" {
				t.Fatalf("%s differs", what)
			}
		}
	})
}
