package group

import (
	"maps"
	"slices"

	"milena/internal/coordinator"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// OffsetDelete removes a group's offsets of topics that it does not consume (KIP-496).
func (c *Coordinator) OffsetDelete(req *kmsg.OffsetDeleteRequest, reply func(*kmsg.OffsetDeleteResponse)) {
	r := kmsg.NewPtrOffsetDeleteResponse()
	r.Version = req.Version
	fail := func(code int16) { r.ErrorCode, r.Topics = code, nil }
	if req.Group == "" {
		fail(kerr.InvalidGroupID.Code)
		reply(r)
		return
	}
	code := c.do(req.Group, func(m *machine) coordinator.Result {
		g := m.groups[req.Group]
		err := error(kerr.GroupIDNotFound)
		if g != nil {
			err = g.checkOffsetDelete()
		}
		if err != nil {
			fail(codeOf(err))
			m.host.Reply(func() { reply(r) })
			return coordinator.Result{}
		}
		return coordinator.Result{Records: m.deleteOffsets(g, req, r), Then: func(err error) {
			if err != nil {
				fail(codeOf(err))
			}
			m.host.Reply(func() { reply(r) })
		}}
	})
	if code != 0 {
		fail(code)
		reply(r)
	}
}

// deleteOffsets fills in the answer and gives the tombstones. Topics that are not there are refused, as those that are consumed.
func (m *machine) deleteOffsets(g group, req *kmsg.OffsetDeleteRequest, r *kmsg.OffsetDeleteResponse) []coordinator.Record {
	var records []coordinator.Record
	image := m.c.options.Metadata.Image()
	r.Topics = make([]kmsg.OffsetDeleteResponseTopic, len(req.Topics))
	for i := range req.Topics {
		in, out := &req.Topics[i], &r.Topics[i]
		out.Topic, out.Partitions = in.Topic, make([]kmsg.OffsetDeleteResponseTopicPartition, len(in.Partitions))
		stored := m.offsets.groups[req.Group].topic(in.Topic)
		subscribed := g.subscribedTo(in.Topic)
		for j := range in.Partitions {
			number := in.Partitions[j].Partition
			out.Partitions[j].Partition = number
			switch {
			case image.Partition(in.Topic, number) == nil:
				out.Partitions[j].ErrorCode = kerr.UnknownTopicOrPartition.Code
			case subscribed:
				out.Partitions[j].ErrorCode = kerr.GroupSubscribedToTopic.Code
			case stored.partition(number) != nil, m.offsets.unstable(req.Group, in.Topic, number):
				records = append(records, offsetTombstone(req.Group, in.Topic, number))
			}
		}
	}
	return records
}

// tombstoneBatch gathers tombstones up to what one batch of the topic holds.
type tombstoneBatch struct {
	records     []coordinator.Record
	left, total int // bytes
}

// recordOverheadBytes is more than a record takes in its batch besides its key.
const recordOverheadBytes = 32

func (m *machine) newTombstoneBatch() *tombstoneBatch {
	limit := min(m.c.options.Log.MaxBatchBytes(m.host.Partition()), 1<<20) * 3 / 4
	return &tombstoneBatch{left: limit, total: limit}
}

// add takes records, all or none; false when they do not fit any more. The first ones always do.
func (b *tombstoneBatch) add(records ...coordinator.Record) bool {
	size := 0
	for i := range records {
		size += len(records[i].Key) + recordOverheadBytes
	}
	if size > b.left && len(b.records) > 0 {
		return false
	}
	b.left -= size
	b.records = append(b.records, records...)
	return true
}

// again has f run soon, when others have had their turn at the partition's lock.
func (m *machine) again(f func() coordinator.Result) {
	m.host.Schedule(m.newTimer("again-"), 0, f)
}

// later has a result settled that came up where none can be returned.
func (m *machine) later(result coordinator.Result) {
	if len(result.Records) > 0 || result.Then != nil {
		m.again(func() coordinator.Result { return result })
	}
}

// TopicsDeleted removes the offsets of topics that are gone.
func (c *Coordinator) TopicsDeleted(topics []string) {
	c.runtime.Each(func(_ int32, m *machine) coordinator.Result { return m.dropTopics(topics) })
}

// dropTopics writes tombstones, as many at a time as a batch holds. A topic that was made anew meanwhile keeps the offsets that bear its id.
func (m *machine) dropTopics(topics []string) coordinator.Result {
	batch := m.newTombstoneBatch()
	image := m.c.options.Metadata.Image()
	full := !m.eachStored(func(group string, offsets *groupOffsets) bool {
		for _, name := range topics {
			stored := offsets.topic(name)
			if stored == nil {
				continue
			}
			now := image.Topics[name]
			for i := range stored.partitions {
				o := &stored.partitions[i]
				if now != nil && o.topic.id == now.ID {
					continue
				}
				if !batch.add(offsetTombstone(group, name, o.partition)) {
					return false
				}
			}
		}
		return true
	})
	if len(batch.records) > 0 {
		m.host.Logger().Info("offsets of deleted topics removed", "topics", topics, "offsets", len(batch.records))
	}
	return coordinator.Result{Records: batch.records, Then: func(err error) {
		switch {
		case err != nil && len(batch.records) > 0:
			m.host.Logger().Warn("offsets of deleted topics stay until they expire", "topics", topics, "error", err)
		case err == nil && full:
			m.again(func() coordinator.Result { return m.dropTopics(topics) })
		}
	}}
}

// eachStored goes over the offsets of all groups, those of open transactions too, until f returns false.
func (m *machine) eachStored(f func(group string, offsets *groupOffsets) bool) bool {
	for id, offsets := range m.offsets.groups {
		if !f(id, offsets) {
			return false
		}
	}
	for _, groups := range m.offsets.pending {
		for id, offsets := range groups {
			if !f(id, offsets) {
				return false
			}
		}
	}
	return true
}

// storedTombstones are the tombstones of all that a group has stored.
func (m *machine) storedTombstones(id string) []coordinator.Record {
	var records []coordinator.Record
	seen := map[topicIdentity]map[int32]struct{}{}
	add := func(offsets *groupOffsets) {
		if offsets == nil {
			return
		}
		for i := range offsets.topics {
			t := &offsets.topics[i]
			key := topicIdentity{name: t.name}
			if seen[key] == nil {
				seen[key] = make(map[int32]struct{}, len(t.partitions))
			}
			for j := range t.partitions {
				number := t.partitions[j].partition
				if _, again := seen[key][number]; !again {
					seen[key][number] = struct{}{}
					records = append(records, offsetTombstone(id, t.name, number))
				}
			}
		}
	}
	add(m.offsets.groups[id])
	for _, producer := range slices.Collect(maps.Keys(m.offsets.open[id])) {
		add(m.offsets.pending[producer][id])
	}
	return records
}
