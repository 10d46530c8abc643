package api

import (
	"time"

	"milena/internal/record"
	"milena/internal/replica"
	"milena/internal/vfs"
	"milena/internal/wire"

	"github.com/twmb/franz-go/pkg/kerr"
)

// finish answers with what was read.
func (f *fetching) finish(results []replica.FetchResult) {
	for i := range f.parts {
		p := &f.parts[i]
		if p.readAt < 0 {
			f.fillError(p, p.err.Code)
			continue
		}
		f.fill(p, &results[p.readAt])
	}
	sessionID, code := f.settleSession()
	if code != 0 {
		f.refuse(code)
		return
	}
	var nodes leaderNodes
	f.reply.Begin(f.req.Version, 0, 0, sessionID, f.topics())
	for i := 0; i < len(f.tell); {
		end := f.sameTopic(i)
		first := &f.parts[f.tell[i]]
		f.reply.Topic(first.topic, first.id, end-i)
		for ; i < end; i++ {
			p := &f.parts[f.tell[i]]
			if p.out.LeaderID >= 0 {
				nodes.add(f.of.services, f.image, p.out.LeaderID, f.call.Client)
			}
			f.reply.Partition(&p.out)
		}
		f.reply.EndTopic()
	}
	var reply wire.Reply
	f.reply.Finish(nodes.list, &reply)
	f.answer(reply)
}

// fillError is a partition that was not read.
func (f *fetching) fillError(p *fetchPart, code int16) {
	p.out = wire.FetchPartition{
		Partition: p.partition, ErrorCode: code, HighWatermark: -1, LastStableOffset: -1, LogStartOffset: -1, PreferredReplica: -1,
		DivergingEpoch: -1, LeaderID: -1, LeaderEpoch: -1,
	}
}

// fill is a partition that was read, or that the log refused.
func (f *fetching) fill(p *fetchPart, r *replica.FetchResult) {
	if r.Slice.Release != nil {
		f.release = append(f.release, r.Slice.Release)
	}
	code := f.of.services.code(r.Err)
	if code == 0 && f.req.Version < 10 && startsWithZstd(r.Slice.Ranges) {
		code = kerr.UnsupportedCompressionType.Code
	}
	if r.Diverging != nil && f.read.ReplicaID < 0 && f.of.services.inDoubt() { // a consumer that has read what another leader kept
		code = kerr.NotLeaderForPartition.Code
	}
	if code != 0 {
		f.fillError(p, code)
		p.out.NoAborted = r.Err != nil // as Kafka has it: null from the log, none from elsewhere
		if f.req.Version >= 16 && (code == kerr.NotLeaderForPartition.Code || code == kerr.FencedLeaderEpoch.Code) {
			p.out.LeaderID, p.out.LeaderEpoch = leaderOf(f.image, p.topic, p.partition)
		}
		return
	}
	p.out = wire.FetchPartition{
		Partition: p.partition, HighWatermark: r.HighWatermark, LastStableOffset: r.LastStableOffset, LogStartOffset: r.LogStartOffset,
		NoAborted: !f.read.ReadCommitted, PreferredReplica: r.Preferred, DivergingEpoch: -1, LeaderID: -1, LeaderEpoch: -1,
		Records: r.Slice.Ranges,
	}
	if len(r.Aborted) > 0 {
		p.out.Aborted = make([]wire.FetchAborted, len(r.Aborted))
		for i, a := range r.Aborted {
			p.out.Aborted[i] = wire.FetchAborted{ProducerID: a.ProducerID, FirstOffset: a.FirstOffset}
		}
	}
	if r.Diverging != nil {
		p.out.DivergingEpoch, p.out.DivergingEndOffset = r.Diverging.Epoch, r.Diverging.EndOffset
	}
}

// startsWithZstd tells whether the first batch is one that a client before Fetch v10 cannot know (KIP-110). A file that cannot be read
// fails when it is sent.
func startsWithZstd(ranges []vfs.Range) bool {
	if len(ranges) == 0 || ranges[0].Size < record.HeaderSize {
		return false
	}
	head := make([]byte, record.HeaderSize)
	if _, err := ranges[0].File.ReadAt(head, ranges[0].Offset); err != nil {
		return false
	}
	return record.Batch(head).Magic() == 2 && record.Batch(head).Codec() == record.Zstd
}

// settleSession makes the session of a full request, or picks what an incremental one has to tell. What was not even read comes last.
func (f *fetching) settleSession() (sessionID int32, code int16) {
	if f.session == nil {
		for i := range f.parts {
			if f.parts[i].readAt >= 0 {
				f.tell = append(f.tell, i)
			}
		}
		for i := range f.parts {
			if f.parts[i].readAt < 0 {
				f.tell = append(f.tell, i)
			}
		}
		if f.full {
			return f.createSession(), 0
		}
		return 0, 0
	}
	f.of.sessions.mu.Lock()
	defer f.of.sessions.mu.Unlock()
	if f.session.epoch != nextSessionEpoch(f.req.SessionEpoch) {
		return 0, kerr.InvalidFetchSessionEpoch.Code
	}
	for i := range f.parts {
		if f.parts[i].readAt >= 0 {
			f.tellNews(i)
		}
	}
	for i := range f.parts {
		if f.parts[i].readAt < 0 {
			f.tellNews(i)
		}
	}
	return f.session.id, 0
}

// tellNews tells a partition of an incremental request where there is anything new. The cache is locked.
func (f *fetching) tellNews(i int) {
	p := &f.parts[i]
	hasRecords := len(p.out.Records) > 0
	if p.cached.told(p.out.HighWatermark, p.out.LogStartOffset, p.out.ErrorCode,
		hasRecords || p.out.PreferredReplica >= 0 || p.out.DivergingEpoch >= 0) {
		f.tell = append(f.tell, i)
	}
	if hasRecords {
		f.session.moveLast(p.cached)
	}
}

func (f *fetching) createSession() int32 {
	s := &fetchSession{privileged: f.read.ReplicaID >= 0, usesTopicIDs: f.req.Version >= 13}
	s.init()
	for i := range f.parts {
		p := &f.parts[i]
		key := fetchKey{topic: p.topic, partition: p.partition}
		if s.usesTopicIDs {
			key = fetchKey{id: p.id, partition: p.partition}
		}
		s.set(key, p.want).told(p.out.HighWatermark, p.out.LogStartOffset, p.out.ErrorCode, true)
	}
	return f.of.sessions.create(s, time.Now().UnixMilli())
}

// topics counts the runs of partitions of one topic.
func (f *fetching) topics() int {
	n := 0
	for i := 0; i < len(f.tell); i = f.sameTopic(i) {
		n++
	}
	return n
}

// sameTopic is the end of the run of partitions that starts at tell[i].
func (f *fetching) sameTopic(i int) int {
	first := &f.parts[f.tell[i]]
	end := i + 1
	for end < len(f.tell) {
		p := &f.parts[f.tell[end]]
		if p.id != first.id || p.topic != first.topic {
			break
		}
		end++
	}
	return end
}
