package cli

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The JSON that Kafka's generated converters make of a coordinator's records: the fields in the order of their definition, those
// that a version lacks left out, and tagged ones too where they have their default.

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

// lastKnownGroupType is the last record type of the new group protocols (KIP-848, KIP-932, KIP-1071) that Kafka 4.3 knows.
const lastKnownGroupType = 24

func decodeOffsetsRecord(kind int16, key, value []byte) (k, v any, version int16, err error) {
	if len(value) >= 2 {
		version = int16(binary.BigEndian.Uint16(value))
	}
	switch {
	case kind == 0 || kind == 1:
		var ok kmsg.OffsetCommitKey
		if err = readKey(kind, key, ok.ReadFrom); err != nil {
			return nil, nil, 0, err
		}
		k = offsetKeyJSON{ok.Group, ok.Topic, ok.Partition}
		v, err = offsetValue(value)
	case kind == 2:
		var gk kmsg.GroupMetadataKey
		if err = readKey(kind, key, gk.ReadFrom); err != nil {
			return nil, nil, 0, err
		}
		k = groupKeyJSON{gk.Group}
		v, err = groupValue(value)
	case kind > 2 && kind <= lastKnownGroupType:
		err = fmt.Errorf("Record type %d (of the new group protocols) is not supported by this tool", kind)
	default:
		err = unknownType(kind)
	}
	return k, v, version, err
}

func offsetValue(b []byte) (any, error) {
	if b == nil {
		return nil, nil
	}
	var m kmsg.OffsetCommitValue
	if err := readValue(b, 4, m.ReadFrom); err != nil {
		return nil, err
	}
	v := offsetValueJSON{Offset: m.Offset, Metadata: m.Metadata, CommitTimestamp: m.CommitTimestamp}
	if m.Version >= 3 {
		v.LeaderEpoch = &m.LeaderEpoch
	}
	if m.Version == 1 {
		v.ExpireTimestamp = &m.ExpireTimestamp
	}
	if m.TopicID != [16]byte{} {
		id := base64.RawURLEncoding.EncodeToString(m.TopicID[:])
		v.TopicID = &id
	}
	return v, nil
}

// readValue decodes a value of a version up to newest.
func readValue(b []byte, newest int16, read func([]byte) error) error {
	if len(b) < 2 {
		return errors.New("Could not read version from value's buffer.")
	}
	version := int16(binary.BigEndian.Uint16(b))
	if version < 0 || version > newest {
		return fmt.Errorf("Can't read version %d of the value: %d is the newest known", version, newest)
	}
	if read(b) != nil {
		return fmt.Errorf("Could not read record with version %d from value's buffer due to: null.", version)
	}
	return nil
}

func readKey(kind int16, b []byte, read func([]byte) error) error {
	if read(b) != nil {
		return fmt.Errorf("Could not read record with version %d from key's buffer due to: null.", kind)
	}
	return nil
}

func groupValue(b []byte) (any, error) {
	if b == nil {
		return nil, nil
	}
	var m kmsg.GroupMetadataValue
	if err := readValue(b, 4, m.ReadFrom); err != nil {
		return nil, err
	}
	v := groupValueJSON{
		ProtocolType: m.ProtocolType, Generation: m.Generation, Protocol: m.Protocol, Leader: m.Leader,
		Members: make([]groupMemberJSON, len(m.Members)),
	}
	if m.Version >= 2 {
		v.CurrentStateTimestamp = &m.CurrentStateTimestamp
	}
	for i := range m.Members {
		from, to := &m.Members[i], &v.Members[i]
		to.MemberID, to.ClientID, to.ClientHost, to.SessionTimeout = from.MemberID, from.ClientID, from.ClientHost, from.SessionTimeoutMillis
		if m.Version >= 3 {
			to.GroupInstanceID = &from.InstanceID
		}
		if m.Version >= 1 {
			to.RebalanceTimeout = &from.RebalanceTimeoutMillis
		}
		to.Subscription, to.Assignment = base64OrNull(from.Subscription), base64OrNull(from.Assignment)
		if m.ProtocolType == "consumer" {
			if s, ok := subscription(from.Subscription); ok {
				to.Subscription = s
			}
			if a, ok := assignment(from.Assignment); ok {
				to.Assignment = a
			}
		}
	}
	return v, nil
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

type transactionKeyJSON struct {
	TransactionalID string `json:"transactionalId"`
}

type transactionValueJSON struct {
	ProducerID               int64                       `json:"producerId"`
	PreviousProducerID       *int64                      `json:"previousProducerId,omitempty"`
	NextProducerID           *int64                      `json:"nextProducerId,omitempty"`
	ProducerEpoch            int16                       `json:"producerEpoch"`
	NextProducerEpoch        *int16                      `json:"nextProducerEpoch,omitempty"`
	TimeoutMs                int32                       `json:"transactionTimeoutMs"`
	Status                   int8                        `json:"transactionStatus"`
	Partitions               []transactionPartitionsJSON `json:"transactionPartitions"`
	LastUpdateTimestampMs    int64                       `json:"transactionLastUpdateTimestampMs"`
	StartTimestampMs         int64                       `json:"transactionStartTimestampMs"`
	ClientTransactionVersion *int16                      `json:"clientTransactionVersion,omitempty"`
}

type transactionPartitionsJSON struct {
	Topic        string  `json:"topic"`
	PartitionIDs []int32 `json:"partitionIds"`
}

func decodeTransactionRecord(kind int16, key, value []byte) (k, v any, version int16, err error) {
	if kind != 0 {
		return nil, nil, 0, unknownType(kind)
	}
	var tk kmsg.TxnMetadataKey
	if err := readKey(kind, key, tk.ReadFrom); err != nil {
		return nil, nil, 0, err
	}
	k = transactionKeyJSON{tk.TransactionalID}
	if value == nil {
		return k, nil, 0, nil
	}
	var m kmsg.TxnMetadataValue
	if err := readValue(value, 1, m.ReadFrom); err != nil {
		return nil, nil, 0, err
	}
	t := transactionValueJSON{
		ProducerID: m.ProducerID, ProducerEpoch: m.ProducerEpoch, TimeoutMs: m.TimeoutMillis, Status: int8(m.State),
		LastUpdateTimestampMs: m.LastUpdateTimestamp, StartTimestampMs: m.StartTimestamp,
		PreviousProducerID: unless(m.PreviousProducerID, -1), NextProducerID: unless(m.NextProducerID, -1),
		NextProducerEpoch: unless(m.NextProducerEpoch, -1), ClientTransactionVersion: unless(m.ClientTransactionVersion, 0),
	}
	if m.Topics != nil {
		t.Partitions = []transactionPartitionsJSON{}
	}
	for _, topic := range m.Topics {
		t.Partitions = append(t.Partitions, transactionPartitionsJSON{topic.Topic, append([]int32{}, topic.Partitions...)})
	}
	return k, t, m.Version, nil
}

// unless is nil where a tagged field has its default.
func unless[T comparable](v, def T) *T {
	if v == def {
		return nil
	}
	return &v
}
