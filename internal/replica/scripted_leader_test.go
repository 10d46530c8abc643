package replica

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"milena/internal/logdir"
	"milena/internal/netio/simnet"
	"milena/internal/peer"
	"milena/internal/wire"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// scriptedLeader is broker 2: a test sees each Fetch that comes, and answers it. ListOffsets is answered with earliest and latest.
type scriptedLeader struct {
	t                testing.TB
	listener         net.Listener
	asked            chan asked
	last             asked
	earliest, latest int64
}

// asked is a request and the way of its answer.
type asked struct {
	*kmsg.FetchRequest
	answer chan *kmsg.FetchResponse
}

// followScripted has the broker follow a scripted leader.
func followScripted(t testing.TB, b *broker) *scriptedLeader {
	t.Helper()
	network := simnet.New()
	l, err := network.Host("two").Listen(t.Context(), "two:9092")
	if err != nil {
		t.Fatal(err)
	}
	b.options.Cluster.Dial = func(int32) (*peer.Conn, bool) { return peer.Open(network.Host("one"), "two:9092", "broker-1"), true }
	b.options.Cluster.BrokerEpoch = func() int64 { return 77 }
	s := &scriptedLeader{t: t, listener: l, asked: make(chan asked)}
	go s.serve()
	return s
}

func (s *scriptedLeader) serve() {
	for {
		socket, err := s.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer socket.Close()
			for s.one(socket) == nil {
			}
		}()
	}
}

func (s *scriptedLeader) one(socket net.Conn) error {
	var size [4]byte
	if _, err := io.ReadFull(socket, size[:]); err != nil {
		return err
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(socket, frame); err != nil {
		return err
	}
	h, body, err := wire.ParseRequestHeader(frame, "")
	if err != nil {
		return err
	}
	req := kmsg.RequestForKey(h.Key)
	req.SetVersion(h.Version)
	if err := req.ReadFrom(body); err != nil {
		return err
	}
	resp := req.ResponseKind()
	switch req := req.(type) {
	case *kmsg.FetchRequest:
		gone := make(chan struct{})
		go func() { // nothing else comes before the answer
			_, _ = socket.Read(make([]byte, 1))
			close(gone)
		}()
		answer := make(chan *kmsg.FetchResponse)
		select {
		case s.asked <- asked{req, answer}:
		case <-gone:
			return io.EOF
		}
		select {
		case got := <-answer:
			got.Version = req.Version
			resp = got
		case <-gone:
			return io.EOF
		}
		_ = socket.SetReadDeadline(time.Unix(1, 0))
		<-gone
		_ = socket.SetReadDeadline(time.Time{})
	case *kmsg.ListOffsetsRequest:
		s.listOffsets(req, resp.(*kmsg.ListOffsetsResponse))
	}
	out := resp.AppendTo(nil)
	_, err = socket.Write(append(wire.AppendReplyHeader(nil, h, len(out)), out...))
	return err
}

func (s *scriptedLeader) listOffsets(req *kmsg.ListOffsetsRequest, resp *kmsg.ListOffsetsResponse) {
	for _, t := range req.Topics {
		topic := kmsg.NewListOffsetsResponseTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			one := kmsg.NewListOffsetsResponseTopicPartition()
			one.Partition, one.Offset = p.Partition, s.earliest
			if p.Timestamp == -1 {
				one.Offset = s.latest
			}
			topic.Partitions = append(topic.Partitions, one)
		}
		resp.Topics = append(resp.Topics, topic)
	}
}

// expect waits for a request and demands what it says: "session/epoch: partition@offset… -forgotten…".
func (s *scriptedLeader) expect(want string) *kmsg.FetchRequest {
	s.t.Helper()
	req := s.next()
	if got := spell(req); got != want {
		s.t.Fatalf("asked %q, want %q", got, want)
	}
	return req
}

// next waits for a request.
func (s *scriptedLeader) next() *kmsg.FetchRequest {
	s.t.Helper()
	select {
	case s.last = <-s.asked:
	case <-time.After(time.Minute):
		s.t.Fatal("no request")
	}
	return s.last.FetchRequest
}

func spell(req *kmsg.FetchRequest) string {
	var wants, forgotten []string
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			wants = append(wants, fmt.Sprintf(" %s%d@%d", short(t.Topic, t.TopicID), p.Partition, p.FetchOffset))
		}
	}
	for _, t := range req.ForgottenTopics {
		for _, p := range t.Partitions {
			forgotten = append(forgotten, fmt.Sprintf(" -%s%d", short(t.Topic, t.TopicID), p))
		}
	}
	slices.Sort(wants)
	slices.Sort(forgotten)
	return fmt.Sprintf("%d/%d:%s%s", req.SessionID, req.SessionEpoch, strings.Join(wants, ""), strings.Join(forgotten, ""))
}

// short is a topic's name, or the letter that stands for its id.
func short(name string, id [16]byte) string {
	if id != ([16]byte{}) {
		return string('s' + rune(id[0])) // idT is t, idU is u
	}
	return name
}

// got is what an answer says of one partition.
type got struct {
	id        [16]byte
	partition int32
	code      int16
	high      int64
	start     int64
	records   []byte
}

// answer answers the last request.
func (s *scriptedLeader) answer(sessionID int32, code int16, parts ...got) {
	s.t.Helper()
	resp := kmsg.NewPtrFetchResponse()
	resp.SessionID, resp.ErrorCode = sessionID, code
	for _, p := range parts {
		topic := kmsg.NewFetchResponseTopic()
		topic.TopicID, topic.Topic = p.id, short("", p.id)
		one := kmsg.NewFetchResponseTopicPartition()
		one.Partition, one.ErrorCode, one.HighWatermark, one.LogStartOffset, one.RecordBatches = p.partition, p.code, p.high, p.start, p.records
		topic.Partitions = append(topic.Partitions, one)
		resp.Topics = append(resp.Topics, topic)
	}
	select {
	case s.last.answer <- resp:
	case <-time.After(time.Minute):
		s.t.Fatal("nobody waits for the answer")
	}
}

// follow makes broker 1 a follower of broker 2, of partitions of a topic.
func (b *broker) followTwo(topic string, id [16]byte, epoch int32, partitions ...int32) {
	b.t.Helper()
	req := kmsg.NewPtrLeaderAndISRRequest()
	req.Version, req.ControllerEpoch = 7, 1
	state := kmsg.NewLeaderAndISRRequestTopicState()
	state.Topic, state.TopicID = topic, id
	for _, i := range partitions {
		p := kmsg.NewLeaderAndISRRequestTopicPartition()
		p.Partition, p.Leader, p.LeaderEpoch, p.ZKVersion, p.ISR, p.Replicas, p.IsNew = i, 2, epoch, epoch, []int32{2}, []int32{1, 2}, true
		state.PartitionStates = append(state.PartitionStates, p)
	}
	req.TopicStates = append(req.TopicStates, state)
	if resp := b.BecomeLeaderOrFollower(req); resp.ErrorCode != 0 {
		b.t.Fatal(resp.ErrorCode)
	}
}

// at is a batch as a leader has it, at an offset.
func at(t testing.TB, offset int64, epoch int32, values ...string) []byte {
	b := batch(t, values...)
	binary.BigEndian.PutUint64(b, uint64(offset))
	binary.BigEndian.PutUint32(b[12:], uint32(epoch))
	return b
}

func (s *scriptedLeader) close() { _ = s.listener.Close() }

func tpOf(topic string, index int32) logdir.TopicPartition {
	return logdir.TopicPartition{Topic: topic, Partition: index}
}
