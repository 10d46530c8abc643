package commitlog

import (
	"bytes"
	"testing"
)

func FuzzDecodeSnapshot(f *testing.F) {
	f.Add([]byte{})
	f.Add(encodeSnapshot(nil))
	p := &producer{id: 7, epoch: 3, coordinatorEpoch: -1, lastTimestampMs: 1700000000000, txnFirstOffset: 12}
	p.addBatch(batchMark{lastSequence: 4, offsetDelta: 4, lastOffset: 16, timestampMs: 1700000000000})
	whole := encodeSnapshot(map[int64]*producer{7: p, 8: {id: 8, txnFirstOffset: noOffset}})
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := decodeSnapshot(b)
		if err != nil {
			return
		}
		byID := make(map[int64]*producer, len(list))
		for _, p := range list {
			byID[p.id] = p
		}
		again, err := decodeSnapshot(encodeSnapshot(byID))
		if err != nil || len(again) != len(byID) {
			t.Fatalf("%d producers became %d: %v", len(byID), len(again), err)
		}
		for _, p := range again {
			if *p != *byID[p.id] {
				t.Fatalf("%+v became %+v", *byID[p.id], *p)
			}
		}
	})
}

func FuzzDecodeEpochs(f *testing.F) {
	for _, s := range []string{"", "0\n0\n", "0\n2\n0 0\n3 120\n", "0\n1\n5 x\n", "1\n0\n", "0\n-1\n", "0\n2\n3 9\n1 20\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := decodeEpochs(b)
		if err != nil {
			return
		}
		for i := 1; i < len(list); i++ {
			if list[i].epoch <= list[i-1].epoch || list[i].start <= list[i-1].start {
				t.Fatalf("entries do not rise: %v", list)
			}
		}
		encoded := encodeEpochs(list)
		again, err := decodeEpochs(encoded)
		if err != nil || !bytes.Equal(encodeEpochs(again), encoded) {
			t.Fatalf("%q became %v, %v", encoded, again, err)
		}
	})
}

// TestSnapshotLayout holds the file's bytes as Kafka 4.3.1 writes and reads them.
func TestSnapshotLayout(t *testing.T) {
	p := &producer{id: 1, epoch: 2, coordinatorEpoch: 3, txnFirstOffset: 4}
	p.addBatch(batchMark{lastSequence: 5, offsetDelta: 6, lastOffset: 7, timestampMs: 8})
	want := []byte{
		0, 1, // version
		0, 0, 0, 0, // CRC, see below
		0, 0, 0, 1,
		0, 0, 0, 0, 0, 0, 0, 1,
		0, 2,
		0, 0, 0, 5,
		0, 0, 0, 0, 0, 0, 0, 7,
		0, 0, 0, 6,
		0, 0, 0, 0, 0, 0, 0, 8,
		0, 0, 0, 3,
		0, 0, 0, 0, 0, 0, 0, 4,
	}
	got := encodeSnapshot(map[int64]*producer{1: p})
	if !bytes.Equal(got[:2], want[:2]) || !bytes.Equal(got[6:], want[6:]) {
		t.Errorf("snapshot is\n%x, want\n%x", got, want)
	}
	got[20] ^= 1
	if _, err := decodeSnapshot(got); err == nil {
		t.Error("a flipped bit passed")
	}
}
