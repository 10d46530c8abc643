package groupmsg

import (
	"testing"
)

// FuzzOffsetRecord compares the two ways to read an offset's record: they refuse and read the same.
func FuzzOffsetRecord(f *testing.F) {
	key := OffsetKey("group", "topic", 3).Bytes()
	for version := int16(0); version <= 5; version++ {
		v := OffsetCommitValue{Version: version, Offset: 7, LeaderEpoch: 2, Metadata: "m", CommitTimestampMs: 5, ExpireTimestampMs: 9}
		f.Add(key, v.Append(nil), false)
		v.TopicID = [16]byte{1, 2}
		f.Add(key, v.Append(nil), false)
	}
	f.Add(key, []byte(nil), true)
	f.Add(key[:9], []byte{0, 3}, false)
	f.Fuzz(func(t *testing.T, key, value []byte, tombstone bool) {
		if tombstone {
			value = nil
		} else if value == nil {
			value = []byte{}
		}
		k, v, err := Decode(key, value)
		if err == nil && k.Type != OffsetCommit && k.Type != LegacyOffsetCommit {
			return
		}
		if len(key) < 2 || key[0] != 0 || key[1] > 1 {
			return
		}
		var o OffsetRecord
		if got := o.Read(key, value); (got == nil) != (err == nil) {
			t.Fatalf("%v, Decode says %v", got, err)
		}
		if err != nil {
			return
		}
		if string(o.Group) != k.Group || string(o.Topic) != k.Topic || o.Partition != k.Partition || o.Tombstone != (v == nil) {
			t.Fatalf("%+v, Decode says %+v", o, k)
		}
		if v == nil {
			return
		}
		got := OffsetCommitValue{
			Version: v.(*OffsetCommitValue).Version, Offset: o.Offset, LeaderEpoch: o.LeaderEpoch, Metadata: string(o.Metadata),
			CommitTimestampMs: o.CommitTimestampMs, ExpireTimestampMs: o.ExpireTimestampMs, TopicID: o.TopicID,
		}
		if got != *v.(*OffsetCommitValue) {
			t.Fatalf("%+v, Decode says %+v", got, v)
		}
	})
}

func TestOffsetRecordAllocatesNothing(t *testing.T) {
	key := OffsetKey("group", "topic", 3).Bytes()
	value := (&OffsetCommitValue{Version: 4, Metadata: "m", TopicID: [16]byte{1}}).Append(nil)
	var o OffsetRecord
	if n := testing.AllocsPerRun(100, func() {
		if o.Read(key, value) != nil {
			t.Error("refused")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
