package api

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"milena/internal/metadata"
	"milena/internal/record"
	"milena/internal/replica"
	"milena/internal/wire"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Produce, v3 to v13. The request is decoded by wire.Produce, whose records alias the body and are stamped there;
// the response is wire.ProduceReply's.
//
// v0–v2 carry message sets of the old formats; Kafka 4 refuses them too, and only advertises them for the sake of librdkafka.

func (s *Services) produceRow() Row {
	h := &produce{services: s}
	return Row{Key: int16(kmsg.Produce), Min: 3, Max: 13, Raw: true, Overlaps: true, Handle: h.handle}
}

type produce struct {
	services *Services
	free     sync.Pool // *producing
}

// producing is one request under way. It is used again after its answer.
type producing struct {
	of      *produce
	call    *Call
	req     wire.Produce
	image   *metadata.Image
	slots   []produceSlot // one for each partition of the request
	index   map[topicPartition]int
	append  replica.AppendRequest
	done    func([]replica.AppendResult) // p.finish, made once
	reply   wire.ProduceReply
	results []replica.AppendResult
	// standing is the broker's before the append: some partitions may be refused long before the others are answered.
	standing int64
}

// produceSlot is what becomes of one partition of the request.
type produceSlot struct {
	topic     string
	partition int32
	appendAt  int // index in append.Partitions, -1 where refused before
	replaced  bool
	err       *kerr.Error
}

type topicPartition struct {
	topic     string
	partition int32
}

func (h *produce) handle(call *Call, _ kmsg.Request) {
	p, _ := h.free.Get().(*producing)
	if p == nil {
		p = &producing{of: h, index: map[topicPartition]int{}}
		p.done = p.finish
	}
	p.call = call
	if err := p.req.Decode(call.Body, call.Header.Version); err != nil {
		p.recycle()
		call.Drop(malformedBody(call, err))
		return
	}
	p.image = h.services.Metadata.Image()
	p.check()
	if len(p.append.Partitions) == 0 {
		p.finish(nil)
		return
	}
	p.append.Acks, p.append.TimeoutMs, p.append.Origin = p.req.Acks, p.req.TimeoutMs, record.FromClient
	p.append.InternalTopics = p.call.Header.ClientID == adminClientID
	p.standing = h.services.standing()
	h.services.data().Append(&p.append, p.done) // p may be in use again when it returns
	call.BodyDone()
}

// check sorts the partitions into those to append and those to refuse. Where a request names a partition twice, the last one counts.
func (p *producing) check() {
	for ti := range p.req.Topics {
		t := &p.req.Topics[ti]
		topic := p.topic(t)
		p.keepName(t, topic)
		for i := t.First; i < t.End; i++ {
			part := &p.req.Partitions[i]
			slot := produceSlot{topic: t.Name, partition: part.Partition, appendAt: -1}
			if topic != nil {
				slot.topic = topic.Name
			}
			if slot.err = p.refuse(topic, part); slot.err == nil {
				slot.appendAt = len(p.append.Partitions)
				p.append.Partitions = append(p.append.Partitions,
					replica.AppendPartition{Topic: slot.topic, TopicID: p.topicID(t), Partition: part.Partition, Records: part.Records})
			}
			p.slots = append(p.slots, slot)
		}
	}
	if len(p.slots) > 1 {
		p.dropDuplicates()
	}
}

// keepName lets a topic's name, which lies in the body, outlive it.
func (p *producing) keepName(t *wire.ProduceTopic, topic *metadata.Topic) {
	switch {
	case t.Name == "":
	case topic != nil:
		t.Name = topic.Name
	default:
		t.Name = strings.Clone(t.Name)
	}
}

// topicID is the id that the client means, zero where it knows only the name.
func (p *producing) topicID(t *wire.ProduceTopic) metadata.TopicID {
	if p.call.Header.Version >= 13 {
		return t.ID
	}
	return metadata.TopicID{}
}

func (p *producing) topic(t *wire.ProduceTopic) *metadata.Topic {
	if p.call.Header.Version >= 13 {
		return p.image.ByID[t.ID]
	}
	return p.image.Topics[t.Name]
}

// refuse says why a partition's records are not even offered to the log; nil where they are. Null records, to which Kafka never answers, are
// refused like empty ones.
func (p *producing) refuse(topic *metadata.Topic, part *wire.ProducePartition) *kerr.Error {
	version := p.call.Header.Version
	switch {
	case p.req.Acks < -1 || p.req.Acks > 1:
		return kerr.InvalidRequiredAcks
	case topic == nil && version >= 13:
		return kerr.UnknownTopicID
	case topic == nil || p.image.Partition(topic.Name, part.Partition) == nil:
		return kerr.UnknownTopicOrPartition
	case isInternal(topic.Name) && p.call.Header.ClientID != adminClientID:
		return kerr.InvalidTopicException
	case len(part.Records) == 0:
		return kerr.InvalidRecord
	case len(part.Records) < record.HeaderSize:
		return nil // the log says what is wrong with it
	}
	batch := record.Batch(part.Records)
	switch {
	case batch.Magic() != 2:
		return kerr.InvalidRecord
	case batch.Codec() == record.Zstd && version < 7:
		return kerr.UnsupportedCompressionType
	case batch.IsTransactional() && !p.req.Transactional:
		return kerr.TransactionalIDAuthorizationFailed // nobody may use the id that is not there
	case batch.IsTransactional():
		return kerr.InvalidTxnState // no coordinator has added this partition to a transaction
	}
	return nil
}

// dropDuplicates leaves only the last of the slots that name the same partition.
func (p *producing) dropDuplicates() {
	for i := range p.slots {
		key := topicPartition{p.slots[i].topic, p.slots[i].partition}
		earlier, twice := p.index[key]
		p.index[key] = i
		if !twice {
			continue
		}
		p.slots[earlier].replaced = true
		if at := p.slots[earlier].appendAt; at >= 0 {
			p.append.Partitions = append(p.append.Partitions[:at], p.append.Partitions[at+1:]...)
			for j := range p.slots {
				if p.slots[j].appendAt > at {
					p.slots[j].appendAt--
				}
			}
		}
	}
	clear(p.index)
}

// finish answers with the results of the appends, or without a response for acks=0.
func (p *producing) finish(results []replica.AppendResult) {
	call := p.call
	p.results = results
	if p.req.Acks == 0 {
		reason := p.firstError()
		p.recycle()
		if reason != nil {
			call.Drop(reason)
		} else {
			call.NoAnswer()
		}
		return
	}
	var reply wire.Reply
	reply.Bytes(p.encode())
	p.recycle()
	call.Answer(reply)
}

// firstError is why a request with acks=0 closes its connection: the client is to fetch metadata anew.
func (p *producing) firstError() error {
	for i := range p.slots {
		slot := &p.slots[i]
		if slot.replaced {
			continue
		}
		err := error(slot.err)
		if slot.err == nil {
			err = p.results[slot.appendAt].Err
		}
		if err != nil {
			return fmt.Errorf("%w: %s-%d: %w", errUnacknowledged, slot.topic, slot.partition, err)
		}
	}
	return nil
}

// errUnacknowledged marks a dropped connection that is no malformed input.
var errUnacknowledged = errors.New("a produce request with acks=0 failed")

// encode writes the response.
func (p *producing) encode() []byte {
	topics, bytes := 0, 16
	for i := range p.req.Topics {
		if n := p.left(&p.req.Topics[i]); n > 0 {
			topics++
			bytes += 24 + len(p.req.Topics[i].Name) + 40*n
		}
	}
	p.reply.Begin(make([]byte, 0, bytes), p.call.Header.Version, topics)
	var nodes leaderNodes
	for i := range p.req.Topics {
		t := &p.req.Topics[i]
		n := p.left(t)
		if n == 0 {
			continue
		}
		p.reply.Topic(t.Name, t.ID, n)
		for at := t.First; at < t.End; at++ {
			if slot := &p.slots[at]; !slot.replaced {
				out := p.partition(slot)
				if out.LeaderID >= 0 {
					nodes.add(p.of.services, p.image, out.LeaderID, p.call.Client)
				}
				p.reply.Partition(&out)
			}
		}
		p.reply.EndTopic()
	}
	return p.reply.Finish(0, nodes.list)
}

// left counts the partitions of a topic that are answered for.
func (p *producing) left(t *wire.ProduceTopic) int {
	n := 0
	for i := t.First; i < t.End; i++ {
		if !p.slots[i].replaced {
			n++
		}
	}
	return n
}

func (p *producing) partition(slot *produceSlot) wire.ProducedPartition {
	out := wire.ProducedPartition{
		Partition: slot.partition, BaseOffset: -1, AppendTimeMs: -1, LogStartOffset: -1, LeaderID: -1, LeaderEpoch: -1,
	}
	if slot.err != nil {
		out.ErrorCode = slot.err.Code
		return out
	}
	result := &p.results[slot.appendAt]
	if result.Err == nil {
		out.BaseOffset, out.AppendTimeMs, out.LogStartOffset = result.BaseOffset, result.AppendTimeMs, result.LogStartOffset
		return out
	}
	out.ErrorCode = p.of.services.codeSince(result.Err, p.standing)
	if out.ErrorCode == kerr.NotLeaderForPartition.Code { // the client is told where to go (KIP-951)
		out.LeaderID, out.LeaderEpoch = leaderOf(p.image, slot.topic, slot.partition)
	}
	var refusal *record.Refusal
	if errors.As(result.Err, &refusal) {
		if message := refusal.ClientMessage(); message != nil {
			out.Message = *message
		}
		for _, r := range refusal.Records {
			out.RecordErrors = append(out.RecordErrors, wire.ProduceRecordError{Index: r.Index, Message: r.Message})
		}
	}
	if knowsLogStart(out.ErrorCode) && (refusal == nil || !refusal.Unframed) {
		out.LogStartOffset = result.LogStartOffset
	}
	return out
}

// knowsLogStart tells whether Kafka names the log start offset beside an error.
func knowsLogStart(code int16) bool {
	switch code {
	case kerr.UnknownTopicOrPartition.Code, kerr.NotLeaderForPartition.Code, kerr.MessageTooLarge.Code, kerr.RecordListTooLarge.Code,
		kerr.CorruptMessage.Code, kerr.KafkaStorageError.Code:
		return false
	}
	return true
}

func (p *producing) recycle() {
	p.call, p.image, p.results = nil, nil, nil
	p.req.Reset()
	clear(p.slots)
	clear(p.append.Partitions)
	p.slots, p.append.Partitions = p.slots[:0], p.append.Partitions[:0]
	p.of.free.Put(p)
}
