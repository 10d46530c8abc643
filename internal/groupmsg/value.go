package groupmsg

import (
	"fmt"
)

// Value is what a record says of its key: a pointer to the struct that is named like the key's type, with Value behind it.
type Value interface {
	// Append writes the value, with its version in front.
	Append(b []byte) []byte
	// highest is the newest version that this package reads.
	highest() int16
	// read takes the fields of that version.
	read(version int16, r *reader)
}

func newValue(t Type) Value {
	switch t {
	case LegacyOffsetCommit, OffsetCommit:
		return new(OffsetCommitValue)
	case GroupMetadata:
		return new(GroupMetadataValue)
	case ConsumerGroupMetadata:
		return new(ConsumerGroupMetadataValue)
	case ConsumerGroupPartitionMetadata:
		return new(ConsumerGroupPartitionMetadataValue)
	case ConsumerGroupMemberMetadata:
		return new(ConsumerGroupMemberMetadataValue)
	case ConsumerGroupTargetAssignmentMetadata:
		return new(ConsumerGroupTargetAssignmentMetadataValue)
	case ConsumerGroupTargetAssignmentMember:
		return new(ConsumerGroupTargetAssignmentMemberValue)
	case ConsumerGroupCurrentMemberAssignment:
		return new(ConsumerGroupCurrentMemberAssignmentValue)
	case ConsumerGroupRegularExpression:
		return new(ConsumerGroupRegularExpressionValue)
	}
	return nil
}

// DecodeValue reads the value of a key of type t; nil bytes are a tombstone, and give nil. Errors: *UnknownTypeError, ErrCorrupt (also of
// a version that is not known).
func DecodeValue(t Type, b []byte) (Value, error) {
	if b == nil {
		return nil, nil
	}
	v := newValue(t)
	if v == nil {
		return nil, &UnknownTypeError{t}
	}
	r := reader{b: b}
	version := r.int16()
	if r.err == nil && (version < 0 || version > v.highest()) {
		return nil, fmt.Errorf("value of %s: %w: version %d is not known", t, ErrCorrupt, version)
	}
	v.read(version, &r)
	if err := r.finish(); err != nil {
		return nil, fmt.Errorf("value of %s, version %d: %w", t, version, err)
	}
	return v, nil
}

// Decode reads a whole record; its value is nil where it is a tombstone.
func Decode(key, value []byte) (Key, Value, error) {
	k, err := DecodeKey(key)
	if err != nil {
		return Key{}, nil, err
	}
	v, err := DecodeValue(k.Type, value)
	if err != nil {
		return k, nil, err
	}
	return k, v, nil
}
