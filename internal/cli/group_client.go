package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// groupClient asks coordinators about groups.
type groupClient struct{ *admin }

// openGroups makes an admin client for groups.
func (env *Env) openGroups(bootstrap, commandConfig string) (*groupClient, error) {
	// Offsets are asked for and committed by the names of topics, as Kafka's tool does: those of deleted topics have no other.
	versions := new(kversion.Versions)
	for key := range int16(kmsg.MaxKey + 1) {
		switch request := kmsg.RequestForKey(key); request.(type) {
		case nil:
		case *kmsg.OffsetCommitRequest, *kmsg.OffsetFetchRequest:
			versions.SetMaxKeyVersion(key, 9)
		default:
			versions.SetMaxKeyVersion(key, request.MaxVersion())
		}
	}
	a, err := env.openAdmin(bootstrap, commandConfig, kgo.MaxVersions(versions))
	if err != nil {
		return nil, err
	}
	return &groupClient{a}, nil
}

// groupDescription is what a coordinator says of a group.
type groupDescription struct {
	id, state   string
	assignor    string // the protocol that members agreed on, or the coordinator's assignor
	coordinator kgo.BrokerMetadata
	members     []groupMember
	// epoch and targetEpoch are those of groups of the new protocol (KIP-848); nil in classic groups.
	epoch, targetEpoch *int32
}

// groupMember is one member of a group.
type groupMember struct {
	id, instanceID, clientID, host string

	assigned, target []topicPartition
	epoch            *int32 // nil in classic groups
	upgraded         *bool  // whether it speaks the new protocol; nil where that is not told
}

// groupAnswers are descriptions by group id, and errors of those that have none.
type groupAnswers struct {
	groups map[string]*groupDescription
	errs   map[string]error
}

// describe asks the coordinators about groups: as groups of the new protocol first, and those that are none, or whose broker
// does not know such groups, as classic ones.
func (g *groupClient) describe(ctx context.Context, ids []string) (*groupAnswers, error) {
	answers := &groupAnswers{map[string]*groupDescription{}, map[string]error{}}
	if len(ids) == 0 {
		return answers, nil
	}
	request := kmsg.NewPtrConsumerGroupDescribeRequest()
	request.Groups = ids
	var classic []string
	shards, err := g.sharded(ctx, "describeConsumerGroups(api=FIND_COORDINATOR)", request)
	if err != nil {
		return nil, err
	}
	for _, shard := range shards {
		if shard.Err != nil {
			asked := shard.Req.(*kmsg.ConsumerGroupDescribeRequest).Groups
			if unsupportedRequest(shard.Err) {
				classic = append(classic, asked...)
				continue
			}
			answers.fail(asked, fromClient(shard.Err))
			continue
		}
		response := shard.Resp.(*kmsg.ConsumerGroupDescribeResponse)
		for i := range response.Groups {
			group := &response.Groups[i]
			switch group.ErrorCode {
			case 0:
				answers.groups[group.Group] = consumerGroup(group, shard.Meta)
			case kerr.GroupIDNotFound.Code, kerr.UnsupportedVersion.Code:
				classic = append(classic, group.Group)
			default:
				answers.errs[group.Group] = codeError(group.ErrorCode, group.ErrorMessage)
			}
		}
	}
	if len(classic) > 0 {
		return answers, g.describeClassic(ctx, classic, answers)
	}
	return answers, nil
}

func (a *groupAnswers) fail(ids []string, err error) {
	for _, id := range ids {
		a.errs[id] = err
	}
}

// describeClassic adds classic groups to answers.
func (g *groupClient) describeClassic(ctx context.Context, ids []string, answers *groupAnswers) error {
	request := kmsg.NewPtrDescribeGroupsRequest()
	request.Groups = ids
	shards, err := g.sharded(ctx, "describeConsumerGroups(api=DESCRIBE_GROUPS)", request)
	if err != nil {
		return err
	}
	for _, shard := range shards {
		if shard.Err != nil {
			answers.fail(shard.Req.(*kmsg.DescribeGroupsRequest).Groups, fromClient(shard.Err))
			continue
		}
		response := shard.Resp.(*kmsg.DescribeGroupsResponse)
		for i := range response.Groups {
			group := &response.Groups[i]
			switch {
			case group.ErrorCode != 0:
				answers.errs[group.Group] = codeError(group.ErrorCode, group.ErrorMessage)
			case group.ProtocolType != "" && group.ProtocolType != "consumer":
				answers.errs[group.Group] = &groupFailure{fmt.Sprintf("java.lang.IllegalArgumentException: GroupId %s is not a "+
					"consumer group (%s).", group.Group, group.ProtocolType)}
			default:
				answers.groups[group.Group] = classicGroup(group, shard.Meta)
			}
		}
	}
	return nil
}

func consumerGroup(from *kmsg.ConsumerGroupDescribeResponseGroup, coordinator kgo.BrokerMetadata) *groupDescription {
	group := &groupDescription{id: from.Group, state: from.State, assignor: from.AssignorName, coordinator: coordinator,
		epoch: &from.Epoch, targetEpoch: &from.AssignmentEpoch, members: make([]groupMember, len(from.Members))}
	partitions := func(assignment kmsg.Assignment) (tps []topicPartition) {
		for _, topic := range assignment.TopicPartitions {
			for _, p := range topic.Partitions {
				tps = append(tps, topicPartition{topic.Topic, p})
			}
		}
		return tps
	}
	for i := range from.Members {
		m := &from.Members[i]
		member := groupMember{id: m.MemberID, clientID: m.ClientID, host: m.ClientHost, epoch: &m.MemberEpoch,
			assigned: partitions(m.Assignment), target: partitions(m.TargetAssignment)}
		if m.InstanceID != nil {
			member.instanceID = *m.InstanceID
		}
		if m.MemberType == 0 || m.MemberType == 1 {
			upgraded := m.MemberType == 1
			member.upgraded = &upgraded
		}
		group.members[i] = member
	}
	return group
}

func classicGroup(from *kmsg.DescribeGroupsResponseGroup, coordinator kgo.BrokerMetadata) *groupDescription {
	group := &groupDescription{id: from.Group, state: from.State, assignor: from.Protocol, coordinator: coordinator,
		members: make([]groupMember, len(from.Members))}
	for i := range from.Members {
		m := &from.Members[i]
		member := groupMember{id: m.MemberID, clientID: m.ClientID, host: m.ClientHost}
		if m.InstanceID != nil {
			member.instanceID = *m.InstanceID
		}
		var assignment kmsg.ConsumerMemberAssignment
		if len(m.MemberAssignment) > 0 && assignment.ReadFrom(m.MemberAssignment) == nil {
			for _, topic := range assignment.Topics {
				for _, p := range topic.Partitions {
					member.assigned = append(member.assigned, topicPartition{topic.Topic, p})
				}
			}
		}
		group.members[i] = member
	}
	return group
}

// committedOffset is an offset that a group has stored; leaderEpoch is -1 where it is not known.
type committedOffset struct {
	offset      int64
	leaderEpoch int32
}

// committed asks for all offsets that these groups have stored.
func (g *groupClient) committed(ctx context.Context, ids []string) (map[string]map[topicPartition]committedOffset, error) {
	stored := map[string]map[topicPartition]committedOffset{}
	if len(ids) == 0 {
		return stored, nil
	}
	request := kmsg.NewPtrOffsetFetchRequest()
	for _, id := range ids {
		group := kmsg.NewOffsetFetchRequestGroup()
		group.Group = id
		request.Groups = append(request.Groups, group)
	}
	shards, err := g.sharded(ctx, "listConsumerGroupOffsets(api=FIND_COORDINATOR)", request)
	if err != nil {
		return nil, err
	}
	for _, shard := range shards {
		if shard.Err != nil {
			return nil, fromClient(shard.Err)
		}
		response := shard.Resp.(*kmsg.OffsetFetchResponse)
		for _, group := range response.Groups {
			if err := codeError(group.ErrorCode, nil); err != nil {
				return nil, err
			}
			offsets := map[topicPartition]committedOffset{}
			for _, topic := range group.Topics {
				for _, p := range topic.Partitions {
					if p.ErrorCode == 0 && p.Offset >= 0 {
						offsets[topicPartition{topic.Topic, p.Partition}] = committedOffset{p.Offset, p.LeaderEpoch}
					}
				}
			}
			stored[group.Group] = offsets
		}
	}
	return stored, nil
}

// sharded sends a request that the client library splits by coordinator, and tries again while nothing answers.
func (g *groupClient) sharded(ctx context.Context, name string, request kmsg.Request) ([]kgo.ResponseShard, error) {
	var shards []kgo.ResponseShard
	_, err := g.retry(ctx, name, func(ctx context.Context) (kmsg.Response, error) {
		shards = g.client.RequestSharded(ctx, request)
		for _, shard := range shards {
			if shard.Err != nil && (passing(shard.Err) || errors.Is(shard.Err, context.DeadlineExceeded)) {
				return nil, shard.Err
			}
		}
		return nil, nil
	})
	return shards, err
}
