package group

import (
	"time"
	"unicode/utf16"

	"milena/internal/coordinator"
	"milena/internal/groupmsg"
	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// OffsetCommit stores offsets. Topics that are not there are refused one by one, everything else for the group as a whole.
func (c *Coordinator) OffsetCommit(by Caller, req *kmsg.OffsetCommitRequest, reply func(*kmsg.OffsetCommitResponse)) {
	r, known := c.commitAnswer(req)
	if !known {
		reply(r)
		return
	}
	code := c.do(req.Group, func(m *machine) coordinator.Result {
		code, result := m.commit(req, r)
		if code != 0 {
			failCommit(r, code)
			m.host.Reply(func() { reply(r) })
			return coordinator.Result{}
		}
		result.Then = func(err error) {
			if err != nil {
				failCommit(r, codeOf(err))
			}
			m.host.Reply(func() { reply(r) })
		}
		return result
	})
	if code != 0 {
		failCommit(r, code)
		reply(r)
	}
}

// commitAnswer makes the answer of a commit, with the codes of topics and partitions that are not there or whose metadata are too
// long; it tells whether any is there.
func (c *Coordinator) commitAnswer(req *kmsg.OffsetCommitRequest) (r *kmsg.OffsetCommitResponse, known bool) {
	r = kmsg.NewPtrOffsetCommitResponse()
	r.Version, r.Topics = req.Version, make([]kmsg.OffsetCommitResponseTopic, len(req.Topics))
	image := c.options.Metadata.Image()
	limit := c.options.Config.Broker().Groups.OffsetMetadataMaxBytes
	for i := range req.Topics {
		in, out := &req.Topics[i], &r.Topics[i]
		out.Topic, out.TopicID = in.Topic, in.TopicID
		out.Partitions = make([]kmsg.OffsetCommitResponseTopicPartition, len(in.Partitions))
		missing := kerr.UnknownTopicOrPartition.Code
		if req.Version >= 10 {
			missing = kerr.UnknownTopicID.Code
			if t := image.ByID[in.TopicID]; t != nil {
				in.Topic, missing = t.Name, kerr.UnknownTopicOrPartition.Code
			}
		}
		for j := range in.Partitions {
			p := &in.Partitions[j]
			out.Partitions[j].Partition = p.Partition
			switch {
			case in.Topic == "" && req.Version >= 10, image.Partition(in.Topic, p.Partition) == nil:
				out.Partitions[j].ErrorCode = missing
			case p.Metadata != nil && longerThan(*p.Metadata, limit):
				out.Partitions[j].ErrorCode, known = kerr.OffsetMetadataTooLarge.Code, true
			default:
				known = true
			}
		}
	}
	return r, known
}

// longerThan counts as Java does, in UTF-16 units; a string has at most as many of those as it has bytes.
func longerThan(s string, limit int) bool {
	return len(s) > limit && len(utf16.Encode([]rune(s))) > limit
}

// failCommit has all partitions fail that have not yet.
func failCommit(r *kmsg.OffsetCommitResponse, code int16) {
	for i := range r.Topics {
		for j := range r.Topics[i].Partitions {
			if p := &r.Topics[i].Partitions[j]; p.ErrorCode == 0 || p.ErrorCode == kerr.OffsetMetadataTooLarge.Code {
				p.ErrorCode = code
			}
		}
	}
}

// commit checks who commits and makes the records of what r does not refuse.
func (m *machine) commit(req *kmsg.OffsetCommitRequest, r *kmsg.OffsetCommitResponse) (code int16, result coordinator.Result) {
	who := fence{memberID: req.MemberID, instanceID: req.InstanceID, epoch: req.Generation, version: req.Version}
	switch g := m.groups[req.Group].(type) {
	case nil:
		if req.Generation >= 0 {
			if req.Version >= 9 {
				return kerr.GroupIDNotFound.Code, result
			}
			return kerr.IllegalGeneration.Code, result
		}
	case *classicGroup:
		if err := g.checkCommit(&who); err != nil {
			return codeOf(err), result
		}
		g.committed(req.MemberID)
	default:
		if err := g.checkCommit(&who); err != nil {
			return codeOf(err), result
		}
		if err := m.checkPartitions(&who, req, r); err != nil {
			return codeOf(err), result
		}
	}
	return 0, coordinator.Result{Records: m.commitRecords(req, r)}
}

// checkPartitions asks the group about each partition, where it wants to be asked; one that it refuses has the commit fail.
func (m *machine) checkPartitions(who *fence, req *kmsg.OffsetCommitRequest, r *kmsg.OffsetCommitResponse) error {
	if who.partition == nil {
		return nil
	}
	image := m.c.options.Metadata.Image()
	for i := range req.Topics {
		id := topicIDOf(image, req.Topics[i].Topic)
		for j := range req.Topics[i].Partitions {
			if r.Topics[i].Partitions[j].ErrorCode != 0 {
				continue
			}
			if err := who.partition(id, req.Topics[i].Partitions[j].Partition); err != nil {
				return err
			}
		}
	}
	return nil
}

// commitRecords makes the records of a commit, all in one buffer.
func (m *machine) commitRecords(req *kmsg.OffsetCommitRequest, r *kmsg.OffsetCommitResponse) []coordinator.Record {
	count, size := 0, 0
	for i := range req.Topics {
		topic := &req.Topics[i]
		count += len(topic.Partitions)
		for j := range topic.Partitions {
			size += 64 + len(req.Group) + len(topic.Topic)
			if md := topic.Partitions[j].Metadata; md != nil {
				size += len(*md)
			}
		}
	}
	records := make([]coordinator.Record, 0, count)
	b := make([]byte, 0, size)
	now := time.Now().UnixMilli()
	image := m.c.options.Metadata.Image()
	for i := range req.Topics {
		topic := &req.Topics[i]
		v := groupmsg.OffsetCommitValue{Version: 4, ExpireTimestampMs: -1, CommitTimestampMs: now}
		if t := image.Topics[topic.Topic]; t != nil {
			v.TopicID = t.ID
		}
		if req.RetentionTimeMillis != -1 && req.Version >= 2 && req.Version <= 4 {
			v.Version, v.ExpireTimestampMs = 1, now+req.RetentionTimeMillis
		}
		for j := range topic.Partitions {
			if r.Topics[i].Partitions[j].ErrorCode != 0 {
				continue
			}
			p := &topic.Partitions[j]
			v.Offset, v.LeaderEpoch, v.Metadata = p.Offset, p.LeaderEpoch, ""
			if p.Metadata != nil {
				v.Metadata = *p.Metadata
			}
			if req.Version == 1 && p.Timestamp != -1 {
				v.CommitTimestampMs = p.Timestamp
			}
			start := len(b)
			b = groupmsg.OffsetKey(req.Group, topic.Topic, p.Partition).Append(b)
			split := len(b)
			b = v.Append(b)
			records = append(records, coordinator.Record{Key: b[start:split:split], Value: b[split:len(b):len(b)]})
			v.CommitTimestampMs = now
		}
	}
	return records
}

// offsetTombstone removes a stored offset.
func offsetTombstone(group, topic string, partition int32) coordinator.Record {
	return coordinator.Record{Key: groupmsg.OffsetKey(group, topic, partition).Bytes()}
}

// topicIDOf is a topic's id as the cluster has it now; zero where it has none.
func topicIDOf(image *metadata.Image, name string) metadata.TopicID {
	if t := image.Topics[name]; t != nil {
		return t.ID
	}
	return metadata.TopicID{}
}
