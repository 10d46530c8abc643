package group

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"milena/internal/coordinator"
	"milena/internal/groupmsg"
	"milena/internal/metadata"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ConsumerGroupHeartbeat answers a member of a consumer group (KIP-848): it joins, leaves, tells what it owns, and hears what it is to own.
func (c *Coordinator) ConsumerGroupHeartbeat(
	by Caller, req *kmsg.ConsumerGroupHeartbeatRequest, reply func(*kmsg.ConsumerGroupHeartbeatResponse),
) {
	fail := func(err error) { reply(heartbeatFailed(req, err)) }
	if err := c.checkHeartbeat(req); err != nil {
		fail(err)
		return
	}
	code := c.do(req.Group, func(m *machine) coordinator.Result {
		result, r, err := m.consumerHeartbeat(by, req)
		if err != nil {
			m.host.Reply(func() { fail(err) })
			return coordinator.Result{}
		}
		after := result.Then
		result.Then = func(err error) {
			if after != nil {
				after(err)
			}
			if err != nil {
				r = heartbeatFailed(req, err)
			}
			m.host.Reply(func() { reply(r) })
		}
		return result
	})
	if code != 0 {
		r := heartbeatFailed(req, nil)
		r.ErrorCode = code
		reply(r)
	}
}

func heartbeatFailed(req *kmsg.ConsumerGroupHeartbeatRequest, err error) *kmsg.ConsumerGroupHeartbeatResponse {
	r := kmsg.NewPtrConsumerGroupHeartbeatResponse()
	r.Version, r.ErrorCode = req.Version, codeOf(err)
	var why *refused
	if errors.As(err, &why) {
		r.ErrorMessage = &why.text
	}
	return r
}

// checkHeartbeat refuses what no group could take.
func (c *Coordinator) checkHeartbeat(req *kmsg.ConsumerGroupHeartbeatRequest) error {
	invalid := func(text string) error { return refuse(kerr.InvalidRequest, "%s", text) }
	blank := func(s *string) bool { return s != nil && strings.TrimSpace(*s) == "" }
	joining := req.MemberEpoch == epochJoining
	assignors := c.options.Config.Broker().Groups.Consumer.Assignors
	switch {
	case (req.Version >= 1 || req.MemberEpoch > 0 || req.MemberEpoch == epochLeaving) && blank(&req.MemberID):
		return invalid("MemberId can't be empty.")
	case blank(&req.Group):
		return invalid("GroupId can't be empty.")
	case blank(req.InstanceID):
		return invalid("InstanceId can't be empty.")
	case blank(req.RackID):
		return invalid("RackId can't be empty.")
	case joining && req.RebalanceTimeoutMillis == -1:
		return invalid("RebalanceTimeoutMs must be provided in first request.")
	case joining && (req.Topics == nil || len(req.Topics) > 0):
		return invalid("TopicPartitions must be empty when (re-)joining.")
	case joining && req.SubscribedTopicNames == nil && req.SubscribedTopicRegex == nil:
		return invalid("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.")
	case req.MemberEpoch == epochStaticLeaving && req.InstanceID == nil:
		return invalid("InstanceId can't be null.")
	case req.MemberEpoch < epochStaticLeaving:
		return invalid("MemberEpoch is invalid.")
	case req.ServerAssignor != nil && !slices.Contains(assignors, *req.ServerAssignor):
		return refuse(kerr.UnsupportedAssignor, "ServerAssignor %s is not supported. Supported assignors: %s.", *req.ServerAssignor,
			strings.Join(assignors, ", "))
	}
	return nil
}

// consumerHeartbeat serves a heartbeat that is sound in itself.
func (m *machine) consumerHeartbeat(
	by Caller, req *kmsg.ConsumerGroupHeartbeatRequest,
) (coordinator.Result, *kmsg.ConsumerGroupHeartbeatResponse, error) {
	m.look()
	if req.MemberEpoch == epochLeaving || req.MemberEpoch == epochStaticLeaving {
		return m.consumerLeave(req)
	}
	g, records, undo, err := m.consumerGroupFor(req.Group, req.MemberEpoch == epochJoining)
	if err != nil {
		return coordinator.Result{}, nil, err
	}
	s := &heartbeat{g: g, records: records, own: owns(req.Topics), joining: req.MemberEpoch == epochJoining}
	r, err := s.serve(by, req)
	if err != nil {
		return coordinator.Result{}, nil, err
	}
	return coordinator.Result{Records: s.records, Then: s.then(undo)}, r, nil
}

// consumerGroupFor finds the group, makes a draft of a new one, or converts a classic one for a member that joins by the new protocol.
// undo, where there is one, is to be called when the records cannot be written.
func (m *machine) consumerGroupFor(id string, create bool) (g *consumerGroup, records []coordinator.Record, undo func(), err error) {
	old := m.groups[id]
	switch old := old.(type) {
	case *consumerGroup:
		return old, nil, nil, nil
	case nil:
		if !create {
			return nil, nil, nil, refuse(kerr.GroupIDNotFound, "Consumer group %s not found.", id)
		}
	case *classicGroup:
		switch {
		case !create:
			return nil, nil, nil, refuse(kerr.GroupIDNotFound, "Group %s is not a consumer group.", id)
		case !old.empty():
			return m.upgrade(old)
		}
		records = old.tombstones(nil)
	default:
		return nil, nil, nil, refuse(kerr.GroupIDNotFound, "Group %s is not a consumer group.", id)
	}
	g = newConsumerGroup(m, id)
	m.consumer.draft = g
	return g, records, nil, nil
}

// heartbeat is the work of one heartbeat, or of one join by the classic protocol: what it reads of the group is as it was before.
type heartbeat struct {
	g       *consumerGroup
	records []coordinator.Record
	own     *owning // partitions that the member says it owns; nil: it did not say
	joining bool
	// was is the member before and now is what it becomes.
	was, now *consumerMember
	epoch    int32 // of the group
	target   target
}

// owning is what a member says it owns.
type owning map[partitionOf]struct{}

func owns(topics []kmsg.ConsumerGroupHeartbeatRequestTopic) *owning {
	if topics == nil {
		return nil
	}
	o := owning{}
	for _, t := range topics {
		for _, p := range t.Partitions {
			o[partitionOf{t.TopicID, p}] = struct{}{}
		}
	}
	return &o
}

// within tells whether all that is owned is among these.
func (o *owning) within(assigned owned) bool {
	if o == nil {
		return false
	}
	for at := range *o {
		if !assigned.has(at.topic, at.partition) {
			return false
		}
	}
	return true
}

// anyOf tells whether something of these is owned; so it is when the member did not say.
func (o *owning) anyOf(revoking owned) bool {
	if o == nil {
		return true
	}
	for at := range *o {
		if revoking.has(at.topic, at.partition) {
			return true
		}
	}
	return false
}

func (s *heartbeat) serve(by Caller, req *kmsg.ConsumerGroupHeartbeatRequest) (*kmsg.ConsumerGroupHeartbeatResponse, error) {
	g, config := s.g, &s.g.m.c.options.Config.Broker().Groups.Consumer
	if err := g.checkRoom(req.MemberID); err != nil {
		return nil, err
	}
	id := req.MemberID
	if id == "" {
		id = newMemberID()
	}
	var err error
	if req.InstanceID == nil {
		s.was, err = s.dynamicMember(id, s.joining, req.MemberEpoch)
	} else {
		s.was, err = s.staticMember(id, *req.InstanceID, s.joining, &req.MemberEpoch)
	}
	if err != nil {
		return nil, err
	}
	s.now = s.was.updated(by, req)
	subscribed, err := s.subscribe(by)
	if err != nil {
		return nil, err
	}
	if err := s.retarget(); err != nil {
		return nil, err
	}
	if err := s.reconcile(subscribed); err != nil {
		return nil, err
	}
	g.keepAlive(s.now)

	r := kmsg.NewPtrConsumerGroupHeartbeatResponse()
	r.Version, r.MemberID, r.MemberEpoch, r.HeartbeatIntervalMillis = req.Version, &s.now.id, s.now.epoch, config.HeartbeatIntervalMs
	full := req.RebalanceTimeoutMillis != -1 && (req.SubscribedTopicNames != nil || req.SubscribedTopicRegex != nil) && req.Topics != nil
	if s.joining || full || !s.was.assigned.equal(s.now.assigned) {
		r.Assignment = assignmentReply(s.now.assigned)
	}
	return r, nil
}

func assignmentReply(o owned) *kmsg.ConsumerGroupHeartbeatResponseAssignment {
	a := kmsg.NewConsumerGroupHeartbeatResponseAssignment()
	a.Topics = []kmsg.ConsumerGroupHeartbeatResponseAssignmentTopic{}
	for _, t := range o.sorted() {
		topic := kmsg.NewConsumerGroupHeartbeatResponseAssignmentTopic()
		topic.TopicID, topic.Partitions = t.TopicID, t.Partitions
		a.Topics = append(a.Topics, topic)
	}
	return &a
}

func (g *consumerGroup) checkRoom(memberID string) error {
	limit := g.m.c.options.Config.Broker().Groups.Consumer.MaxSize
	if len(g.members) >= limit && (memberID == "" || g.members[memberID] == nil) {
		return refuse(kerr.GroupMaxSizeReached, "The consumer group has reached its maximum capacity of %d members.", limit)
	}
	return nil
}

// newMemberID is a random id as Kafka writes them. It does not begin with a dash, which tools would take for a flag.
func newMemberID() string {
	for {
		var id metadata.TopicID
		_, _ = rand.Read(id[:])
		id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
		if text := base64.RawURLEncoding.EncodeToString(id[:]); text[0] != '-' {
			return text
		}
	}
}

// dynamicMember finds the member, or makes it where it joins.
func (s *heartbeat) dynamicMember(id string, create bool, epoch int32) (*consumerMember, error) {
	m := s.g.members[id]
	switch {
	case m == nil && !create:
		return nil, s.g.unknownMember(id)
	case m == nil:
		return newConsumerMember(id), nil
	}
	return m, s.checkEpoch(m, epoch)
}

// checkEpoch refuses epochs that are not the member's. The one before is good where the member has no more than it was given, for the
// answer with the new one may have been lost.
func (s *heartbeat) checkEpoch(m *consumerMember, epoch int32) error {
	switch {
	case epoch == epochJoining, epoch == m.epoch:
		return nil
	case epoch > m.epoch:
		return refuse(kerr.FencedMemberEpoch, "The consumer group member has a greater member epoch (%d) than the one known by the group "+
			"coordinator (%d). The member must abandon all its partitions and rejoin.", epoch, m.epoch)
	case epoch != m.previousEpoch || !s.own.within(m.assigned):
		return refuse(kerr.FencedMemberEpoch, "The consumer group member has a smaller member epoch (%d) than the one known by the group "+
			"coordinator (%d). The member must abandon all its partitions and rejoin.", epoch, m.epoch)
	}
	return nil
}

// staticMember finds the member that holds the instance id. One that joins takes the place of a holder that has left for a while, or,
// where either of them speaks the classic protocol, of any; epoch is nil for who joins by the classic protocol.
func (s *heartbeat) staticMember(id, instanceID string, create bool, epoch *int32) (*consumerMember, error) {
	g, holder := s.g, s.g.staticMember(instanceID)
	if !create {
		if err := g.checkInstance(holder, id, instanceID); err != nil {
			return nil, err
		}
		if epoch == nil {
			return holder, nil
		}
		return holder, s.checkEpoch(holder, *epoch)
	}
	if holder == nil {
		if m := g.members[id]; m != nil {
			return m, nil
		}
		return newConsumerMember(id), nil
	}
	if epoch != nil && holder.classic == nil && holder.epoch != epochStaticLeaving {
		return nil, refuse(kerr.UnreleasedInstanceID, "Static member %s with instance id %s cannot join the group because the instance id "+
			"is owned by %s member.", id, instanceID, holder.id)
	}
	m := *holder
	m.id, m.epoch, m.previousEpoch = id, 0, 0
	s.records = memberTombstones(s.records, g.id, holder.id)
	s.records = append(s.records, metadataRecord(g.id, &m), targetRecord(g.id, id, g.targets[holder.id]), currentRecord(g.id, &m))
	return &m, nil
}

// checkInstance refuses an instance id that nobody holds, or another member.
func (g *consumerGroup) checkInstance(holder *consumerMember, id, instanceID string) error {
	switch {
	case holder == nil:
		return refuse(kerr.UnknownMemberID, "Instance id %s is unknown.", instanceID)
	case holder.id != id:
		return refuse(kerr.FencedInstanceID, "Static member %s with instance id %s was fenced by member %s.", id, instanceID, holder.id)
	}
	return nil
}

// updated is the member with what the heartbeat says anew.
func (m *consumerMember) updated(by Caller, req *kmsg.ConsumerGroupHeartbeatRequest) *consumerMember {
	n := *m
	if req.InstanceID != nil {
		n.instanceID = req.InstanceID
	}
	if req.RackID != nil {
		n.rackID = req.RackID
	}
	if req.RebalanceTimeoutMillis != -1 {
		n.rebalanceTimeoutMs = req.RebalanceTimeoutMillis
	}
	if req.ServerAssignor != nil {
		n.assignor = req.ServerAssignor
	}
	if req.SubscribedTopicNames != nil {
		n.topics = slices.Compact(slices.Sorted(slices.Values(req.SubscribedTopicNames)))
	}
	if req.SubscribedTopicRegex != nil {
		n.regex, n.regexNull = *req.SubscribedTopicRegex, false
	}
	n.clientID, n.clientHost, n.classic = by.ClientID, by.ClientHost, nil
	return &n
}

// subscribe writes what has changed about the member, and raises the group's epoch where its topics have. It tells whether the member's
// subscription has changed.
func (s *heartbeat) subscribe(by Caller) (changed bool, err error) {
	g := s.g
	s.epoch = g.epoch
	if !s.now.sameMetadata(s.was) {
		s.records = append(s.records, metadataRecord(g.id, s.now))
	}
	names := !slices.Equal(s.now.topics, s.was.topics)
	regex, resolved, err := s.subscribeRegex()
	if err != nil {
		return false, err
	}
	raise := names || resolved
	if raise || g.refreshDue() {
		hash := g.hashOf(g.topicsOf(g.with(s.now)))
		if hash != g.metadataHash && !raise {
			g.story.add("topics changed")
			raise = true
		}
		if raise {
			s.epoch++
			s.records = append(s.records, epochRecord(g.id, s.epoch, hash))
		}
		g.refreshed(s.epoch)
		if g.oldMetadata {
			s.records = append(s.records, recordOf(groupmsg.Key{Type: groupmsg.ConsumerGroupPartitionMetadata, Group: g.id}, nil))
		}
	}
	switch known := g.members[s.now.id] != nil; {
	case !known && s.now.instanceID != nil && g.staticMember(*s.now.instanceID) != nil:
		g.story.add(s.now.id + " replaced " + g.static[*s.now.instanceID] + " as " + *s.now.instanceID)
	case !known:
		g.story.add(s.now.id + " of " + by.ClientID + by.ClientHost + " joined")
	case names || regex:
		g.story.add(s.now.id + " changed its subscription")
	}
	return names || regex, nil
}

// then follows the records: what the group's one line of the log tells, and undo where they could not be written.
func (s *heartbeat) then(undo func()) func(error) {
	g := s.g
	if len(s.records) == 0 && undo == nil {
		return nil
	}
	return func(err error) {
		if err != nil && undo != nil && !errors.Is(err, coordinator.ErrTimedOut) {
			undo()
		}
		g.story.settle(g)
	}
}

// keepAlive begins a member's session anew.
func (g *consumerGroup) keepAlive(m *consumerMember) {
	session := g.m.c.options.Config.Broker().Groups.Consumer.SessionTimeoutMs
	if m.classic != nil {
		session = m.classic.SessionTimeoutMs
	}
	g.m.host.Schedule(g.timer("session", m.id), time.Duration(session)*time.Millisecond, func() coordinator.Result {
		return g.m.expel(g.id, m.id, "its session ended")
	})
}
