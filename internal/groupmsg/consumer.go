package groupmsg

// ConsumerGroupMetadataValue is a consumer group's epoch.
//
//	epoch int32 | tag 0: metadata hash int64
type ConsumerGroupMetadataValue struct {
	Epoch        int32
	MetadataHash int64 // of the subscribed topics; 0: none, or to be computed
}

func (v *ConsumerGroupMetadataValue) highest() int16 { return 0 }

// Append writes version 0.
func (v *ConsumerGroupMetadataValue) Append(b []byte) []byte {
	b = appendInt32(appendInt16(b, 0), v.Epoch)
	return appendTaggedInt64(b, v.MetadataHash)
}

func (v *ConsumerGroupMetadataValue) read(_ int16, r *reader) {
	r.flexible = true
	v.Epoch = r.int32()
	r.tags(func(tag int, f *reader) {
		if tag == 0 {
			v.MetadataHash = f.int64()
		}
	})
}

// appendTaggedInt64 ends a struct whose only tagged field is an int64 with tag 0, left out where it is 0.
func appendTaggedInt64(b []byte, v int64) []byte {
	if v == 0 {
		return append(b, 0)
	}
	return appendInt64(append(b, 1, 0, 8), v)
}

// ConsumerGroupPartitionMetadataValue are the topics that a consumer group is subscribed to, as Kafka 4.0 and older kept them. Since 4.1 the
// group's metadata hash stands for them.
//
//	topics []      id uuid | name string | partitions int32 | partition metadata [] | tags
//	a partition    partition int32 | racks []string | tags
type ConsumerGroupPartitionMetadataValue struct {
	Topics []ConsumerGroupTopic
}

// ConsumerGroupTopic is a topic with its number of partitions.
type ConsumerGroupTopic struct {
	TopicID       [16]byte
	TopicName     string
	NumPartitions int32
	Partitions    []ConsumerGroupPartition // empty where no racks are known
}

// ConsumerGroupPartition is a partition with the racks of its replicas.
type ConsumerGroupPartition struct {
	Partition int32
	Racks     []string
}

func (v *ConsumerGroupPartitionMetadataValue) highest() int16 { return 0 }

// Append writes version 0.
func (v *ConsumerGroupPartitionMetadataValue) Append(b []byte) []byte {
	b = appendUvarint(appendInt16(b, 0), len(v.Topics)+1)
	for _, t := range v.Topics {
		b = append(b, t.TopicID[:]...)
		b = appendCompact(b, t.TopicName)
		b = appendInt32(b, t.NumPartitions)
		b = appendUvarint(b, len(t.Partitions)+1)
		for _, p := range t.Partitions {
			b = appendInt32(b, p.Partition)
			b = append(appendCompactStrings(b, p.Racks), 0)
		}
		b = append(b, 0)
	}
	return append(b, 0)
}

func (v *ConsumerGroupPartitionMetadataValue) read(_ int16, r *reader) {
	r.flexible = true
	n := r.count(23)
	v.Topics = make([]ConsumerGroupTopic, 0, n)
	for i := 0; i < n && r.err == nil; i++ {
		t := ConsumerGroupTopic{TopicID: r.uuid(), TopicName: r.string(), NumPartitions: r.int32()}
		m := r.count(6)
		t.Partitions = make([]ConsumerGroupPartition, 0, m)
		for j := 0; j < m && r.err == nil; j++ {
			t.Partitions = append(t.Partitions, ConsumerGroupPartition{Partition: r.int32(), Racks: r.strings()})
			r.tags(nil)
		}
		r.tags(nil)
		v.Topics = append(v.Topics, t)
	}
	r.tags(nil)
}

// ConsumerGroupRegularExpressionValue are the topics that a regular expression stood for when it was resolved.
//
//	topics []string | version int64 | timestamp int64 | tags
type ConsumerGroupRegularExpressionValue struct {
	Topics []string
	// MetadataVersion is the version (Kafka: the offset) of the metadata it was resolved with.
	MetadataVersion int64
	TimestampMs     int64
}

func (v *ConsumerGroupRegularExpressionValue) highest() int16 { return 0 }

// Append writes version 0.
func (v *ConsumerGroupRegularExpressionValue) Append(b []byte) []byte {
	b = appendCompactStrings(appendInt16(b, 0), v.Topics)
	b = appendInt64(b, v.MetadataVersion)
	return append(appendInt64(b, v.TimestampMs), 0)
}

func (v *ConsumerGroupRegularExpressionValue) read(_ int16, r *reader) {
	r.flexible = true
	v.Topics = r.strings()
	v.MetadataVersion, v.TimestampMs = r.int64(), r.int64()
	r.tags(nil)
}
