package wire

import (
	"encoding/binary"

	"milena/internal/vfs"
)

// FetchReply encodes a Fetch response (v4 to v18) part by part: encoded bytes between ranges of files, which are not read here. Call Begin,
// then for each topic Topic and for each of its partitions Partition, and at last Finish. Counts are told beforehand, as the layout wants them.
//
//	throttle int32 | error int16, session int32 (v7) | topics array | tags (v12): 0 node endpoints (v16)
//	  topic:     name string (to v12) or id 16 bytes (v13) | partitions array | tags (v12)
//	  partition: number int32 | error int16 | high watermark int64 | last stable offset int64 | log start offset int64 (v5)
//	             aborted nullable array of {producer id int64, first offset int64, tags (v12)} | preferred replica int32 (v11)
//	             records nullable bytes | tags (v12): 0 diverging epoch, 1 current leader, 2 snapshot
type FetchReply struct {
	version int16
	buf     []byte // all encoded bytes; cuts say where file ranges stand between them
	cuts    []fetchCut
}

type fetchCut struct {
	at   int
	file vfs.Range
}

// FetchPartition is one partition of the response.
type FetchPartition struct {
	Partition        int32
	ErrorCode        int16
	HighWatermark    int64
	LastStableOffset int64
	LogStartOffset   int64
	// Aborted is null in the response where NoAborted is set (read_uncommitted).
	Aborted   []FetchAborted
	NoAborted bool
	// PreferredReplica is -1 for none (v11).
	PreferredReplica int32
	// Diverging is told with DivergingEpoch >= 0 (v12).
	DivergingEpoch     int32
	DivergingEndOffset int64
	// The current leader is told with LeaderID >= 0 or LeaderEpoch >= 0 (v12).
	LeaderID, LeaderEpoch int32
	Records               []vfs.Range
}

// FetchAborted is an aborted transaction.
type FetchAborted struct{ ProducerID, FirstOffset int64 }

// Begin starts a response; what the value held before is dropped, its memory kept.
func (f *FetchReply) Begin(version int16, throttleMs int32, errorCode int16, sessionID int32, topics int) {
	clear(f.cuts)
	f.version, f.buf, f.cuts = version, f.buf[:0], f.cuts[:0]
	f.buf = appendInt32(f.buf, throttleMs)
	if version >= 7 {
		f.buf = appendInt16(f.buf, errorCode)
		f.buf = appendInt32(f.buf, sessionID)
	}
	f.array(topics)
}

func (f *FetchReply) flexible() bool { return f.version >= 12 }

func (f *FetchReply) array(n int) {
	if f.flexible() {
		f.buf = binary.AppendUvarint(f.buf, uint64(n)+1)
	} else {
		f.buf = appendInt32(f.buf, int32(n))
	}
}

// Topic starts a topic; name is sent up to v12, id from v13.
func (f *FetchReply) Topic(name string, id [16]byte, partitions int) {
	switch {
	case f.version >= 13:
		f.buf = append(f.buf, id[:]...)
	case f.version == 12:
		f.buf = appendCompactString(f.buf, name)
	default:
		f.buf = appendString(f.buf, name)
	}
	f.array(partitions)
}

// EndTopic ends a topic after its last partition.
func (f *FetchReply) EndTopic() {
	if f.flexible() {
		f.buf = append(f.buf, 0)
	}
}

// Partition adds a partition to the topic.
func (f *FetchReply) Partition(p *FetchPartition) {
	b := appendInt32(f.buf, p.Partition)
	b = appendInt16(b, p.ErrorCode)
	b = appendInt64(b, p.HighWatermark)
	b = appendInt64(b, p.LastStableOffset)
	if f.version >= 5 {
		b = appendInt64(b, p.LogStartOffset)
	}
	f.buf = b
	f.aborted(p)
	if f.version >= 11 {
		f.buf = appendInt32(f.buf, p.PreferredReplica)
	}
	size := 0
	for i := range p.Records {
		size += p.Records[i].Size
	}
	f.array(size) // records have the same form of length
	for i := range p.Records {
		f.cuts = append(f.cuts, fetchCut{at: len(f.buf), file: p.Records[i]})
	}
	if f.flexible() {
		f.partitionTags(p)
	}
}

func (f *FetchReply) aborted(p *FetchPartition) {
	switch {
	case p.NoAborted && f.flexible():
		f.buf = append(f.buf, 0)
	case p.NoAborted:
		f.buf = appendInt32(f.buf, -1)
	default:
		f.array(len(p.Aborted))
		for _, a := range p.Aborted {
			f.buf = appendInt64(appendInt64(f.buf, a.ProducerID), a.FirstOffset)
			if f.flexible() {
				f.buf = append(f.buf, 0)
			}
		}
	}
}

func (f *FetchReply) partitionTags(p *FetchPartition) {
	diverging, leader := p.DivergingEpoch >= 0, p.LeaderID >= 0 || p.LeaderEpoch >= 0
	count := byte(0)
	if diverging {
		count++
	}
	if leader {
		count++
	}
	b := append(f.buf, count)
	if diverging {
		b = append(b, 0, 13)
		b = append(appendInt64(appendInt32(b, p.DivergingEpoch), p.DivergingEndOffset), 0)
	}
	if leader {
		b = append(b, 1, 9)
		b = append(appendInt32(appendInt32(b, p.LeaderID), p.LeaderEpoch), 0)
	}
	f.buf = b
}

// Finish ends the response and appends its parts to reply. They alias f's memory until the reply has been sent.
func (f *FetchReply) Finish(nodes []Node, reply *Reply) {
	switch {
	case f.version >= 16:
		f.buf = appendNodes(f.buf, nodes)
	case f.flexible():
		f.buf = append(f.buf, 0)
	}
	from := 0
	for _, c := range f.cuts {
		if c.at > from {
			reply.Bytes(f.buf[from:c.at:c.at])
		}
		reply.File(c.file)
		from = c.at
	}
	if from < len(f.buf) {
		reply.Bytes(f.buf[from:])
	}
}
