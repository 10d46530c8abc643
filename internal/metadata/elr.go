package metadata

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Kafka's requests between brokers over ZooKeeper know nothing of eligible leader replicas. Milena's controllers and leaders tell each other in
// tagged fields that are theirs alone and that Kafka's brokers pass over.
const (
	elrTag       = 10_966 // in LeaderAndIsr, UpdateMetadata and AlterPartition's response, by partition: ELR, then the last known one
	minInsyncTag = 10_967 // in AlterPartition's request, by partition: the leader's min.insync.replicas
)

// SetELR tells the replicas outside a partition's ISR that have all that is committed, and those that had and may have lost it.
func SetELR(tags *kmsg.Tags, elr, lastKnown []int32) {
	if len(elr)+len(lastKnown) == 0 {
		return
	}
	var body []byte
	for _, list := range [][]int32{elr, lastKnown} {
		body = binary.AppendUvarint(body, uint64(len(list)))
		for _, id := range list {
			body = binary.AppendVarint(body, int64(id))
		}
	}
	tags.Set(elrTag, body)
}

// ELR is what SetELR has told; nothing where it has not, or not so.
func ELR(tags *kmsg.Tags) (elr, lastKnown []int32) {
	tags.Each(func(tag uint32, body []byte) {
		if tag != elrTag {
			return
		}
		elr, body = takeIDs(body)
		lastKnown, _ = takeIDs(body)
	})
	return elr, lastKnown
}

func takeIDs(body []byte) (ids []int32, rest []byte) {
	count, n := binary.Uvarint(body)
	if n <= 0 || count > uint64(len(body)) {
		return nil, nil
	}
	body = body[n:]
	for range count {
		id, n := binary.Varint(body)
		if n <= 0 {
			return nil, nil
		}
		ids, body = append(ids, int32(id)), body[n:]
	}
	return ids, body
}

// SetMinInsync tells the min.insync.replicas that a leader goes by.
func SetMinInsync(tags *kmsg.Tags, count int) {
	tags.Set(minInsyncTag, binary.AppendUvarint(nil, uint64(count)))
}

// MinInsync is what SetMinInsync has told.
func MinInsync(tags *kmsg.Tags) (count int, told bool) {
	tags.Each(func(tag uint32, body []byte) {
		if tag == minInsyncTag {
			n, size := binary.Uvarint(body)
			count, told = int(min(n, 1<<20)), size > 0
		}
	})
	return count, told
}
