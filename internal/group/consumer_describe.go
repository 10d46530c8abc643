package group

import (
	"maps"
	"slices"
	"sync/atomic"

	"milena/internal/coordinator"
	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ConsumerGroupDescribe describes consumer groups; others are GROUP_ID_NOT_FOUND.
func (c *Coordinator) ConsumerGroupDescribe(
	req *kmsg.ConsumerGroupDescribeRequest, reply func(*kmsg.ConsumerGroupDescribeResponse),
) {
	r := kmsg.NewPtrConsumerGroupDescribeResponse()
	r.Version, r.Groups = req.Version, make([]kmsg.ConsumerGroupDescribeResponseGroup, len(req.Groups))
	var left atomic.Int64
	left.Store(int64(len(req.Groups)) + 1)
	done := func() {
		if left.Add(-1) == 0 {
			reply(r)
		}
	}
	for i, id := range req.Groups {
		d := &r.Groups[i]
		fail := func(code int16, text *string) {
			*d = kmsg.NewConsumerGroupDescribeResponseGroup()
			d.Group, d.ErrorCode, d.ErrorMessage = id, code, text
		}
		if id == "" {
			fail(kerr.InvalidGroupID.Code, nil)
			done()
			continue
		}
		code := c.do(id, func(m *machine) coordinator.Result {
			if g, ok := m.groups[id].(*consumerGroup); ok {
				*d = g.describe(req.Version)
			} else {
				text := "Group " + id + " is not a consumer group."
				if m.groups[id] == nil {
					text = "Group " + id + " not found."
				}
				fail(kerr.GroupIDNotFound.Code, &text)
			}
			return coordinator.Result{Then: func(err error) {
				if err != nil {
					fail(codeOf(err), nil)
				}
				m.host.Reply(done)
			}}
		})
		if code != 0 {
			fail(code, nil)
			done()
		}
	}
	done()
}

func (g *consumerGroup) describe(version int16) kmsg.ConsumerGroupDescribeResponseGroup {
	d := kmsg.NewConsumerGroupDescribeResponseGroup()
	d.Group, d.State, d.Epoch, d.AssignmentEpoch = g.id, g.state(), g.epoch, g.assignmentEpoch
	members := g.with(nil)
	d.AssignorName = preferredAssignor(members, g.m.c.options.Config.Broker().Groups.Consumer.Assignors)
	image := g.m.c.options.Metadata.Image()
	d.Members = make([]kmsg.ConsumerGroupDescribeResponseGroupMember, len(members))
	for i, m := range members {
		out := &d.Members[i]
		*out = kmsg.NewConsumerGroupDescribeResponseGroupMember()
		out.MemberID, out.InstanceID, out.RackID, out.MemberEpoch = m.id, m.instanceID, m.rackID, m.epoch
		out.ClientID, out.ClientHost, out.SubscribedTopics = m.clientID, m.clientHost, m.topics
		if out.SubscribedTopics == nil {
			out.SubscribedTopics = []string{}
		}
		if !m.regexNull {
			out.SubscribedTopicRegex = &m.regex
		}
		// What is still to be given back is the member's until then.
		all := map[metadata.TopicID][]int32{}
		for _, o := range []owned{m.assigned, m.revoking} {
			for topic, partitions := range o {
				all[topic] = append(all[topic], slices.Collect(maps.Keys(partitions))...)
			}
		}
		out.Assignment = describeAssignment(image, all)
		out.TargetAssignment = describeAssignment(image, g.targets[m.id])
		if version >= 1 {
			if out.MemberType = 1; m.classic != nil {
				out.MemberType = 0
			}
		}
	}
	return d
}

// describeAssignment leaves out topics that are gone.
func describeAssignment(image *metadata.Image, topics map[metadata.TopicID][]int32) kmsg.Assignment {
	a := kmsg.NewAssignment()
	a.TopicPartitions = []kmsg.AssignmentTopicPartition{}
	for _, id := range sortedIDs(topics) {
		t := image.ByID[id]
		if t == nil {
			continue
		}
		out := kmsg.NewAssignmentTopicPartition()
		out.TopicID, out.Topic, out.Partitions = id, t.Name, slices.Sorted(slices.Values(topics[id]))
		a.TopicPartitions = append(a.TopicPartitions, out)
	}
	return a
}
