package group

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// message is a request or a response.
type message interface {
	AppendTo([]byte) []byte
	ReadFrom([]byte) error
	SetVersion(int16)
	GetVersion() int16
}

// sent gives a message as the other side reads it.
func sent[M message](s *script, m, into M) M {
	into.SetVersion(m.GetVersion())
	if err := into.ReadFrom(m.AppendTo(nil)); err != nil {
		s.t.Errorf("%T: %v", m, err)
	}
	return into
}

func (s *script) join(d *datadriven.TestData) {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version = int16(number(d, "v", 9))
	req.Group, req.MemberID, req.ProtocolType = arg(d, "group", "g"), s.member(d), arg(d, "type", "consumer")
	req.SessionTimeoutMillis = int32(number(d, "session", 10_000))
	req.RebalanceTimeoutMillis = int32(number(d, "rebalance", 60_000))
	req.InstanceID, req.Reason = optional(arg(d, "instance", "")), optional(arg(d, "reason", ""))
	for _, p := range fields(arg(d, "protocols", "range:t"), ",") {
		name, topics, _ := strings.Cut(p, ":")
		of := kmsg.NewJoinGroupRequestProtocol()
		of.Name, of.Metadata = name, []byte(topics)
		if req.ProtocolType == consumerProtocolType && topics != "!" {
			of.Metadata = subscription(fields(topics, "+"))
		}
		req.Protocols = append(req.Protocols, of)
	}
	who := arg(d, "client", "c")
	if req.MemberID != "" {
		who = arg(d, "member", "")
	}
	by := Caller{arg(d, "client", "c"), "/127.0.0.1"}
	s.c.JoinGroup(by, sent(s, req, kmsg.NewPtrJoinGroupRequest()), func(r *kmsg.JoinGroupResponse) {
		r = sent(s, r, kmsg.NewPtrJoinGroupResponse())
		line := fmt.Sprintf("join %s: %s member=%s", who, code(r.ErrorCode), r.MemberID)
		if r.Generation != -1 || r.LeaderID != "" {
			line += fmt.Sprintf(" generation=%d protocol=%s:%s leader=%s", r.Generation, text(r.ProtocolType), text(r.Protocol), r.LeaderID)
		}
		if r.SkipAssignment {
			line += " skip"
		}
		for _, m := range r.Members {
			line += fmt.Sprintf(" [%s %s %s]", m.MemberID, text(m.InstanceID), topicsOf(m.ProtocolMetadata))
		}
		s.say("%s", line)
	})
}

func (s *script) sync(d *datadriven.TestData) {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version = int16(number(d, "v", 5))
	req.Group, req.MemberID, req.Generation = arg(d, "group", "g"), s.member(d), int32(number(d, "generation", 1))
	req.InstanceID = optional(arg(d, "instance", ""))
	req.ProtocolType, req.Protocol = optional(arg(d, "type", "consumer")), optional(arg(d, "protocol", "range"))
	for _, a := range fields(arg(d, "assign", ""), ",") {
		of := kmsg.NewSyncGroupRequestGroupAssignment()
		id, assignment, _ := strings.Cut(a, ":")
		of.MemberID, of.MemberAssignment = s.id(id), []byte(assignment)
		req.GroupAssignment = append(req.GroupAssignment, of)
	}
	who := arg(d, "member", "")
	s.c.SyncGroup(Caller{}, sent(s, req, kmsg.NewPtrSyncGroupRequest()), func(r *kmsg.SyncGroupResponse) {
		r = sent(s, r, kmsg.NewPtrSyncGroupResponse())
		line := fmt.Sprintf("sync %s: %s", who, code(r.ErrorCode))
		if r.ErrorCode == 0 {
			line += fmt.Sprintf(" %s:%s %q", text(r.ProtocolType), text(r.Protocol), r.MemberAssignment)
		}
		s.say("%s", line)
	})
}

func (s *script) heartbeat(d *datadriven.TestData) {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Version = int16(number(d, "v", 4))
	req.Group, req.MemberID, req.Generation = arg(d, "group", "g"), s.member(d), int32(number(d, "generation", 1))
	req.InstanceID = optional(arg(d, "instance", ""))
	who := arg(d, "member", "")
	s.c.Heartbeat(Caller{}, req, func(r *kmsg.HeartbeatResponse) {
		s.say("heartbeat %s: %s", who, code(r.ErrorCode))
	})
}

// leave removes members, each as id, id/instance or /instance.
func (s *script) leave(d *datadriven.TestData) {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Version, req.Group = int16(number(d, "v", 5)), arg(d, "group", "g")
	for _, m := range fields(arg(d, "members", ""), ",") {
		of := kmsg.NewLeaveGroupRequestMember()
		id, instance, _ := strings.Cut(m, "/")
		of.MemberID, of.InstanceID, of.Reason = s.id(id), optional(instance), optional(arg(d, "reason", ""))
		req.MemberID = of.MemberID
		req.Members = append(req.Members, of)
	}
	s.c.LeaveGroup(Caller{}, sent(s, req, kmsg.NewPtrLeaveGroupRequest()), func(r *kmsg.LeaveGroupResponse) {
		r = sent(s, r, kmsg.NewPtrLeaveGroupResponse())
		line := "leave: " + code(r.ErrorCode)
		for _, m := range r.Members {
			line += fmt.Sprintf(" [%s %s %s]", m.MemberID, text(m.InstanceID), code(m.ErrorCode))
		}
		s.say("%s", line)
	})
}

func (s *script) describe(d *datadriven.TestData) {
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Version, req.Groups = int16(number(d, "v", 6)), fields(arg(d, "groups", "g"), ",")
	s.c.DescribeGroups(req, func(r *kmsg.DescribeGroupsResponse) {
		r = sent(s, r, kmsg.NewPtrDescribeGroupsResponse())
		for _, g := range r.Groups {
			s.say("group %s: %s %s state=%s type=%s protocol=%s", g.Group, code(g.ErrorCode), text(g.ErrorMessage), g.State, g.ProtocolType,
				g.Protocol)
			for _, m := range g.Members {
				s.say("  %s %s %s %s %s %q", m.MemberID, text(m.InstanceID), m.ClientID, m.ClientHost, topicsOf(m.ProtocolMetadata),
					m.MemberAssignment)
			}
		}
	})
}

func (s *script) list(d *datadriven.TestData) {
	req := kmsg.NewPtrListGroupsRequest()
	req.Version = int16(number(d, "v", 5))
	req.StatesFilter, req.TypesFilter = fields(arg(d, "states", ""), ","), fields(arg(d, "types", ""), ",")
	s.c.ListGroups(req, func(r *kmsg.ListGroupsResponse) {
		r = sent(s, r, kmsg.NewPtrListGroupsResponse())
		s.say("list: %s", code(r.ErrorCode))
		for _, g := range r.Groups {
			s.say("  %s protocol=%s state=%s type=%s", g.Group, g.ProtocolType, g.GroupState, g.GroupType)
		}
	})
}

// commit commits offsets, each as topic:partition:offset or topic:partition:offset:metadata.
func (s *script) commit(d *datadriven.TestData) {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version, req.Group, req.MemberID = int16(number(d, "v", 9)), arg(d, "group", "g"), s.member(d)
	req.Generation, req.InstanceID = int32(number(d, "generation", -1)), optional(arg(d, "instance", ""))
	req.RetentionTimeMillis = int64(number(d, "retention", -1))
	for _, o := range fields(arg(d, "offsets", ""), ",") {
		part := strings.SplitN(o, ":", 4)
		topic, p := kmsg.NewOffsetCommitRequestTopic(), kmsg.NewOffsetCommitRequestTopicPartition()
		topic.Topic = part[0]
		if t := s.cache.Image().Topics[part[0]]; t != nil {
			topic.TopicID = t.ID
		}
		number, _ := strconv.Atoi(part[1])
		p.Partition = int32(number)
		p.Offset, _ = strconv.ParseInt(part[2], 10, 64)
		if p.LeaderEpoch = 7; len(part) > 3 {
			p.Metadata = &part[3]
		}
		topic.Partitions = append(topic.Partitions, p)
		req.Topics = append(req.Topics, topic)
	}
	s.c.OffsetCommit(Caller{}, sent(s, req, kmsg.NewPtrOffsetCommitRequest()), func(r *kmsg.OffsetCommitResponse) {
		r = sent(s, r, kmsg.NewPtrOffsetCommitResponse())
		var codes []string
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				codes = append(codes, fmt.Sprintf("%s-%d:%s", s.topicName(t.Topic, t.TopicID), p.Partition, code(p.ErrorCode)))
			}
		}
		s.say("commit: %s", strings.Join(codes, " "))
	})
}

func (s *script) topicName(name string, id [16]byte) string {
	if t := s.cache.Image().ByID[id]; name == "" && t != nil {
		return t.Name
	}
	return name
}

// fetch asks for offsets of partitions, each as topic:partition, or of all; groups are divided by plus signs.
func (s *script) fetch(d *datadriven.TestData) {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Version, req.RequireStable = int16(number(d, "v", 9)), arg(d, "stable", "") == "yes"
	var topics []kmsg.OffsetFetchRequestGroupTopic
	for _, p := range fields(arg(d, "of", ""), ",") {
		name, partition, _ := strings.Cut(p, ":")
		number, _ := strconv.Atoi(partition)
		t := kmsg.OffsetFetchRequestGroupTopic{Topic: name, Partitions: []int32{int32(number)}}
		if known := s.cache.Image().Topics[name]; known != nil {
			t.TopicID = known.ID
		}
		topics = append(topics, t)
		req.Topics = append(req.Topics, kmsg.OffsetFetchRequestTopic{Topic: name, Partitions: t.Partitions})
	}
	for _, id := range fields(arg(d, "groups", "g"), "+") {
		g := kmsg.NewOffsetFetchRequestGroup()
		g.Group, g.Topics = id, topics
		req.Group = id
		req.Groups = append(req.Groups, g)
	}
	s.c.OffsetFetch(sent(s, req, kmsg.NewPtrOffsetFetchRequest()), func(r *kmsg.OffsetFetchResponse) {
		s.fetched(sent(s, r, kmsg.NewPtrOffsetFetchResponse()))
	})
}

func (s *script) fetched(r *kmsg.OffsetFetchResponse) {
	if r.Version < 8 {
		s.say("fetch: %s", code(r.ErrorCode))
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				s.say("  %s-%d: %s %d epoch=%d %q", t.Topic, p.Partition, code(p.ErrorCode), p.Offset, p.LeaderEpoch, text(p.Metadata))
			}
		}
	}
	for _, g := range r.Groups {
		s.say("fetch %s: %s", g.Group, code(g.ErrorCode))
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				s.say("  %s-%d: %s %d epoch=%d %q", s.topicName(t.Topic, t.TopicID), p.Partition, code(p.ErrorCode), p.Offset, p.LeaderEpoch,
					text(p.Metadata))
			}
		}
	}
}

func (s *script) deleteOffsets(d *datadriven.TestData) {
	req := kmsg.NewPtrOffsetDeleteRequest()
	req.Group = arg(d, "group", "g")
	for _, p := range fields(arg(d, "of", ""), ",") {
		name, partition, _ := strings.Cut(p, ":")
		number, _ := strconv.Atoi(partition)
		t := kmsg.NewOffsetDeleteRequestTopic()
		t.Topic, t.Partitions = name, []kmsg.OffsetDeleteRequestTopicPartition{{Partition: int32(number)}}
		req.Topics = append(req.Topics, t)
	}
	s.c.OffsetDelete(req, func(r *kmsg.OffsetDeleteResponse) {
		line := "delete-offsets: " + code(r.ErrorCode)
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				line += fmt.Sprintf(" %s-%d:%s", t.Topic, p.Partition, code(p.ErrorCode))
			}
		}
		s.say("%s", line)
	})
}

func (s *script) deleteGroups(d *datadriven.TestData) {
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.Version, req.Groups = 2, slices.Clone(fields(arg(d, "groups", "g"), ","))
	s.c.DeleteGroups(req, func(r *kmsg.DeleteGroupsResponse) {
		line := "delete-groups:"
		for _, g := range r.Groups {
			line += fmt.Sprintf(" %s:%s", g.Group, code(g.ErrorCode))
		}
		s.say("%s", line)
	})
}
