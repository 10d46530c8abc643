package api

import (
	"bytes"
	"log/slog"
	"net"
	"testing"

	"milena/internal/config"
	"milena/internal/coord/memcoord"
	"milena/internal/metadata"
	"milena/internal/record"
	"milena/internal/replica"
	"milena/internal/vfs"
	"milena/internal/wire"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fakeData stands for the hosted partitions.
type fakeData struct {
	append func(req *replica.AppendRequest, done func([]replica.AppendResult))
	fetch  func(req *replica.FetchRequest, done func([]replica.FetchResult)) (cancel func())
}

func (d *fakeData) Append(req *replica.AppendRequest, done func([]replica.AppendResult)) {
	d.append(req, done)
}

func (d *fakeData) Fetch(req *replica.FetchRequest, done func([]replica.FetchResult)) (cancel func()) {
	return d.fetch(req, done)
}

// bench is a table over a fake of everything below: two brokers, of which this one is 1; topic events with partitions 0 and 1 led here and
// 2 led by broker 2; topic plain; __consumer_offsets.
type bench struct {
	t        testing.TB
	services *Services
	data     *fakeData
	dispatch *Dispatch
	client   *Client
	clientID string
	store    *memcoord.Client
}

var (
	eventsID = metadata.TopicID{1}
	plainID  = metadata.TopicID{2}
)

func newBench(t testing.TB) *bench {
	t.Helper()
	cfg, _, err := config.Load("", []string{"node.id=1", "advertised.listeners=PLAINTEXT://one:9092"})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, data: &fakeData{}, client: &Client{Listener: "PLAINTEXT"}, clientID: "tester"}
	b.services = &Services{
		Config: config.NewLive(cfg), Metadata: metadata.NewCache("cluster"), Data: b.data, Logger: slog.New(slog.DiscardHandler),
	}
	b.services.Metadata.Update(clusterState())
	b.dispatch = NewDispatch([]Row{
		b.services.produceRow(), b.services.fetchRow(), b.services.metadataRow(), b.services.describeClusterRow(),
		b.services.describeTopicPartitionsRow(), b.services.apiVersionsRow(b.services.Table),
	})
	return b
}

func clusterState() *kmsg.UpdateMetadataRequest {
	req := kmsg.NewPtrUpdateMetadataRequest()
	req.Version, req.ControllerID, req.ControllerEpoch = 8, 1, 1
	rack := "r2"
	for id, host := range []string{1: "one", 2: "two"} {
		if id == 0 {
			continue
		}
		live := kmsg.NewUpdateMetadataRequestLiveBroker()
		live.ID = int32(id)
		if id == 2 {
			live.Rack = &rack
		}
		endpoint := kmsg.NewUpdateMetadataRequestLiveBrokerEndpoint()
		endpoint.Host, endpoint.Port, endpoint.ListenerName = host, 9092, "PLAINTEXT"
		live.Endpoints = append(live.Endpoints, endpoint)
		req.LiveBrokers = append(req.LiveBrokers, live)
	}
	topic := func(name string, id metadata.TopicID, leaders ...int32) {
		t := kmsg.NewUpdateMetadataRequestTopicState()
		t.Topic, t.TopicID = name, id
		for n, leader := range leaders {
			p := kmsg.NewUpdateMetadataRequestTopicPartition()
			p.Topic, p.Partition, p.Leader, p.LeaderEpoch = name, int32(n), leader, 5
			p.Replicas, p.ISR = []int32{1, 2}, []int32{leader}
			t.PartitionStates = append(t.PartitionStates, p)
		}
		req.TopicStates = append(req.TopicStates, t)
	}
	topic("events", eventsID, 1, 1, 2)
	topic("plain", plainID, 1)
	topic("__consumer_offsets", metadata.TopicID{3}, 1)
	return req
}

// outcome is what became of a call.
type outcome struct {
	call     *Call
	answered bool
	reply    wire.Reply
	body     []byte
	dropped  error
	silent   bool
}

// start hands a request to the table.
func (b *bench) start(req kmsg.Request) *outcome {
	o := &outcome{}
	body := req.AppendTo(nil)
	o.call = &Call{
		Header: wire.RequestHeader{Key: req.Key(), Version: req.GetVersion(), CorrelationID: 1, ClientID: b.clientID},
		Client: b.client, Body: body,
		Answer: func(r wire.Reply) {
			o.answered, o.reply = true, r
			for _, p := range r.Parts {
				if p.File.File == nil {
					o.body = append(o.body, p.Bytes...)
					continue
				}
				piece := make([]byte, p.File.Size)
				if _, err := p.File.File.ReadAt(piece, p.File.Offset); err != nil {
					b.t.Error(err)
				}
				o.body = append(o.body, piece...)
			}
			for _, release := range r.Release {
				release()
			}
		},
		Drop:     func(err error) { o.dropped = err },
		NoAnswer: func() { o.silent = true },
		BodyDone: func() { clear(body) }, // whoever looks again finds nothing
	}
	b.dispatch.Serve(o.call)
	return o
}

// do hands in a request that is answered at once, and decodes its reply.
func do[R kmsg.Response](b *bench, req kmsg.Request) R {
	b.t.Helper()
	o := b.start(req)
	if !o.answered {
		b.t.Fatalf("not answered: dropped %v, silent %v", o.dropped, o.silent)
	}
	return decoded[R](b, req, o)
}

func decoded[R kmsg.Response](b *bench, req kmsg.Request, o *outcome) R {
	b.t.Helper()
	resp := req.ResponseKind()
	if err := resp.ReadFrom(o.body); err != nil {
		b.t.Fatal(err)
	}
	if again := resp.AppendTo(nil); !bytes.Equal(again, o.body) {
		b.t.Fatalf("the reply is not what its own decoding encodes:\n got %x\nwant %x", o.body, again)
	}
	return resp.(R)
}

// batchOf is a batch with one record.
func batchOf(t testing.TB, change func(*record.Builder)) []byte {
	t.Helper()
	b := record.Builder{ProducerID: -1, ProducerEpoch: -1, BaseSequence: -1}
	if change != nil {
		change(&b)
	}
	batch, err := b.Build([]record.Record{{Value: []byte("value")}})
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

// memoryFile is a file of bytes.
type memoryFile struct {
	vfs.File
	*bytes.Reader
}

func (m memoryFile) ReadAt(b []byte, off int64) (int, error) { return m.Reader.ReadAt(b, off) }
func (m memoryFile) Size() (int64, error)                    { return m.Reader.Size(), nil }

func sliceOf(b []byte, released *int) replica.FetchResult {
	r := replica.FetchResult{HighWatermark: 10, LastStableOffset: 9, LogStartOffset: 1, Preferred: -1}
	if len(b) > 0 {
		r.Slice.Ranges = []vfs.Range{{File: memoryFile{Reader: bytes.NewReader(b)}, Size: len(b)}}
		r.Slice.SizeBytes = len(b)
	}
	r.Slice.Release = func() { *released++ }
	return r
}

func tcpAddr(s string) net.Addr {
	a, err := net.ResolveTCPAddr("tcp", s)
	if err != nil {
		panic(err)
	}
	return a
}

// count is an Answer that allocates nothing.
func (o *outcome) count(r wire.Reply) {
	o.answered = true
	for _, release := range r.Release {
		release()
	}
}
