package groupmsg

// OffsetCommitValue is a committed offset.
//
//	version 0  offset int64 | metadata string | commit timestamp int64
//	version 1  offset | metadata | commit timestamp | expire timestamp int64
//	version 2  offset | metadata | commit timestamp
//	version 3  offset | leader epoch int32 | metadata | commit timestamp
//	version 4  as 3, flexible; tag 0: topic id uuid
//
// Kafka 4.3 writes version 4, Kafka 3.9 version 3; both 1 where the client asked for an expiry of its own.
type OffsetCommitValue struct {
	Version           int16
	Offset            int64
	LeaderEpoch       int32 // -1: unknown
	Metadata          string
	CommitTimestampMs int64
	ExpireTimestampMs int64    // -1: by the retention of the broker
	TopicID           [16]byte // zero: unknown
}

func (v *OffsetCommitValue) highest() int16 { return 4 }

// Append writes the value in the version that it names.
func (v *OffsetCommitValue) Append(b []byte) []byte {
	b = appendInt64(appendInt16(b, v.Version), v.Offset)
	if v.Version >= 3 {
		b = appendInt32(b, v.LeaderEpoch)
	}
	if v.Version >= 4 {
		b = appendCompact(b, v.Metadata)
	} else {
		b = appendString(b, v.Metadata)
	}
	b = appendInt64(b, v.CommitTimestampMs)
	if v.Version == 1 {
		b = appendInt64(b, v.ExpireTimestampMs)
	}
	if v.Version < 4 {
		return b
	}
	if v.TopicID == ([16]byte{}) {
		return append(b, 0)
	}
	return appendTagged(append(b, 1), 0, v.TopicID[:])
}

func (v *OffsetCommitValue) read(version int16, r *reader) {
	*v = OffsetCommitValue{Version: version, LeaderEpoch: -1, ExpireTimestampMs: -1}
	r.flexible = version >= 4
	v.Offset = r.int64()
	if version >= 3 {
		v.LeaderEpoch = r.int32()
	}
	v.Metadata = r.string()
	v.CommitTimestampMs = r.int64()
	if version == 1 {
		v.ExpireTimestampMs = r.int64()
	}
	r.tags(func(tag int, f *reader) {
		if tag == 0 {
			v.TopicID = f.uuid()
		}
	})
}

// GroupMetadataValue is a classic group in one generation.
//
//	version 0    protocol type string | generation int32 | protocol string? | leader string? | members []
//	version 2    … | leader | current state timestamp int64 | members
//	version 4    flexible
//	a member     id string | group instance id string? (3+) | client id string | client host string |
//	             rebalance timeout int32 (1+) | session timeout int32 | subscription bytes | assignment bytes
//
// Kafka writes version 3.
type GroupMetadataValue struct {
	Version                 int16
	ProtocolType            string
	Generation              int32
	Protocol, Leader        *string
	CurrentStateTimestampMs int64 // -1: unknown
	Members                 []GroupMember
}

// GroupMember is a member of a classic group.
type GroupMember struct {
	MemberID, ClientID, ClientHost       string
	GroupInstanceID                      *string
	RebalanceTimeoutMs, SessionTimeoutMs int32 // -1: as long as the session
	Subscription, Assignment             []byte
}

func (v *GroupMetadataValue) highest() int16 { return 4 }

// Append writes the value in the version that it names.
func (v *GroupMetadataValue) Append(b []byte) []byte {
	str, nullable, bytes := appendString, appendNullable, appendBytes
	flexible := v.Version >= 4
	if flexible {
		str, nullable, bytes = appendCompact, appendCompactNullable, appendCompactBytes
	}
	b = str(appendInt16(b, v.Version), v.ProtocolType)
	b = appendInt32(b, v.Generation)
	b = nullable(nullable(b, v.Protocol), v.Leader)
	if v.Version >= 2 {
		b = appendInt64(b, v.CurrentStateTimestampMs)
	}
	if flexible {
		b = appendUvarint(b, len(v.Members)+1)
	} else {
		b = appendInt32(b, int32(len(v.Members)))
	}
	for i := range v.Members {
		m := &v.Members[i]
		b = str(b, m.MemberID)
		if v.Version >= 3 {
			b = nullable(b, m.GroupInstanceID)
		}
		b = str(str(b, m.ClientID), m.ClientHost)
		if v.Version >= 1 {
			b = appendInt32(b, m.RebalanceTimeoutMs)
		}
		b = appendInt32(b, m.SessionTimeoutMs)
		b = bytes(bytes(b, m.Subscription), m.Assignment)
		if flexible {
			b = append(b, 0)
		}
	}
	if flexible {
		b = append(b, 0)
	}
	return b
}

func (v *GroupMetadataValue) read(version int16, r *reader) {
	*v = GroupMetadataValue{Version: version, CurrentStateTimestampMs: -1}
	r.flexible = version >= 4
	v.ProtocolType, v.Generation = r.string(), r.int32()
	v.Protocol, v.Leader = r.nullableString(), r.nullableString()
	if version >= 2 {
		v.CurrentStateTimestampMs = r.int64()
	}
	n := r.count(9)
	v.Members = make([]GroupMember, 0, min(n, 1024))
	for i := 0; i < n && r.err == nil; i++ {
		m := GroupMember{RebalanceTimeoutMs: -1, MemberID: r.string()}
		if version >= 3 {
			m.GroupInstanceID = r.nullableString()
		}
		m.ClientID, m.ClientHost = r.string(), r.string()
		if version >= 1 {
			m.RebalanceTimeoutMs = r.int32()
		}
		m.SessionTimeoutMs = r.int32()
		m.Subscription, m.Assignment = r.bytes(), r.bytes()
		r.tags(nil)
		v.Members = append(v.Members, m)
	}
	r.tags(nil)
}
