package groupmsg

import (
	"fmt"
)

// Type is what a record is about: the first two bytes of its key.
type Type int16

// The types of records, with what stands in their keys. Types 9 to 15 and 17 to 22 belong to share and streams groups.
const (
	LegacyOffsetCommit                    Type = 0  // group, topic, partition
	OffsetCommit                          Type = 1  // group, topic, partition
	GroupMetadata                         Type = 2  // group: a classic group
	ConsumerGroupMetadata                 Type = 3  // group
	ConsumerGroupPartitionMetadata        Type = 4  // group; written by Kafka 4.0 and older, a tombstone since
	ConsumerGroupMemberMetadata           Type = 5  // group, member
	ConsumerGroupTargetAssignmentMetadata Type = 6  // group
	ConsumerGroupTargetAssignmentMember   Type = 7  // group, member
	ConsumerGroupCurrentMemberAssignment  Type = 8  // group, member
	ConsumerGroupRegularExpression        Type = 16 // group, regular expression
)

// String is Kafka's name of the type.
func (t Type) String() string {
	switch t {
	case LegacyOffsetCommit:
		return "LegacyOffsetCommit"
	case OffsetCommit:
		return "OffsetCommit"
	case GroupMetadata:
		return "GroupMetadata"
	case ConsumerGroupMetadata:
		return "ConsumerGroupMetadata"
	case ConsumerGroupPartitionMetadata:
		return "ConsumerGroupPartitionMetadata"
	case ConsumerGroupMemberMetadata:
		return "ConsumerGroupMemberMetadata"
	case ConsumerGroupTargetAssignmentMetadata:
		return "ConsumerGroupTargetAssignmentMetadata"
	case ConsumerGroupTargetAssignmentMember:
		return "ConsumerGroupTargetAssignmentMember"
	case ConsumerGroupCurrentMemberAssignment:
		return "ConsumerGroupCurrentMemberAssignment"
	case ConsumerGroupRegularExpression:
		return "ConsumerGroupRegularExpression"
	}
	return fmt.Sprintf("unknown type %d", int16(t))
}

// UnknownTypeError tells of a record that this package cannot read. A newer Kafka, or one with share or streams groups, wrote it; who
// replays a log leaves it out.
type UnknownTypeError struct{ Type Type }

func (e *UnknownTypeError) Error() string { return "record of " + e.Type.String() }

// Key is a record's key. Fields that its type does not have are zero, so that keys compare by ==.
type Key struct {
	Type      Type
	Group     string
	Topic     string // of LegacyOffsetCommit and OffsetCommit
	Partition int32  // of the same
	Member    string // of the three types of members
	Regex     string // of ConsumerGroupRegularExpression
}

// OffsetKey is the key of a committed offset.
func OffsetKey(group, topic string, partition int32) Key {
	return Key{Type: OffsetCommit, Group: group, Topic: topic, Partition: partition}
}

// Append writes the key:
//
//	types 0, 1     type int16 | group string | topic string | partition int32
//	types 2, 3, 4, 6  type int16 | group string
//	types 5, 7, 8  type int16 | group string | member string
//	type 16        type int16 | group string | regular expression string
func (k Key) Append(b []byte) []byte {
	b = appendInt16(b, int16(k.Type))
	b = appendString(b, k.Group)
	switch k.Type {
	case LegacyOffsetCommit, OffsetCommit:
		b = appendString(b, k.Topic)
		return appendInt32(b, k.Partition)
	case ConsumerGroupMemberMetadata, ConsumerGroupTargetAssignmentMember, ConsumerGroupCurrentMemberAssignment:
		return appendString(b, k.Member)
	case ConsumerGroupRegularExpression:
		return appendString(b, k.Regex)
	}
	return b
}

// Bytes is the key by itself.
func (k Key) Bytes() []byte {
	return k.Append(make([]byte, 0, 12+len(k.Group)+len(k.Topic)+len(k.Member)+len(k.Regex)))
}

// DecodeKey reads a key. Errors: *UnknownTypeError, ErrCorrupt.
func DecodeKey(b []byte) (Key, error) {
	r := reader{b: b}
	k := Key{Type: Type(r.int16())}
	if r.err != nil {
		return Key{}, fmt.Errorf("key: %w", r.err)
	}
	switch k.Type {
	case LegacyOffsetCommit, OffsetCommit:
		k.Group, k.Topic, k.Partition = r.string(), r.string(), r.int32()
	case GroupMetadata, ConsumerGroupMetadata, ConsumerGroupPartitionMetadata, ConsumerGroupTargetAssignmentMetadata:
		k.Group = r.string()
	case ConsumerGroupMemberMetadata, ConsumerGroupTargetAssignmentMember, ConsumerGroupCurrentMemberAssignment:
		k.Group, k.Member = r.string(), r.string()
	case ConsumerGroupRegularExpression:
		k.Group, k.Regex = r.string(), r.string()
	default:
		return Key{}, &UnknownTypeError{k.Type}
	}
	if err := r.finish(); err != nil {
		return Key{}, fmt.Errorf("key of %s: %w", k.Type, err)
	}
	return k, nil
}
