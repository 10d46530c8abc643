package api

import (
	"sync"
	"time"

	"milena/internal/metadata"
	"milena/internal/replica"
	"milena/internal/wire"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Fetch, v4 to v18: consumers and followers. The request is decoded by kmsg, aliasing the body; the response is wire.FetchReply's, whose
// records are ranges of files. Fetch sessions (KIP-227) from v7, topic ids (KIP-516) from v13, the current leader (KIP-951) from v12 and v16.

// fetchRequestMaxBytes bounds a request: some 400,000 partitions. Its decoded form takes up to twenty times as much.
const fetchRequestMaxBytes = 16 << 20

func (s *Services) fetchRow() Row {
	h := &fetch{services: s, sessions: newSessionCache(func() int { return s.Config.Broker().MaxIncrementalFetchSessionCacheSlots })}
	return Row{Key: int16(kmsg.Fetch), Min: 4, Max: 18, Raw: true, MaxBytes: fetchRequestMaxBytes, Handle: h.handle}
}

type fetch struct {
	services *Services
	sessions *sessionCache
	free     sync.Pool // *fetching
}

// fetching is one request under way. It is used again after its answer.
type fetching struct {
	of      *fetch
	call    *Call
	req     kmsg.FetchRequest
	image   *metadata.Image
	session *fetchSession // of an incremental request
	full    bool          // a session is to be made
	parts   []fetchPart
	read    replica.FetchRequest
	done    func([]replica.FetchResult) // f.finish, made once
	reply   wire.FetchReply
	tell    []int // indexes of parts to tell, in order
	release []func()
	free    func() // back to the pool after the reply has been sent, made once
}

// fetchPart is one partition of the request or of the session.
type fetchPart struct {
	topic     string
	id        metadata.TopicID
	partition int32
	want      fetchWant
	cached    *sessionPartition // of an incremental request
	readAt    int               // index in read.Partitions, -1 where refused before
	err       *kerr.Error
	out       wire.FetchPartition
}

func (h *fetch) handle(call *Call, _ kmsg.Request) {
	f, _ := h.free.Get().(*fetching)
	if f == nil {
		f = &fetching{of: h}
		f.done, f.free = f.finish, f.recycle
	}
	f.call = call
	f.req.Version = call.Header.Version
	if err := f.req.UnsafeReadFrom(call.Body); err != nil {
		f.recycle()
		call.Drop(malformedBody(call, err))
		return
	}
	f.image = h.services.Metadata.Image()
	if code := f.begin(); code != 0 {
		f.refuse(code)
		return
	}
	f.head()
	f.resolve()
	if len(f.read.Partitions) == 0 {
		f.finish(nil)
		return
	}
	cancel := h.services.data().Fetch(&f.read, f.done)
	if cancel != nil {
		call.OnGone(cancel)
	}
}

// begin settles the session and lists the partitions to read.
func (f *fetching) begin() int16 {
	req, sessions := &f.req, f.of.sessions
	if req.Version < 7 {
		req.SessionID, req.SessionEpoch = 0, sessionEpochFinal
	}
	if req.SessionEpoch != sessionEpochInitial && req.SessionEpoch != sessionEpochFinal {
		session, code := sessions.begin(req, time.Now().UnixMilli())
		if code != 0 || session == nil {
			return code
		}
		f.session = session
		f.listSession()
		return 0
	}
	if req.SessionID != 0 {
		sessions.end(req.SessionID)
	}
	f.full = req.SessionEpoch == sessionEpochInitial
	for ti := range req.Topics {
		t := &req.Topics[ti]
		for pi := range t.Partitions {
			p := &t.Partitions[pi]
			f.parts = append(f.parts, fetchPart{topic: t.Topic, id: t.TopicID, partition: p.Partition, want: wantOf(p)})
		}
	}
	return 0
}

func (f *fetching) listSession() {
	f.of.sessions.mu.Lock()
	defer f.of.sessions.mu.Unlock()
	for p := f.session.order.next; p != &f.session.order; p = p.next {
		f.parts = append(f.parts, fetchPart{topic: p.key.topic, id: p.key.id, partition: p.key.partition, want: p.want, cached: p})
	}
}

// resolve finds the topics and sorts out the partitions that cannot be read.
func (f *fetching) resolve() {
	for i := range f.parts {
		p := &f.parts[i]
		p.readAt = -1
		if f.req.Version >= 13 {
			topic := f.image.ByID[p.id]
			if topic == nil {
				f.unknown(p, kerr.UnknownTopicID)
				continue
			}
			p.topic = topic.Name
		} else if topic := f.image.Topics[p.topic]; topic != nil {
			p.topic = topic.Name // outlives the request's body
		}
		if f.image.Partition(p.topic, p.partition) == nil {
			f.unknown(p, kerr.UnknownTopicOrPartition)
			continue
		}
		p.readAt = len(f.read.Partitions)
		f.read.Partitions = append(f.read.Partitions, replica.FetchPartition{
			Topic: p.topic, TopicID: p.id, Partition: p.partition, CurrentLeaderEpoch: p.want.leaderEpoch, FetchOffset: p.want.offset,
			LastFetchedEpoch: p.want.lastFetchedEpoch, LogStartOffset: p.want.logStartOffset, MaxBytes: p.want.maxBytes,
		})
	}
}

// unknown refuses a partition that is not in the metadata. A follower, which may have heard of a new partition first, is told at once, so that it
// comes again soon: producers wait for it.
func (f *fetching) unknown(p *fetchPart, err *kerr.Error) {
	p.err = err
	if f.read.ReplicaID >= 0 {
		f.read.MaxWaitMs = 0
	}
}

// head fills in what holds for all partitions.
func (f *fetching) head() {
	req, read := &f.req, &f.read
	read.ReplicaID, read.ReplicaEpoch = req.ReplicaID, -1
	if req.Version >= 15 {
		read.ReplicaID, read.ReplicaEpoch = req.ReplicaState.ID, req.ReplicaState.Epoch
	}
	read.MaxWaitMs = req.MaxWaitMillis
	read.MaxBytes = min(req.MaxBytes, int32(min(f.of.services.Config.Broker().FetchMaxBytes, 1<<31-1)))
	read.MinBytes = min(req.MinBytes, read.MaxBytes)
	read.ReadCommitted = req.IsolationLevel == 1 && read.ReplicaID < 0
	read.Rack, read.Listener = req.Rack, f.call.Client.Listener
	read.AnyReplica = req.Version >= 11
}

// refuse answers the whole request with an error of its session.
func (f *fetching) refuse(code int16) {
	var reply wire.Reply
	f.reply.Begin(f.req.Version, 0, code, 0, 0)
	f.reply.Finish(nil, &reply)
	f.answer(reply)
}

// answer hands the reply over; the memory it aliases comes back when it has been sent.
func (f *fetching) answer(reply wire.Reply) {
	call := f.call
	reply.Release = append(f.release, f.free)
	f.release = nil
	call.Answer(reply)
}

func (f *fetching) recycle() {
	f.call, f.image, f.session, f.full = nil, nil, nil, false
	clear(f.parts)
	clear(f.read.Partitions)
	clear(f.req.Topics)
	clear(f.req.ForgottenTopics)
	f.parts, f.tell, f.read.Partitions = f.parts[:0], f.tell[:0], f.read.Partitions[:0]
	f.req.Topics, f.req.ForgottenTopics = f.req.Topics[:0], f.req.ForgottenTopics[:0]
	f.read.Rack, f.req.Rack, f.req.ClusterID = "", "", nil
	f.of.free.Put(f)
}
