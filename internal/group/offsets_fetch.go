package group

import (
	"errors"
	"sync/atomic"

	"milena/internal/coordinator"
	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// OffsetFetch tells committed offsets: of the partitions asked for, or of all that a group has.
func (c *Coordinator) OffsetFetch(req *kmsg.OffsetFetchRequest, reply func(*kmsg.OffsetFetchResponse)) {
	r := kmsg.NewPtrOffsetFetchResponse()
	r.Version = req.Version
	asked := req.Groups
	if req.Version < 8 {
		asked = []kmsg.OffsetFetchRequestGroup{soleGroup(req)}
	}
	r.Groups = make([]kmsg.OffsetFetchResponseGroup, len(asked))
	if len(asked) == 0 {
		reply(r)
		return
	}
	var left atomic.Int64
	left.Store(int64(len(asked)))
	for i := range asked {
		f := &offsetFetch{
			req: &asked[i], image: c.options.Metadata.Image(), byID: req.Version >= 10, stable: req.RequireStable, answer: &r.Groups[i],
		}
		f.run(c, func() {
			if left.Add(-1) == 0 {
				if req.Version < 8 {
					soleAnswer(r, &asked[0])
				}
				reply(r)
			}
		})
	}
}

// soleGroup is the one group of a request before version 8.
func soleGroup(req *kmsg.OffsetFetchRequest) kmsg.OffsetFetchRequestGroup {
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = req.Group
	if req.Topics == nil && req.Version >= 2 {
		return g
	}
	g.Topics = make([]kmsg.OffsetFetchRequestGroupTopic, len(req.Topics))
	for i := range req.Topics {
		g.Topics[i].Topic, g.Topics[i].Partitions = req.Topics[i].Topic, req.Topics[i].Partitions
	}
	return g
}

// soleAnswer moves the one group's answer to where versions before 8 have it. Versions 0 and 1 have no place for a group's error but
// its partitions.
func soleAnswer(r *kmsg.OffsetFetchResponse, asked *kmsg.OffsetFetchRequestGroup) {
	g := &r.Groups[0]
	r.ErrorCode = g.ErrorCode
	if r.Version < 2 && g.ErrorCode != 0 {
		g.Topics = absentTopics(asked.Topics, g.ErrorCode)
	}
	r.Topics = make([]kmsg.OffsetFetchResponseTopic, len(g.Topics))
	for i := range g.Topics {
		from, to := &g.Topics[i], &r.Topics[i]
		to.Topic, to.Partitions = from.Topic, make([]kmsg.OffsetFetchResponseTopicPartition, len(from.Partitions))
		for j := range from.Partitions {
			p := &from.Partitions[j]
			to.Partitions[j] = kmsg.OffsetFetchResponseTopicPartition{
				Partition: p.Partition, Offset: p.Offset, LeaderEpoch: p.LeaderEpoch, Metadata: p.Metadata, ErrorCode: p.ErrorCode,
			}
		}
	}
	r.Groups = nil
}

// absentTopics answers with no offset for any partition.
func absentTopics(asked []kmsg.OffsetFetchRequestGroupTopic, code int16) []kmsg.OffsetFetchResponseGroupTopic {
	topics := make([]kmsg.OffsetFetchResponseGroupTopic, len(asked))
	for i := range asked {
		topics[i].Topic, topics[i].TopicID = asked[i].Topic, asked[i].TopicID
		topics[i].Partitions = make([]kmsg.OffsetFetchResponseGroupTopicPartition, len(asked[i].Partitions))
		for j, number := range asked[i].Partitions {
			topics[i].Partitions[j] = absentOffset(number, code)
		}
	}
	return topics
}

func absentOffset(partition int32, code int16) kmsg.OffsetFetchResponseGroupTopicPartition {
	return kmsg.OffsetFetchResponseGroupTopicPartition{
		Partition: partition, Offset: -1, LeaderEpoch: -1, Metadata: new(string), ErrorCode: code,
	}
}

// offsetFetch is one group's part of a request.
type offsetFetch struct {
	req    *kmsg.OffsetFetchRequestGroup
	image  *metadata.Image
	byID   bool // topics are named by their ids
	stable bool // what a transaction that has not ended may change is refused
	answer *kmsg.OffsetFetchResponseGroup
}

// run fills in the answer and calls done, when what it read is committed.
func (f *offsetFetch) run(c *Coordinator, done func()) {
	f.answer.Group = f.req.Group
	code := c.do(f.req.Group, func(m *machine) coordinator.Result {
		f.read(m)
		return coordinator.Result{Then: func(err error) {
			if err != nil {
				f.answer.Topics, f.answer.ErrorCode = nil, codeOf(err)
			}
			m.host.Reply(done)
		}}
	})
	if code != 0 {
		f.answer.ErrorCode = code
		done()
	}
}

// read answers from the machine's state. A group that is not there has no offsets.
func (f *offsetFetch) read(m *machine) {
	var offsets *groupOffsets
	if g := m.groups[f.req.Group]; g != nil {
		offsets = m.offsets.groups[f.req.Group]
		switch err := g.checkFetch(f.req.MemberID, f.req.MemberEpoch); {
		case errors.Is(err, kerr.GroupIDNotFound):
			offsets = nil
		case err != nil:
			f.answer.ErrorCode = codeOf(err)
			return
		}
	}
	if f.req.Topics == nil {
		f.readAll(m, offsets)
		return
	}
	f.answer.Topics = absentTopics(f.req.Topics, 0)
	for i := range f.answer.Topics {
		out := &f.answer.Topics[i]
		name := out.Topic
		if f.byID {
			t := f.image.ByID[out.TopicID]
			if t == nil {
				for j := range out.Partitions {
					out.Partitions[j].ErrorCode = kerr.UnknownTopicID.Code
				}
				continue
			}
			name = t.Name
		}
		stored, id := offsets.topic(name), topicIDOf(f.image, name)
		for j := range out.Partitions {
			o := stored.partition(out.Partitions[j].Partition)
			if o != nil && id != (metadata.TopicID{}) && o.topic.id != (metadata.TopicID{}) && o.topic.id != id {
				o = nil // of a topic that was deleted and made again
			}
			f.tell(m, name, &out.Partitions[j], o)
		}
	}
}

// readAll answers with all that the group has; where topics are named by their ids, those that have none are left out.
func (f *offsetFetch) readAll(m *machine, offsets *groupOffsets) {
	f.answer.Topics = []kmsg.OffsetFetchResponseGroupTopic{}
	if offsets == nil {
		return
	}
	for i := range offsets.topics {
		t := &offsets.topics[i]
		out := kmsg.OffsetFetchResponseGroupTopic{Topic: t.name, TopicID: topicIDOf(f.image, t.name)}
		if f.byID && out.TopicID == (metadata.TopicID{}) {
			continue
		}
		out.Partitions = make([]kmsg.OffsetFetchResponseGroupTopicPartition, len(t.partitions))
		for j := range t.partitions {
			o := &t.partitions[j]
			out.Partitions[j] = absentOffset(o.partition, 0)
			f.tell(m, t.name, &out.Partitions[j], o)
		}
		f.answer.Topics = append(f.answer.Topics, out)
	}
}

// tell fills in a partition's offset; without one it stays absent.
func (f *offsetFetch) tell(m *machine, topic string, out *kmsg.OffsetFetchResponseGroupTopicPartition, o *offset) {
	switch {
	case f.stable && m.offsets.unstable(f.req.Group, topic, out.Partition):
		out.ErrorCode = kerr.UnstableOffsetCommit.Code
	case o != nil:
		out.Offset, out.LeaderEpoch = o.offset, o.leaderEpoch
		if md := o.metadata(); md != "" {
			out.Metadata = &md
		}
	}
}
