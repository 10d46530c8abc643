package groupmsg

import (
	"encoding/binary"
	"slices"
	"unicode/utf16"
)

// HashedTopic is what a group's metadata hash takes of a topic that it is subscribed to.
type HashedTopic struct {
	ID    [16]byte
	Name  string
	Racks [][]string // for each partition, in order, those of its replicas whose brokers have one; empty where there are none
}

// Hash is the topic's part of the metadata hash (KIP-1101): XXH3 of
//
//	0 int8 | id, both halves, int64 | name | partitions int32 | for each: partition int32 | for each rack, sorted: length int32 | rack
//
// in little endian, where a string is its UTF-16 units and then their number as int32.
func (t *HashedTopic) Hash() int64 {
	le := binary.LittleEndian
	b := make([]byte, 1, 32+2*len(t.Name)+4*len(t.Racks))
	b = le.AppendUint64(b, binary.BigEndian.Uint64(t.ID[:8]))
	b = le.AppendUint64(b, binary.BigEndian.Uint64(t.ID[8:]))
	b, _ = appendJavaString(b, t.Name)
	b = le.AppendUint32(b, uint32(len(t.Racks)))
	for partition, racks := range t.Racks {
		b = le.AppendUint32(b, uint32(partition))
		for _, rack := range slices.Sorted(slices.Values(racks)) {
			text, units := appendJavaString(nil, rack)
			b = append(le.AppendUint32(b, uint32(units)), text...)
		}
	}
	return int64(xxh3(b))
}

func appendJavaString(b []byte, s string) (_ []byte, units int) {
	u := utf16.Encode([]rune(s))
	for _, unit := range u {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return binary.LittleEndian.AppendUint32(b, uint32(len(u))), len(u)
}

// MetadataHash is the hash of a group's topics, from their hashes in the order of the topics' names; 0 without topics.
func MetadataHash(hashes []int64) int64 {
	if len(hashes) == 0 {
		return 0
	}
	var b []byte
	for _, h := range hashes {
		b = binary.LittleEndian.AppendUint64(b, uint64(h))
	}
	return int64(xxh3(b))
}
