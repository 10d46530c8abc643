package groupmsg

// ConsumerGroupTargetAssignmentMetadataValue tells for which group epoch the target assignment was computed.
//
//	assignment epoch int32 | tag 0: assignment timestamp int64 (since 4.3)
type ConsumerGroupTargetAssignmentMetadataValue struct {
	AssignmentEpoch       int32
	AssignmentTimestampMs int64 // when it was computed; 0: unknown
}

func (v *ConsumerGroupTargetAssignmentMetadataValue) highest() int16 { return 0 }

// Append writes version 0.
func (v *ConsumerGroupTargetAssignmentMetadataValue) Append(b []byte) []byte {
	b = appendInt32(appendInt16(b, 0), v.AssignmentEpoch)
	return appendTaggedInt64(b, v.AssignmentTimestampMs)
}

func (v *ConsumerGroupTargetAssignmentMetadataValue) read(_ int16, r *reader) {
	r.flexible = true
	v.AssignmentEpoch = r.int32()
	r.tags(func(tag int, f *reader) {
		if tag == 0 {
			v.AssignmentTimestampMs = f.int64()
		}
	})
}

// TopicPartitions are partitions of one topic.
type TopicPartitions struct {
	TopicID    [16]byte
	Partitions []int32
	// AssignmentEpochs, where there are any, say for each partition in which epoch it was assigned; only in a current assignment.
	AssignmentEpochs []int32
}

// ConsumerGroupTargetAssignmentMemberValue are the partitions that a member shall have in the end.
//
//	topics []   id uuid | partitions []int32 | tags
type ConsumerGroupTargetAssignmentMemberValue struct {
	TopicPartitions []TopicPartitions
}

func (v *ConsumerGroupTargetAssignmentMemberValue) highest() int16 { return 0 }

// Append writes version 0.
func (v *ConsumerGroupTargetAssignmentMemberValue) Append(b []byte) []byte {
	return append(appendTopics(appendInt16(b, 0), v.TopicPartitions, false), 0)
}

func (v *ConsumerGroupTargetAssignmentMemberValue) read(_ int16, r *reader) {
	r.flexible = true
	v.TopicPartitions = readTopics(r, false)
	r.tags(nil)
}

// MemberState is how far a member is with its assignment.
type MemberState int8

// The states of a member, as Kafka numbers them.
const (
	MemberStable               MemberState = 0 // has its target assignment, as far as the group's epoch goes
	MemberUnrevokedPartitions  MemberState = 1 // has partitions to give back
	MemberUnreleasedPartitions MemberState = 2 // waits for partitions that others still own
	MemberUnknown              MemberState = 127
)

// ConsumerGroupCurrentMemberAssignmentValue is what a member owns, and in which epoch.
//
//	member epoch int32 | previous member epoch int32 | state int8 | assigned [] | pending revocation [] | tags
//	each of both:  id uuid | partitions []int32 | tag 0: assignment epochs []int32?
type ConsumerGroupCurrentMemberAssignmentValue struct {
	MemberEpoch, PreviousMemberEpoch int32
	State                            MemberState
	Assigned, PendingRevocation      []TopicPartitions
}

func (v *ConsumerGroupCurrentMemberAssignmentValue) highest() int16 { return 0 }

// Append writes version 0.
func (v *ConsumerGroupCurrentMemberAssignmentValue) Append(b []byte) []byte {
	b = appendInt32(appendInt32(appendInt16(b, 0), v.MemberEpoch), v.PreviousMemberEpoch)
	b = append(b, byte(v.State))
	b = appendTopics(b, v.Assigned, true)
	return append(appendTopics(b, v.PendingRevocation, true), 0)
}

func (v *ConsumerGroupCurrentMemberAssignmentValue) read(_ int16, r *reader) {
	r.flexible = true
	v.MemberEpoch, v.PreviousMemberEpoch, v.State = r.int32(), r.int32(), MemberState(r.int8())
	v.Assigned, v.PendingRevocation = readTopics(r, true), readTopics(r, true)
	r.tags(nil)
}

func appendTopics(b []byte, topics []TopicPartitions, epochs bool) []byte {
	b = appendUvarint(b, len(topics)+1)
	for _, t := range topics {
		b = appendCompactInt32s(append(b, t.TopicID[:]...), t.Partitions)
		if !epochs || t.AssignmentEpochs == nil {
			b = append(b, 0)
			continue
		}
		b = appendTagged(append(b, 1), 0, appendCompactInt32s(nil, t.AssignmentEpochs))
	}
	return b
}

func readTopics(r *reader, epochs bool) []TopicPartitions {
	n := r.count(18)
	topics := make([]TopicPartitions, 0, n)
	for i := 0; i < n && r.err == nil; i++ {
		t := TopicPartitions{TopicID: r.uuid(), Partitions: r.int32s()}
		r.tags(func(tag int, f *reader) {
			if tag == 0 && epochs && len(f.b) > 0 && f.b[0] != 0 {
				t.AssignmentEpochs = f.int32s()
			}
		})
		topics = append(topics, t)
	}
	return topics
}
