package wire

import (
	"bytes"
	"strings"
	"testing"

	"milena/internal/vfs"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

// memoryFile is a file of bytes.
type memoryFile struct {
	vfs.File
	*bytes.Reader
}

func (m memoryFile) ReadAt(b []byte, off int64) (int, error) { return m.Reader.ReadAt(b, off) }
func (m memoryFile) Size() (int64, error)                    { return m.Reader.Size(), nil }

// flatten reads a reply as the network would see it.
func flatten(t interface{ Fatal(...any) }, r *Reply) []byte {
	var b []byte
	for _, p := range r.Parts {
		if p.File.File == nil {
			b = append(b, p.Bytes...)
			continue
		}
		piece := make([]byte, p.File.Size)
		if _, err := p.File.File.ReadAt(piece, p.File.Offset); err != nil {
			t.Fatal(err)
		}
		b = append(b, piece...)
	}
	if len(b) != r.SizeBytes() {
		t.Fatal("SizeBytes is wrong")
	}
	return b
}

var text = rapid.StringMatching(`[a-z.]{0,40}`)

// drawPartition makes a partition for both encoders.
func drawPartition(t *rapid.T, version int16) (FetchPartition, kmsg.FetchResponseTopicPartition) {
	p := FetchPartition{
		Partition: rapid.Int32().Draw(t, "partition"), ErrorCode: rapid.Int16().Draw(t, "error"),
		HighWatermark: rapid.Int64().Draw(t, "hw"), LastStableOffset: rapid.Int64().Draw(t, "lso"),
		LogStartOffset: rapid.Int64().Draw(t, "start"), NoAborted: rapid.Bool().Draw(t, "null aborted"),
		PreferredReplica: rapid.Int32Range(-1, 9).Draw(t, "preferred"), DivergingEpoch: -1, LeaderID: -1, LeaderEpoch: -1,
	}
	k := kmsg.NewFetchResponseTopicPartition()
	k.Partition, k.ErrorCode, k.HighWatermark, k.LastStableOffset = p.Partition, p.ErrorCode, p.HighWatermark, p.LastStableOffset
	k.LogStartOffset, k.PreferredReadReplica = p.LogStartOffset, p.PreferredReplica
	if !p.NoAborted {
		k.AbortedTransactions = []kmsg.FetchResponseTopicPartitionAbortedTransaction{}
		for range rapid.IntRange(0, 3).Draw(t, "aborted") {
			a := FetchAborted{rapid.Int64().Draw(t, "producer"), rapid.Int64().Draw(t, "first")}
			p.Aborted = append(p.Aborted, a)
			k.AbortedTransactions = append(k.AbortedTransactions,
				kmsg.FetchResponseTopicPartitionAbortedTransaction{ProducerID: a.ProducerID, FirstOffset: a.FirstOffset})
		}
	}
	if rapid.Bool().Draw(t, "diverging") {
		p.DivergingEpoch, p.DivergingEndOffset = rapid.Int32Range(0, 99).Draw(t, "epoch"), rapid.Int64().Draw(t, "end")
		k.DivergingEpoch.Epoch, k.DivergingEpoch.EndOffset = p.DivergingEpoch, p.DivergingEndOffset
	}
	if rapid.Bool().Draw(t, "leader") {
		p.LeaderID, p.LeaderEpoch = rapid.Int32Range(-1, 9).Draw(t, "id"), rapid.Int32Range(0, 9).Draw(t, "leader epoch")
		k.CurrentLeader.LeaderID, k.CurrentLeader.LeaderEpoch = p.LeaderID, p.LeaderEpoch
	}
	k.RecordBatches = []byte{}
	for range rapid.IntRange(0, 3).Draw(t, "ranges") {
		data := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "data")
		from := rapid.IntRange(0, len(data)-1).Draw(t, "from")
		file := memoryFile{Reader: bytes.NewReader(data)}
		p.Records = append(p.Records, vfs.Range{File: file, Offset: int64(from), Size: len(data) - from})
		k.RecordBatches = append(k.RecordBatches, data[from:]...)
	}
	return p, k
}

func drawNodes(t *rapid.T) (nodes []Node) {
	for range rapid.IntRange(0, 2).Draw(t, "nodes") {
		n := Node{ID: rapid.Int32().Draw(t, "id"), Host: text.Draw(t, "host"), Port: rapid.Int32().Draw(t, "port")}
		if rapid.Bool().Draw(t, "rack") {
			rack := strings.Repeat("r", rapid.IntRange(0, 200).Draw(t, "rack length"))
			n.Rack = &rack
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// TestFetchReplyIsKmsgs encodes what kmsg encodes, in every version, with one encoder used again and again.
func TestFetchReplyIsKmsgs(t *testing.T) {
	var f FetchReply
	rapid.Check(t, func(t *rapid.T) {
		version := int16(rapid.IntRange(4, 18).Draw(t, "version"))
		want := kmsg.NewPtrFetchResponse()
		want.Version, want.ErrorCode, want.SessionID = version, rapid.Int16().Draw(t, "error"), rapid.Int32().Draw(t, "session")
		want.ThrottleMillis = rapid.Int32().Draw(t, "throttle")
		topics := rapid.IntRange(0, 3).Draw(t, "topics")
		f.Begin(version, want.ThrottleMillis, want.ErrorCode, want.SessionID, topics)
		for range topics {
			kt := kmsg.NewFetchResponseTopic()
			kt.Topic = text.Draw(t, "name")
			copy(kt.TopicID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
			partitions := rapid.IntRange(0, 3).Draw(t, "partitions")
			f.Topic(kt.Topic, kt.TopicID, partitions)
			for range partitions {
				p, k := drawPartition(t, version)
				f.Partition(&p)
				kt.Partitions = append(kt.Partitions, k)
			}
			f.EndTopic()
			want.Topics = append(want.Topics, kt)
		}
		var nodes []Node
		if version >= 16 {
			nodes = drawNodes(t)
			for _, n := range nodes {
				want.Brokers = append(want.Brokers, kmsg.FetchResponseBroker{NodeID: n.ID, Host: n.Host, Port: n.Port, Rack: n.Rack})
			}
		}
		var reply Reply
		f.Finish(nodes, &reply)
		if got := flatten(t, &reply); !bytes.Equal(got, want.AppendTo(nil)) {
			t.Fatalf("version %d:\n got %x\nwant %x", version, got, want.AppendTo(nil))
		}
	})
}

func TestFetchReplyAllocates(t *testing.T) {
	file := memoryFile{Reader: bytes.NewReader(make([]byte, 1000))}
	ranges := []vfs.Range{{File: file, Size: 1000}}
	var f FetchReply
	reply := Reply{Parts: make([]Part, 0, 64)}
	if n := testing.AllocsPerRun(100, func() {
		reply.Parts = reply.Parts[:0]
		f.Begin(17, 0, 0, 1, 1)
		f.Topic("", [16]byte{1}, 10)
		for i := range int32(10) {
			f.Partition(&FetchPartition{Partition: i, DivergingEpoch: -1, LeaderID: -1, LeaderEpoch: -1, Records: ranges})
		}
		f.EndTopic()
		f.Finish(nil, &reply)
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}
