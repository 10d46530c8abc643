package assign

import (
	"encoding/binary"
	"slices"
	"unicode/utf16"
)

// Where uniform leaves a choice for members with the same subscription, Kafka's assignor chooses in the order of Java's hash maps. That
// order is kept here.

// grownCapacity is the size of the table of a hash map that n entries were put into, copiedCapacity that of one made from a collection.
func grownCapacity(n int) uint32 {
	capacity := uint32(16)
	for uint32(n) > capacity/4*3 {
		capacity *= 2
	}
	return capacity
}

func copiedCapacity(n int) uint32 {
	capacity := uint32(16)
	for capacity < uint32(float32(n)/0.75+1) {
		capacity *= 2
	}
	return capacity
}

// hashOrder sorts entries as they stand in a table: by bucket, and in a bucket as they came.
func hashOrder[T any](entries []T, capacity uint32, hash func(T) uint32) []T {
	bucket := func(e T) uint32 {
		h := hash(e)
		return (h ^ h>>16) & (capacity - 1)
	}
	slices.SortStableFunc(entries, func(a, b T) int { return int(bucket(a)) - int(bucket(b)) })
	return entries
}

func hashOfString(s string) (h uint32) {
	for _, unit := range utf16.Encode([]rune(s)) {
		h = 31*h + uint32(unit)
	}
	return h
}

func hashOfTopic(t TopicID) uint32 {
	x := binary.BigEndian.Uint64(t[:8]) ^ binary.BigEndian.Uint64(t[8:])
	return uint32(x>>32) ^ uint32(x)
}

func hashOfPartition(p int32) uint32 { return uint32(p) }

// membersInOrder are the members as Kafka's assignor meets them.
func membersInOrder(s *Spec) []*Member {
	members := make([]*Member, len(s.Members))
	for i := range s.Members {
		members[i] = &s.Members[i]
	}
	return hashOrder(members, grownCapacity(len(members)), func(m *Member) uint32 { return hashOfString(m.ID) })
}

// targetInOrder are the topics of a target as Kafka's assignor meets them.
func targetInOrder(target Partitions) []TopicID {
	topics := make([]TopicID, 0, len(target))
	for t := range target {
		topics = append(topics, t)
	}
	slices.SortFunc(topics, func(a, b TopicID) int { return slices.Compare(a[:], b[:]) })
	return hashOrder(topics, grownCapacity(len(topics)), hashOfTopic)
}
