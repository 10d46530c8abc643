package cli

import (
	"encoding/base64"

	"github.com/twmb/franz-go/pkg/kmsg"

	"milena/internal/groupmsg"
)

type offsetKeyJSON struct {
	Group     string `json:"group"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

type offsetValueJSON struct {
	Offset          int64   `json:"offset"`
	LeaderEpoch     *int32  `json:"leaderEpoch,omitempty"`
	Metadata        string  `json:"metadata"`
	CommitTimestamp int64   `json:"commitTimestamp"`
	ExpireTimestamp *int64  `json:"expireTimestamp,omitempty"`
	TopicID         *string `json:"topicId,omitempty"`
}

type groupKeyJSON struct {
	Group string `json:"group"`
}

type groupValueJSON struct {
	ProtocolType          string            `json:"protocolType"`
	Generation            int32             `json:"generation"`
	Protocol              *string           `json:"protocol"`
	Leader                *string           `json:"leader"`
	CurrentStateTimestamp *int64            `json:"currentStateTimestamp,omitempty"`
	Members               []groupMemberJSON `json:"members"`
}

type groupMemberJSON struct {
	MemberID         string   `json:"memberId"`
	GroupInstanceID  **string `json:"groupInstanceId,omitempty"`
	ClientID         string   `json:"clientId"`
	ClientHost       string   `json:"clientHost"`
	RebalanceTimeout *int32   `json:"rebalanceTimeout,omitempty"`
	SessionTimeout   int32    `json:"sessionTimeout"`
	Subscription     any      `json:"subscription"`
	Assignment       any      `json:"assignment"`
}

type topicPartitionsJSON struct {
	Topic      string  `json:"topic"`
	Partitions []int32 `json:"partitions"`
}

type subscriptionJSON struct {
	Topics          []string              `json:"topics"`
	UserData        *string               `json:"userData"`
	OwnedPartitions []topicPartitionsJSON `json:"ownedPartitions,omitzero"`
	GenerationID    *int32                `json:"generationId,omitempty"`
	RackID          **string              `json:"rackId,omitempty"`
}

type assignmentJSON struct {
	AssignedPartitions []topicPartitionsJSON `json:"assignedPartitions"`
	UserData           *string               `json:"userData"`
}

func offsetValue(m *groupmsg.OffsetCommitValue) any {
	v := offsetValueJSON{Offset: m.Offset, Metadata: m.Metadata, CommitTimestamp: m.CommitTimestampMs}
	if m.Version >= 3 {
		v.LeaderEpoch = &m.LeaderEpoch
	}
	if m.Version == 1 {
		v.ExpireTimestamp = &m.ExpireTimestampMs
	}
	if m.TopicID != [16]byte{} {
		id := topicIDText(m.TopicID)
		v.TopicID = &id
	}
	return v
}

func classicGroupValue(m *groupmsg.GroupMetadataValue, parsed bool) any {
	v := groupValueJSON{
		ProtocolType: m.ProtocolType, Generation: m.Generation, Protocol: m.Protocol, Leader: m.Leader,
		Members: make([]groupMemberJSON, len(m.Members)),
	}
	if m.Version >= 2 {
		v.CurrentStateTimestamp = &m.CurrentStateTimestampMs
	}
	for i := range m.Members {
		from, to := &m.Members[i], &v.Members[i]
		to.MemberID, to.ClientID, to.ClientHost, to.SessionTimeout = from.MemberID, from.ClientID, from.ClientHost, from.SessionTimeoutMs
		if m.Version >= 3 {
			to.GroupInstanceID = &from.GroupInstanceID
		}
		if m.Version >= 1 {
			to.RebalanceTimeout = &from.RebalanceTimeoutMs
		}
		to.Subscription, to.Assignment = base64OrNull(from.Subscription), base64OrNull(from.Assignment)
		if m.ProtocolType == "consumer" && parsed {
			if s, ok := subscription(from.Subscription); ok {
				to.Subscription = s
			}
			if a, ok := assignment(from.Assignment); ok {
				to.Assignment = a
			}
		}
	}
	return v
}

func base64OrNull(b []byte) *string {
	if b == nil {
		return nil
	}
	text := base64.StdEncoding.EncodeToString(b)
	return &text
}

func subscription(b []byte) (subscriptionJSON, bool) {
	var m kmsg.ConsumerMemberMetadata
	if m.ReadFrom(b) != nil || m.Version < 0 || m.Version > 3 {
		return subscriptionJSON{}, false
	}
	s := subscriptionJSON{Topics: append([]string{}, m.Topics...), UserData: base64OrNull(m.UserData)}
	if m.Version >= 1 {
		s.OwnedPartitions = make([]topicPartitionsJSON, len(m.OwnedPartitions))
		for i, p := range m.OwnedPartitions {
			s.OwnedPartitions[i] = topicPartitionsJSON{p.Topic, append([]int32{}, p.Partitions...)}
		}
	}
	if m.Version >= 2 {
		s.GenerationID = &m.Generation
	}
	if m.Version >= 3 {
		s.RackID = &m.Rack
	}
	return s, true
}

func assignment(b []byte) (assignmentJSON, bool) {
	var m kmsg.ConsumerMemberAssignment
	if m.ReadFrom(b) != nil || m.Version < 0 || m.Version > 3 {
		return assignmentJSON{}, false
	}
	a := assignmentJSON{AssignedPartitions: make([]topicPartitionsJSON, len(m.Topics)), UserData: base64OrNull(m.UserData)}
	for i, t := range m.Topics {
		a.AssignedPartitions[i] = topicPartitionsJSON{t.Topic, append([]int32{}, t.Partitions...)}
	}
	return a, true
}
