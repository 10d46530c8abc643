package groupmsg

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
)

type golden struct {
	name       string
	key, value []byte
}

// readGolden reads records that Kafka 4.3.1 wrote.
func readGolden(t testing.TB, path string) []golden {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []golden
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		if len(f) != 3 {
			t.Fatalf("bad line %q", line)
		}
		g := golden{name: f[0]}
		if g.key, err = hex.DecodeString(f[1]); err != nil {
			t.Fatal(err)
		}
		if f[2] != "-" {
			if g.value, err = hex.DecodeString(f[2]); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, g)
	}
	return all
}

func ptr[T any](v T) *T { return &v }

var (
	idOrders = [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	idAudit  = [16]byte{16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31}
)

const timestampMs = 1700000000000

type wantRecord struct {
	key   Key
	value Value
}

func wantOffset(v OffsetCommitValue) wantRecord {
	v.Offset, v.CommitTimestampMs = 42, timestampMs
	if v.ExpireTimestampMs == 0 {
		v.ExpireTimestampMs = -1
	}
	return wantRecord{OffsetKey("grp", "orders", 7), &v}
}

func wantGroup(version int16) wantRecord {
	v := &GroupMetadataValue{
		Version: version, ProtocolType: "consumer", Generation: 3, Protocol: ptr("range"), Leader: ptr("m-1"), CurrentStateTimestampMs: -1,
		Members: []GroupMember{{
			MemberID: "m-1", ClientID: "c", ClientHost: "/127.0.0.1", RebalanceTimeoutMs: -1, SessionTimeoutMs: 45000,
			Subscription: []byte{1, 2, 3}, Assignment: []byte{4, 5},
		}},
	}
	if version >= 1 {
		v.Members[0].RebalanceTimeoutMs = 300000
	}
	if version >= 2 {
		v.CurrentStateTimestampMs = timestampMs
	}
	if version >= 3 {
		v.Members[0].GroupInstanceID = ptr("i-1")
	}
	return wantRecord{Key{Type: GroupMetadata, Group: "grp"}, v}
}

// wanted says what the golden records mean.
func wanted() map[string]wantRecord {
	of := func(t Type) Key { return Key{Type: t, Group: "grp"} }
	ofMember := func(t Type) Key { return Key{Type: t, Group: "grp", Member: "m-1"} }
	legacy := wantOffset(OffsetCommitValue{LeaderEpoch: -1, Metadata: "meta"})
	legacy.key.Type = LegacyOffsetCommit
	both := []TopicPartitions{{TopicID: idOrders, Partitions: []int32{0, 2}}, {TopicID: idAudit, Partitions: []int32{1}}}
	all := map[string]wantRecord{
		"legacy-offset": legacy,
		"offset-v0":     wantOffset(OffsetCommitValue{LeaderEpoch: -1, Metadata: "meta"}),
		"offset-v1":     wantOffset(OffsetCommitValue{Version: 1, LeaderEpoch: -1, Metadata: "meta", ExpireTimestampMs: timestampMs + 60000}),
		"offset-v2":     wantOffset(OffsetCommitValue{Version: 2, LeaderEpoch: -1, Metadata: "meta"}),
		"offset-v3":     wantOffset(OffsetCommitValue{Version: 3, LeaderEpoch: 5, Metadata: "meta"}),
		"offset-v4":     wantOffset(OffsetCommitValue{Version: 4, LeaderEpoch: 5, Metadata: "meta", TopicID: idOrders}),
		"group-v0":      wantGroup(0), "group-v1": wantGroup(1), "group-v2": wantGroup(2), "group-v3": wantGroup(3), "group-v4": wantGroup(4),
		"group-empty": {of(GroupMetadata), &GroupMetadataValue{
			Version: 3, CurrentStateTimestampMs: -1, Members: []GroupMember{},
		}},
		"offset-v4-no-topic-id":        wantOffset(OffsetCommitValue{Version: 4, LeaderEpoch: -1}),
		"offset-tombstone":             {OffsetKey("grp", "orders", 7), nil},
		"consumer-group":               {of(ConsumerGroupMetadata), &ConsumerGroupMetadataValue{Epoch: 9, MetadataHash: -3}},
		"consumer-group-no-hash":       {of(ConsumerGroupMetadata), &ConsumerGroupMetadataValue{Epoch: 9}},
		"partition-metadata-tombstone": {of(ConsumerGroupPartitionMetadata), nil},
		"partition-metadata": {of(ConsumerGroupPartitionMetadata), &ConsumerGroupPartitionMetadataValue{Topics: []ConsumerGroupTopic{
			{TopicID: idOrders, TopicName: "orders", NumPartitions: 2,
				Partitions: []ConsumerGroupPartition{{Partition: 0, Racks: []string{"a", "b"}}}},
			{TopicID: idAudit, TopicName: "audit", NumPartitions: 1, Partitions: []ConsumerGroupPartition{}},
		}}},
		"member": {ofMember(ConsumerGroupMemberMetadata), &ConsumerGroupMemberMetadataValue{
			InstanceID: ptr("i-1"), RackID: ptr("rack"), ClientID: "c", ClientHost: "/127.0.0.1", SubscribedTopicNames: []string{"audit", "orders"},
			SubscribedTopicRegex: ptr("or.*"), RebalanceTimeoutMs: 300000, ServerAssignor: ptr("uniform"),
		}},
		"member-bare": {ofMember(ConsumerGroupMemberMetadata), &ConsumerGroupMemberMetadataValue{
			ClientID: "c", ClientHost: "/127.0.0.1", SubscribedTopicNames: []string{}, RebalanceTimeoutMs: -1,
		}},
		"member-classic-empty": {ofMember(ConsumerGroupMemberMetadata), &ConsumerGroupMemberMetadataValue{
			ClientID: "c", ClientHost: "/127.0.0.1", SubscribedTopicNames: []string{}, RebalanceTimeoutMs: -1,
			Classic: &ClassicMemberMetadata{Protocols: []ClassicProtocol{}},
		}},
		"member-classic": {ofMember(ConsumerGroupMemberMetadata), &ConsumerGroupMemberMetadataValue{
			ClientID: "c", ClientHost: "/127.0.0.1", SubscribedTopicNames: []string{"orders"}, RebalanceTimeoutMs: 60000,
			Classic: &ClassicMemberMetadata{SessionTimeoutMs: 45000, Protocols: []ClassicProtocol{{Name: "range", Metadata: []byte{1, 2, 3}}}},
		}},
		"target-metadata": {of(ConsumerGroupTargetAssignmentMetadata), &ConsumerGroupTargetAssignmentMetadataValue{
			AssignmentEpoch: 8, AssignmentTimestampMs: timestampMs,
		}},
		"target-metadata-no-time": {of(ConsumerGroupTargetAssignmentMetadata), &ConsumerGroupTargetAssignmentMetadataValue{AssignmentEpoch: 8}},
		"target-member":           {ofMember(ConsumerGroupTargetAssignmentMember), &ConsumerGroupTargetAssignmentMemberValue{TopicPartitions: both}},
		"current": {ofMember(ConsumerGroupCurrentMemberAssignment), &ConsumerGroupCurrentMemberAssignmentValue{
			MemberEpoch: 9, PreviousMemberEpoch: 8, State: MemberUnrevokedPartitions, Assigned: both[:1], PendingRevocation: both[1:],
		}},
		"current-epochs": {ofMember(ConsumerGroupCurrentMemberAssignment), &ConsumerGroupCurrentMemberAssignmentValue{
			MemberEpoch: 9, PreviousMemberEpoch: 8, State: MemberUnreleasedPartitions, PendingRevocation: []TopicPartitions{},
			Assigned: []TopicPartitions{{TopicID: idOrders, Partitions: []int32{0, 2}, AssignmentEpochs: []int32{3, 4}}},
		}},
		"regex": {Key{Type: ConsumerGroupRegularExpression, Group: "grp", Regex: "or.*"}, &ConsumerGroupRegularExpressionValue{
			Topics: []string{"orders"}, MetadataVersion: 77, TimestampMs: timestampMs,
		}},
	}
	return all
}

func TestRecordsAreKafkas(t *testing.T) {
	want := wanted()
	for _, g := range readGolden(t, "testdata/kafka-4.3.1.txt") {
		w, ok := want[g.name]
		if !ok {
			t.Errorf("%s: nobody says what it means", g.name)
			continue
		}
		delete(want, g.name)
		k, v, err := Decode(g.key, g.value)
		if err != nil {
			t.Errorf("%s: %v", g.name, err)
			continue
		}
		if k != w.key || !reflect.DeepEqual(v, w.value) {
			t.Errorf("%s: %+v %+v, want %+v %+v", g.name, k, v, w.key, w.value)
		}
		if b := k.Bytes(); !bytes.Equal(b, g.key) {
			t.Errorf("%s: key %x, Kafka's %x", g.name, b, g.key)
		}
		// The legacy value has no version of its own: it is that of version 0.
		if v != nil {
			if b := v.Append(nil); !bytes.Equal(b, g.value) {
				t.Errorf("%s: value %x, Kafka's %x", g.name, b, g.value)
			}
		}
	}
	for name := range want {
		t.Errorf("no golden record %s", name)
	}
}

func TestUnknownTagsAreHarmless(t *testing.T) {
	for _, g := range readGolden(t, "testdata/kafka-4.3.1.txt") {
		// Values whose last byte is the number of tagged fields of the outermost struct.
		if g.name != "regex" && g.name != "current" && g.name != "group-v4" && g.name != "consumer-group-no-hash" {
			continue
		}
		_, plain, err := Decode(g.key, g.value)
		if err != nil {
			t.Fatal(err)
		}
		tagged := append(bytes.Clone(g.value[:len(g.value)-1]), 2, 9, 3, 'a', 'b', 'c', 10, 0)
		_, v, err := Decode(g.key, tagged)
		if err != nil {
			t.Errorf("%s: %v", g.name, err)
		} else if !reflect.DeepEqual(v, plain) {
			t.Errorf("%s: %+v, without the tags %+v", g.name, v, plain)
		}
	}
}

func TestRefusals(t *testing.T) {
	var unknown *UnknownTypeError
	if _, _, err := Decode([]byte{0, 11, 0, 1, 'g'}, nil); !errors.As(err, &unknown) || unknown.Type != 11 {
		t.Errorf("a share group's record: %v", err)
	}
	key := Key{Type: ConsumerGroupMetadata, Group: "g"}.Bytes()
	cases := []struct {
		name, want string
		key, value []byte
	}{
		{"no key", "1 left", []byte{0}, nil},
		{"key cut off", "5 bytes wanted, 1 left", []byte{0, 2, 0, 5, 'a'}, nil},
		{"null group", "string is null", []byte{0, 2, 0xff, 0xff}, nil},
		{"version of tomorrow", "version 1 is not known", key, []byte{0, 1, 0, 0}},
		{"empty value", "2 bytes wanted", key, []byte{}},
		{"value cut off", "4 bytes wanted", key, []byte{0, 0, 0, 0}},
		{"huge array", "an array of 268435454 elements", Key{Type: ConsumerGroupTargetAssignmentMember}.Bytes(),
			[]byte{0, 0, 0xff, 0xff, 0xff, 0x7f, 0}},
	}
	for _, c := range cases {
		if _, _, err := Decode(c.key, c.value); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, g := range readGolden(f, "testdata/kafka-4.3.1.txt") {
		f.Add(g.key, g.value)
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		k, v, err := Decode(key, value)
		if err != nil {
			return
		}
		if again, err := DecodeKey(k.Bytes()); err != nil || again != k {
			t.Fatalf("%+v is read back as %+v, %v", k, again, err)
		}
		if v == nil {
			return
		}
		again, err := DecodeValue(k.Type, v.Append(nil))
		if err != nil || !reflect.DeepEqual(again, v) {
			t.Fatalf("%+v is read back as %+v, %v", v, again, err)
		}
	})
}
