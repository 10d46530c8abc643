package groupmsg

// ConsumerGroupMemberMetadataValue is a member of a consumer group: who it is and what it subscribes to.
//
//	instance id string? | rack id string? | client id string | client host string | subscribed topic names []string |
//	subscribed topic regex string? | rebalance timeout int32 | server assignor string? |
//	tag 0: present uvarint (1; 0 for null) | session timeout int32 | supported protocols [] | tags
//	a protocol: name string | metadata bytes | tags
type ConsumerGroupMemberMetadataValue struct {
	InstanceID, RackID   *string
	ClientID, ClientHost string
	SubscribedTopicNames []string
	SubscribedTopicRegex *string
	RebalanceTimeoutMs   int32 // -1: unknown
	ServerAssignor       *string
	Classic              *ClassicMemberMetadata // of a member that speaks the classic protocol; nil of others
}

// ClassicMemberMetadata is what a consumer group remembers of a member that speaks the classic protocol.
type ClassicMemberMetadata struct {
	SessionTimeoutMs int32
	Protocols        []ClassicProtocol
}

// ClassicProtocol is an assignor that a classic member offers, with its subscription as the client encoded it.
type ClassicProtocol struct {
	Name     string
	Metadata []byte
}

func (v *ConsumerGroupMemberMetadataValue) highest() int16 { return 0 }

// Append writes version 0.
func (v *ConsumerGroupMemberMetadataValue) Append(b []byte) []byte {
	b = appendInt16(b, 0)
	b = appendCompactNullable(appendCompactNullable(b, v.InstanceID), v.RackID)
	b = appendCompact(appendCompact(b, v.ClientID), v.ClientHost)
	b = appendCompactStrings(b, v.SubscribedTopicNames)
	b = appendCompactNullable(b, v.SubscribedTopicRegex)
	b = appendInt32(b, v.RebalanceTimeoutMs)
	b = appendCompactNullable(b, v.ServerAssignor)
	if v.Classic == nil {
		// To Kafka a member without the tag has an empty ClassicMemberMetadata, and so speaks the classic protocol: null is said.
		return appendTagged(append(b, 1), 0, []byte{0})
	}
	if v.Classic.SessionTimeoutMs == 0 && len(v.Classic.Protocols) == 0 {
		return append(b, 0)
	}
	c := appendInt32([]byte{1}, v.Classic.SessionTimeoutMs)
	c = appendUvarint(c, len(v.Classic.Protocols)+1)
	for _, p := range v.Classic.Protocols {
		c = append(appendCompactBytes(appendCompact(c, p.Name), p.Metadata), 0)
	}
	return appendTagged(append(b, 1), 0, append(c, 0))
}

func (v *ConsumerGroupMemberMetadataValue) read(_ int16, r *reader) {
	r.flexible = true
	v.InstanceID, v.RackID = r.nullableString(), r.nullableString()
	v.ClientID, v.ClientHost = r.string(), r.string()
	v.SubscribedTopicNames = r.strings()
	v.SubscribedTopicRegex = r.nullableString()
	v.RebalanceTimeoutMs = r.int32()
	v.ServerAssignor = r.nullableString()
	v.Classic = &ClassicMemberMetadata{Protocols: []ClassicProtocol{}} // what Kafka takes for granted without the tag
	r.tags(func(tag int, f *reader) {
		if tag == 0 {
			v.Classic = readClassicMember(f)
		}
	})
}

func readClassicMember(r *reader) *ClassicMemberMetadata {
	if r.uvarint() == 0 {
		return nil
	}
	c := &ClassicMemberMetadata{SessionTimeoutMs: r.int32()}
	n := r.count(3)
	c.Protocols = make([]ClassicProtocol, 0, n)
	for i := 0; i < n && r.err == nil; i++ {
		c.Protocols = append(c.Protocols, ClassicProtocol{Name: r.string(), Metadata: r.bytes()})
		r.tags(nil)
	}
	r.tags(nil)
	return c
}
