package group

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"milena/internal/groupmsg"
	"milena/internal/record"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestConsumerScripts runs the scripts of testdata/consumer in virtual time, with the commands of classic groups beside their own.
func TestConsumerScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/consumer", func(t *testing.T, path string) {
		synctest.Test(t, func(t *testing.T) {
			s := &consumerScript{script{names: map[string]string{}, ids: map[string]string{}}}
			datadriven.RunTest(t, path, s.run)
			s.c.Stop()
		})
	})
}

var word = regexp.MustCompile(`[A-Za-z0-9_-]+`)

// withoutIDs shows the member ids that the group made as such.
func withoutIDs(text string) string {
	return word.ReplaceAllStringFunc(text, func(w string) string {
		if len(w) == 22 && w != "GROUP_MAX_SIZE_REACHED" && w != "TargetAssignmentMember" {
			return "(generated)"
		}
		return w
	})
}

type consumerScript struct{ script }

func (s *consumerScript) run(t *testing.T, d *datadriven.TestData) string {
	commands := map[string]func(*datadriven.TestData){
		"chb": s.consumerHeartbeat, "cdescribe": s.consumerDescribe, "crecords": s.consumerRecords, "csync": s.classicSync,
		"cjoin": s.classicJoin,
	}
	f := commands[d.Cmd]
	if f == nil {
		return withoutIDs(s.script.run(t, d))
	}
	f(d)
	synctest.Wait()
	time.Sleep(time.Microsecond) // what comes right after
	synctest.Wait()
	out := strings.Join(s.said, "\n") + "\n" + s.words.take()
	s.said = nil
	out = strings.TrimPrefix(strings.TrimSuffix(out, "\n"), "\n")
	return withoutIDs(s.plain(out)) + "\n"
}

// topicID finds a topic that is there or was.
func (s *consumerScript) topicID(name string) (id [16]byte) {
	if t := s.cache.Image().Topics[name]; t != nil {
		return t.ID
	}
	return [16]byte{200}
}

// partitionsText shows partitions as "t:0,1 u:0".
func (s *consumerScript) partitionsText(id [16]byte, partitions []int32) string {
	name := fmt.Sprintf("#%d", id[0])
	if t := s.cache.Image().ByID[id]; t != nil {
		name = t.Name
	}
	text := make([]string, len(partitions))
	for i, p := range partitions {
		text[i] = strconv.Itoa(int(p))
	}
	return name + ":" + strings.Join(text, ",")
}

// consumerHeartbeat: member, epoch, topics=(t,u), regex, own=(t:0+1,u:0) or own=none, instance, assignor, rebalance, v. A joining member
// sends everything.
func (s *consumerScript) consumerHeartbeat(d *datadriven.TestData) {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version = int16(number(d, "v", 1))
	req.Group, req.MemberID, req.MemberEpoch = arg(d, "group", "g"), arg(d, "member", ""), int32(number(d, "epoch", 0))
	req.InstanceID, req.ServerAssignor = optional(arg(d, "instance", "")), optional(arg(d, "assignor", ""))
	req.RackID = optional(arg(d, "rack", ""))
	req.RebalanceTimeoutMillis = int32(number(d, "rebalance", -1))
	if topics := arg(d, "topics", ""); topics != "" {
		req.SubscribedTopicNames = strings.Split(topics, ",")
	}
	if regex := arg(d, "regex", ""); regex != "" {
		req.SubscribedTopicRegex = &regex
	}
	switch own := arg(d, "own", ""); {
	case own == "none" || own == "" && req.MemberEpoch == 0:
		req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	case own != "":
		for _, o := range strings.Split(own, ",") {
			name, partitions, _ := strings.Cut(o, ":")
			topic := kmsg.NewConsumerGroupHeartbeatRequestTopic()
			topic.TopicID = s.topicID(name)
			for _, p := range strings.Split(partitions, "+") {
				n, err := strconv.Atoi(p)
				if err != nil {
					s.t.Fatal(err)
				}
				topic.Partitions = append(topic.Partitions, int32(n))
			}
			req.Topics = append(req.Topics, topic)
		}
	}
	if req.MemberEpoch == 0 && req.RebalanceTimeoutMillis == -1 && arg(d, "rebalance", "") == "" {
		req.RebalanceTimeoutMillis = 60_000
	}
	who := req.MemberID
	by := Caller{"client-" + who, "/127.0.0.1"}
	s.c.ConsumerGroupHeartbeat(by, sent(&s.script, req, kmsg.NewPtrConsumerGroupHeartbeatRequest()),
		func(r *kmsg.ConsumerGroupHeartbeatResponse) {
			r = sent(&s.script, r, kmsg.NewPtrConsumerGroupHeartbeatResponse())
			line := fmt.Sprintf("%s: %s", who, code(r.ErrorCode))
			if r.ErrorMessage != nil {
				line += " " + *r.ErrorMessage
			}
			if r.ErrorCode == 0 {
				if line += fmt.Sprintf(" epoch=%d", r.MemberEpoch); *r.MemberID != who {
					line += fmt.Sprintf(" member id of %d letters", len(*r.MemberID))
				}
			}
			if r.Assignment != nil {
				line += " has ["
				for i, t := range r.Assignment.Topics {
					line += strings.Repeat(" ", min(i, 1)) + s.partitionsText(t.TopicID, t.Partitions)
				}
				line += "]"
			}
			s.say("%s", line)
		})
}

func (s *consumerScript) assignmentText(a *kmsg.Assignment) string {
	var topics []string
	for _, t := range a.TopicPartitions {
		topics = append(topics, s.partitionsText(t.TopicID, t.Partitions))
	}
	return "[" + strings.Join(topics, " ") + "]"
}

func (s *consumerScript) consumerDescribe(d *datadriven.TestData) {
	req := kmsg.NewPtrConsumerGroupDescribeRequest()
	req.Version, req.Groups = 1, strings.Split(arg(d, "groups", "g"), ",")
	s.c.ConsumerGroupDescribe(req, func(r *kmsg.ConsumerGroupDescribeResponse) {
		r = sent(&s.script, r, kmsg.NewPtrConsumerGroupDescribeResponse())
		for _, g := range r.Groups {
			if g.ErrorCode != 0 {
				s.say("%s: %s %s", g.Group, code(g.ErrorCode), text(g.ErrorMessage))
				continue
			}
			s.say("%s: %s epoch=%d assignment=%d by %s", g.Group, g.State, g.Epoch, g.AssignmentEpoch, g.AssignorName)
			for _, m := range g.Members {
				s.say("  %s instance=%s epoch=%d type=%d %v regex=%q has %s shall have %s", m.MemberID, text(m.InstanceID), m.MemberEpoch,
					m.MemberType, m.SubscribedTopics, text(m.SubscribedTopicRegex), s.assignmentText(&m.Assignment),
					s.assignmentText(&m.TargetAssignment))
			}
		}
	})
}

// consumerRecords shows the records since it was last asked, of consumer groups and classic ones, in the order of the log.
func (s *consumerScript) consumerRecords(*datadriven.TestData) {
	data := s.log.data[s.read:]
	s.read = len(s.log.data)
	for len(data) > 0 {
		batch := record.Batch(data[:record.Batch(data).SizeBytes()])
		data = data[len(batch):]
		s.say("batch")
		for r, err := range record.Records(batch, 1<<20) {
			if err != nil {
				s.t.Fatal(err)
			}
			k, v, err := groupmsg.Decode(r.Key, r.Value)
			if err != nil {
				s.t.Fatal(err)
			}
			s.say("  %s", s.consumerRecord(k, v))
		}
	}
}

func (s *consumerScript) consumerRecord(k groupmsg.Key, v groupmsg.Value) string {
	name := strings.TrimSpace(fmt.Sprintf("%s %s %s%s", strings.TrimPrefix(k.Type.String(), "ConsumerGroup"), k.Group, k.Member, k.Regex))
	topics := func(t []groupmsg.TopicPartitions) string {
		var text []string
		for _, t := range t {
			of := s.partitionsText(t.TopicID, t.Partitions)
			if t.AssignmentEpochs != nil {
				of += fmt.Sprint("@", t.AssignmentEpochs)
			}
			text = append(text, of)
		}
		return "[" + strings.Join(text, " ") + "]"
	}
	switch v := v.(type) {
	case nil:
		return name + " gone"
	case *groupmsg.ConsumerGroupMetadataValue:
		return fmt.Sprintf("%s epoch=%d hashed=%v", name, v.Epoch, v.MetadataHash != 0)
	case *groupmsg.ConsumerGroupMemberMetadataValue:
		name += fmt.Sprintf(" %v regex=%q instance=%s rebalance=%d", v.SubscribedTopicNames, text(v.SubscribedTopicRegex), text(v.InstanceID),
			v.RebalanceTimeoutMs)
		if v.Classic != nil {
			name += fmt.Sprintf(" classic %d", v.Classic.SessionTimeoutMs)
		}
		return name
	case *groupmsg.ConsumerGroupTargetAssignmentMetadataValue:
		return fmt.Sprintf("%s epoch=%d timed=%v", name, v.AssignmentEpoch, v.AssignmentTimestampMs != 0)
	case *groupmsg.ConsumerGroupTargetAssignmentMemberValue:
		return name + " " + topics(v.TopicPartitions)
	case *groupmsg.ConsumerGroupCurrentMemberAssignmentValue:
		return fmt.Sprintf("%s epoch=%d before=%d state=%d has %s gives back %s", name, v.MemberEpoch, v.PreviousMemberEpoch, v.State,
			topics(v.Assigned), topics(v.PendingRevocation))
	case *groupmsg.ConsumerGroupRegularExpressionValue:
		return fmt.Sprintf("%s %v", name, v.Topics)
	case *groupmsg.GroupMetadataValue:
		var ids []string
		for _, m := range v.Members {
			a := kmsg.NewConsumerMemberAssignment()
			if err := a.ReadFrom(m.Assignment); err != nil && len(m.Assignment) > 0 {
				s.t.Errorf("%x: %v", m.Assignment, err)
			}
			ids = append(ids, m.MemberID+classicText(&a))
		}
		return fmt.Sprintf("%s generation=%d protocol=%s %v", name, v.Generation, text(v.Protocol), ids)
	}
	return name + " ?"
}

func classicText(a *kmsg.ConsumerMemberAssignment) string {
	var topics []string
	for _, t := range a.Topics {
		topics = append(topics, fmt.Sprintf("%s%v", t.Topic, t.Partitions))
	}
	slices.Sort(topics)
	return fmt.Sprint(topics)
}

// classicJoin is a JoinGroup of a consumer that owns partitions: member, topics, own=(t:0+1), instance.
func (s *consumerScript) classicJoin(d *datadriven.TestData) {
	m := kmsg.NewConsumerMemberMetadata()
	m.Version, m.Topics = 1, strings.Split(arg(d, "topics", "t"), ",")
	for _, o := range fields(arg(d, "own", ""), ",") {
		name, partitions, _ := strings.Cut(o, ":")
		of := kmsg.NewConsumerMemberMetadataOwnedPartition()
		of.Topic = name
		for _, p := range strings.Split(partitions, "+") {
			n, _ := strconv.Atoi(p)
			of.Partitions = append(of.Partitions, int32(n))
		}
		m.OwnedPartitions = append(m.OwnedPartitions, of)
	}
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version, req.Group, req.MemberID, req.ProtocolType = 9, arg(d, "group", "g"), s.member(d), "consumer"
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis, req.InstanceID = 10_000, 60_000, optional(arg(d, "instance", ""))
	p := kmsg.NewJoinGroupRequestProtocol()
	p.Name, p.Metadata = "range", m.AppendTo(nil)
	req.Protocols = append(req.Protocols, p)
	who := arg(d, "member", "?")
	s.c.JoinGroup(Caller{arg(d, "client", "c"), "/127.0.0.1"}, sent(&s.script, req, kmsg.NewPtrJoinGroupRequest()),
		func(r *kmsg.JoinGroupResponse) {
			r = sent(&s.script, r, kmsg.NewPtrJoinGroupResponse())
			if len(r.MemberID) == 22 && s.names[r.MemberID] == "" {
				s.names[r.MemberID] = "new-" + strconv.Itoa(len(s.names))
				s.ids[s.names[r.MemberID]] = r.MemberID
			}
			s.say("join %s: %s member=%s generation=%d protocol=%s leader=%q members=%d", who, code(r.ErrorCode), s.shown(r.MemberID),
				r.Generation, text(r.Protocol), r.LeaderID, len(r.Members))
		})
}

func (s *consumerScript) shown(id string) string {
	if name := s.names[id]; name != "" {
		return name
	}
	return id
}

func (s *consumerScript) classicSync(d *datadriven.TestData) {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version, req.Group, req.MemberID, req.Generation = 5, arg(d, "group", "g"), s.member(d), int32(number(d, "generation", 1))
	typ, protocol := "consumer", "range"
	req.ProtocolType, req.Protocol, req.InstanceID = &typ, &protocol, optional(arg(d, "instance", ""))
	who := arg(d, "member", "")
	s.c.SyncGroup(Caller{}, req, func(r *kmsg.SyncGroupResponse) {
		r = sent(&s.script, r, kmsg.NewPtrSyncGroupResponse())
		line := fmt.Sprintf("sync %s: %s", who, code(r.ErrorCode))
		if r.ErrorCode == 0 {
			a := kmsg.NewConsumerMemberAssignment()
			if err := a.ReadFrom(r.MemberAssignment); err != nil {
				s.t.Errorf("%x: %v", r.MemberAssignment, err)
			}
			line += " " + classicText(&a)
		}
		s.say("%s", line)
	})
}
