package wire

import "encoding/binary"

// ProduceReply encodes a Produce response (v3 to v13) into one buffer. Call Begin, then for each topic Topic, for each of its partitions
// Partition, EndTopic, and at last Finish.
//
//	topics array | throttle int32 | tags (v9): 0 node endpoints (v10)
//	  topic:     name string (to v12) or id 16 bytes (v13) | partitions array | tags (v9)
//	  partition: number int32 | error int16 | base offset int64 | append time int64 | log start offset int64 (v5)
//	             record errors array of {index int32, message nullable string, tags (v9)} (v8) | message nullable string (v8)
//	             tags (v9): 0 current leader (v10)
type ProduceReply struct {
	version int16
	buf     []byte
}

// ProducedPartition is one partition of the response.
type ProducedPartition struct {
	Partition      int32
	ErrorCode      int16
	BaseOffset     int64
	AppendTimeMs   int64
	LogStartOffset int64
	RecordErrors   []ProduceRecordError
	Message        string // "" is null
	// The current leader is told with LeaderID >= 0 or LeaderEpoch >= 0 (v10).
	LeaderID, LeaderEpoch int32
}

// ProduceRecordError is a record that was refused.
type ProduceRecordError struct {
	Index   int32
	Message string // "" is null
}

// Begin starts a response in buf, which it owns until Finish returns it.
func (r *ProduceReply) Begin(buf []byte, version int16, topics int) {
	r.version, r.buf = version, buf
	r.array(topics)
}

func (r *ProduceReply) flexible() bool { return r.version >= 9 }

func (r *ProduceReply) array(n int) {
	if r.flexible() {
		r.buf = binary.AppendUvarint(r.buf, uint64(n)+1)
	} else {
		r.buf = appendInt32(r.buf, int32(n))
	}
}

func (r *ProduceReply) nullableString(s string) {
	switch {
	case r.flexible() && s == "":
		r.buf = append(r.buf, 0)
	case r.flexible():
		r.buf = appendCompactString(r.buf, s)
	case s == "":
		r.buf = append(r.buf, 0xff, 0xff)
	default:
		r.buf = appendString(r.buf, s[:min(len(s), 1<<15-1)])
	}
}

// Topic starts a topic; name is sent up to v12, id from v13.
func (r *ProduceReply) Topic(name string, id [16]byte, partitions int) {
	switch {
	case r.version >= 13:
		r.buf = append(r.buf, id[:]...)
	case r.flexible():
		r.buf = appendCompactString(r.buf, name)
	default:
		r.buf = appendString(r.buf, name)
	}
	r.array(partitions)
}

// EndTopic ends a topic after its last partition.
func (r *ProduceReply) EndTopic() {
	if r.flexible() {
		r.buf = append(r.buf, 0)
	}
}

// Partition adds a partition to the topic.
func (r *ProduceReply) Partition(p *ProducedPartition) {
	b := appendInt16(appendInt32(r.buf, p.Partition), p.ErrorCode)
	b = appendInt64(appendInt64(b, p.BaseOffset), p.AppendTimeMs)
	if r.version >= 5 {
		b = appendInt64(b, p.LogStartOffset)
	}
	r.buf = b
	if r.version >= 8 {
		r.array(len(p.RecordErrors))
		for _, e := range p.RecordErrors {
			r.buf = appendInt32(r.buf, e.Index)
			r.nullableString(e.Message)
			r.EndTopic() // a record error has tags as a topic has
		}
		r.nullableString(p.Message)
	}
	if !r.flexible() {
		return
	}
	if r.version < 10 || p.LeaderID < 0 && p.LeaderEpoch < 0 {
		r.buf = append(r.buf, 0)
		return
	}
	b = append(r.buf, 1, 0, 9)
	r.buf = append(appendInt32(appendInt32(b, p.LeaderID), p.LeaderEpoch), 0)
}

// Finish ends the response.
func (r *ProduceReply) Finish(throttleMs int32, nodes []Node) []byte {
	b := appendInt32(r.buf, throttleMs)
	r.buf = nil
	switch {
	case r.version >= 10:
		b = appendNodes(b, nodes)
	case r.flexible():
		b = append(b, 0)
	}
	return b
}
