package cli

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"milena/internal/groupmsg"
)

// The JSON that Kafka's generated converters make of the records in __consumer_offsets: the fields in the order of their definition,
// those that a version lacks left out, and tagged ones too where they have their default.

type groupIDJSON struct {
	GroupID string `json:"groupId"`
}

type groupMemberKeyJSON struct {
	GroupID  string `json:"groupId"`
	MemberID string `json:"memberId"`
}

type regexKeyJSON struct {
	GroupID string `json:"groupId"`
	Regex   string `json:"regularExpression"`
}

type groupEpochJSON struct {
	Epoch        int32 `json:"epoch"`
	MetadataHash int64 `json:"metadataHash,omitempty"`
}

type partitionMetadataJSON struct {
	Topics []groupTopicJSON `json:"topics"`
}

type groupTopicJSON struct {
	TopicID       string               `json:"topicId"`
	TopicName     string               `json:"topicName"`
	NumPartitions int32                `json:"numPartitions"`
	Partitions    []groupPartitionJSON `json:"partitionMetadata"`
}

type groupPartitionJSON struct {
	Partition int32    `json:"partition"`
	Racks     []string `json:"racks"`
}

type memberMetadataJSON struct {
	InstanceID           *string            `json:"instanceId"`
	RackID               *string            `json:"rackId"`
	ClientID             string             `json:"clientId"`
	ClientHost           string             `json:"clientHost"`
	SubscribedTopicNames []string           `json:"subscribedTopicNames"`
	SubscribedTopicRegex *string            `json:"subscribedTopicRegex"`
	RebalanceTimeoutMs   int32              `json:"rebalanceTimeoutMs"`
	ServerAssignor       *string            `json:"serverAssignor"`
	Classic              *classicMemberJSON `json:"classicMemberMetadata"`
}

type classicMemberJSON struct {
	SessionTimeoutMs int32                 `json:"sessionTimeoutMs"`
	Protocols        []classicProtocolJSON `json:"supportedProtocols"`
}

type classicProtocolJSON struct {
	Name     string `json:"name"`
	Metadata []byte `json:"metadata"`
}

type targetEpochJSON struct {
	AssignmentEpoch int32 `json:"assignmentEpoch"`
	TimestampMs     int64 `json:"assignmentTimestamp,omitempty"`
}

type targetMemberJSON struct {
	TopicPartitions []idPartitionsJSON `json:"topicPartitions"`
}

type idPartitionsJSON struct {
	TopicID          string  `json:"topicId"`
	Partitions       []int32 `json:"partitions"`
	AssignmentEpochs []int32 `json:"assignmentEpochs,omitzero"`
}

type currentMemberJSON struct {
	MemberEpoch         int32              `json:"memberEpoch"`
	PreviousMemberEpoch int32              `json:"previousMemberEpoch"`
	State               int8               `json:"state"`
	Assigned            []idPartitionsJSON `json:"assignedPartitions"`
	PendingRevocation   []idPartitionsJSON `json:"partitionsPendingRevocation"`
}

type regexValueJSON struct {
	Topics      []string `json:"topics"`
	Version     int64    `json:"version"`
	TimestampMs int64    `json:"timestamp"`
}

// lastKnownGroupType is the last record type of the newer group protocols (KIP-848, KIP-932, KIP-1071) that Kafka 4.3 knows.
const lastKnownGroupType = 24

// decodeOffsetsRecord shows a record of __consumer_offsets as Kafka's dump-log does.
func decodeOffsetsRecord(kind int16, key, value []byte) (k, v any, version int16, err error) {
	return groupRecordJSON(kind, key, value, true)
}

// groupRecordJSON shows a record's key and value; what classic members sent is decoded if parsed.
func groupRecordJSON(kind int16, key, value []byte, parsed bool) (k, v any, version int16, err error) {
	read, err := groupmsg.DecodeKey(key)
	var unknown *groupmsg.UnknownTypeError
	switch {
	case errors.As(err, &unknown) && kind > 2 && kind <= lastKnownGroupType:
		return nil, nil, 0, fmt.Errorf("Record type %d (of share or Streams groups) is not supported by this tool", kind)
	case errors.As(err, &unknown):
		return nil, nil, 0, unknownType(kind)
	case err != nil:
		return nil, nil, 0, fmt.Errorf("Could not read record with version %d from key's buffer due to: null.", kind)
	}
	k = groupKey(&read)
	if value == nil {
		return k, nil, 0, nil
	}
	if len(value) < 2 {
		return nil, nil, 0, errors.New("Could not read version from value's buffer.")
	}
	version = int16(binary.BigEndian.Uint16(value))
	if newest := newestGroupValue(read.Type); version < 0 || version > newest {
		return nil, nil, 0, fmt.Errorf("Can't read version %d of the value: %d is the newest known", version, newest)
	}
	decoded, err := groupmsg.DecodeValue(read.Type, value)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("Could not read record with version %d from value's buffer due to: null.", version)
	}
	return k, groupValue(decoded, parsed), version, nil
}

// newestGroupValue is the newest version of the values of a type.
func newestGroupValue(t groupmsg.Type) int16 {
	switch t {
	case groupmsg.LegacyOffsetCommit, groupmsg.OffsetCommit, groupmsg.GroupMetadata:
		return 4
	}
	return 0
}

func groupKey(k *groupmsg.Key) any {
	switch k.Type {
	case groupmsg.LegacyOffsetCommit, groupmsg.OffsetCommit:
		return offsetKeyJSON{k.Group, k.Topic, k.Partition}
	case groupmsg.GroupMetadata:
		return groupKeyJSON{k.Group}
	case groupmsg.ConsumerGroupMemberMetadata, groupmsg.ConsumerGroupTargetAssignmentMember,
		groupmsg.ConsumerGroupCurrentMemberAssignment:
		return groupMemberKeyJSON{k.Group, k.Member}
	case groupmsg.ConsumerGroupRegularExpression:
		return regexKeyJSON{k.Group, k.Regex}
	}
	return groupIDJSON{k.Group}
}

func groupValue(value groupmsg.Value, parsed bool) any {
	switch v := value.(type) {
	case *groupmsg.OffsetCommitValue:
		return offsetValue(v)
	case *groupmsg.GroupMetadataValue:
		return classicGroupValue(v, parsed)
	case *groupmsg.ConsumerGroupMetadataValue:
		return groupEpochJSON{v.Epoch, v.MetadataHash}
	case *groupmsg.ConsumerGroupPartitionMetadataValue:
		return partitionMetadata(v)
	case *groupmsg.ConsumerGroupMemberMetadataValue:
		return memberMetadata(v)
	case *groupmsg.ConsumerGroupTargetAssignmentMetadataValue:
		return targetEpochJSON{v.AssignmentEpoch, v.AssignmentTimestampMs}
	case *groupmsg.ConsumerGroupTargetAssignmentMemberValue:
		return targetMemberJSON{idPartitions(v.TopicPartitions)}
	case *groupmsg.ConsumerGroupCurrentMemberAssignmentValue:
		return currentMemberJSON{v.MemberEpoch, v.PreviousMemberEpoch, int8(v.State), idPartitions(v.Assigned),
			idPartitions(v.PendingRevocation)}
	case *groupmsg.ConsumerGroupRegularExpressionValue:
		return regexValueJSON{append([]string{}, v.Topics...), v.MetadataVersion, v.TimestampMs}
	}
	return nil
}

func topicIDText(id [16]byte) string { return base64.RawURLEncoding.EncodeToString(id[:]) }

func idPartitions(topics []groupmsg.TopicPartitions) []idPartitionsJSON {
	list := make([]idPartitionsJSON, len(topics))
	for i, t := range topics {
		list[i] = idPartitionsJSON{topicIDText(t.TopicID), append([]int32{}, t.Partitions...), t.AssignmentEpochs}
	}
	return list
}

func partitionMetadata(v *groupmsg.ConsumerGroupPartitionMetadataValue) any {
	topics := make([]groupTopicJSON, len(v.Topics))
	for i, t := range v.Topics {
		topics[i] = groupTopicJSON{topicIDText(t.TopicID), t.TopicName, t.NumPartitions, []groupPartitionJSON{}}
		for _, p := range t.Partitions {
			topics[i].Partitions = append(topics[i].Partitions, groupPartitionJSON{p.Partition, append([]string{}, p.Racks...)})
		}
	}
	return partitionMetadataJSON{topics}
}

func memberMetadata(v *groupmsg.ConsumerGroupMemberMetadataValue) any {
	m := memberMetadataJSON{InstanceID: v.InstanceID, RackID: v.RackID, ClientID: v.ClientID, ClientHost: v.ClientHost,
		SubscribedTopicNames: append([]string{}, v.SubscribedTopicNames...), SubscribedTopicRegex: v.SubscribedTopicRegex,
		RebalanceTimeoutMs: v.RebalanceTimeoutMs, ServerAssignor: v.ServerAssignor}
	if v.Classic != nil {
		m.Classic = &classicMemberJSON{v.Classic.SessionTimeoutMs, []classicProtocolJSON{}}
		for _, p := range v.Classic.Protocols {
			m.Classic.Protocols = append(m.Classic.Protocols, classicProtocolJSON{p.Name, append([]byte{}, p.Metadata...)})
		}
	}
	return m
}
