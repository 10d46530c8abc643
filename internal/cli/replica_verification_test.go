package cli

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// batchAt is an empty batch of one record's offset, with a checksum.
func batchAt(offset uint64, crc uint32) []byte {
	b := make([]byte, 61)
	binary.BigEndian.PutUint64(b, offset)
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
	b[16] = 2
	binary.BigEndian.PutUint32(b[17:], crc)
	return b
}

func TestReplicaVerificationCompares(t *testing.T) {
	one, two, three := batchAt(5, 11), batchAt(6, 12), batchAt(7, 13)
	all := slices.Concat(one, two, three)
	for name, c := range map[string]struct {
		first, second       []byte
		offset              int64
		complaint, mismatch string
	}{
		"equal":               {first: all, second: all, offset: 7}, // the last is above the high watermark
		"one lags":            {first: all, second: one, offset: 6},
		"cut inside a batch":  {first: all, second: all[:len(one)+20], offset: 6},
		"nothing":             {first: all, offset: 5},
		"another checksum":    {first: all, second: slices.Concat(one, batchAt(6, 99)), offset: 7, complaint: " has unmatched checksum at offset 6; replica 1's checksum 12; replica 2's checksum 99"},
		"another offset":      {first: slices.Concat(one, two), second: two, offset: 5, mismatch: ": replica 1's offset 5 doesn't match replica 2's offset 6"},
		"a replica is silent": {first: all, second: nil, offset: 5},
	} {
		part := &checkedPartition{topicPartition: topicPartition{"t", 0}, replicas: []int32{1, 2}, offset: 5}
		highest, complaints, err := part.compare(map[int32]fetchedReplica{1: {7, c.first}, 2: {7, c.second}})
		if want := c.complaint + c.mismatch; strings.Join(complaints, "\n") != want || highest != 7 || part.offset != c.offset || (err != nil) != (c.mismatch != "") {
			t.Errorf("%s: up to %d, %q, %v", name, part.offset, complaints, err)
		}
	}
	part := &checkedPartition{replicas: []int32{1, 2}, offset: 5}
	if _, _, err := part.compare(map[int32]fetchedReplica{1: {7, all}}); err != nil || part.offset != 5 {
		t.Errorf("with a broker that does not answer: up to %d, %v", part.offset, err)
	}
}
