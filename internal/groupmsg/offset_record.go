package groupmsg

import "fmt"

// OffsetRecord is a record of a committed offset as it is read without allocating: a log holds them by the million. Group, Topic and
// Metadata alias the record.
type OffsetRecord struct {
	Group, Topic, Metadata []byte
	Partition, LeaderEpoch int32 // an epoch of -1: unknown
	Offset                 int64
	CommitTimestampMs      int64
	ExpireTimestampMs      int64    // -1: by the retention of the broker
	TopicID                [16]byte // zero: unknown
	Tombstone              bool     // nothing behind Partition holds
}

// Read takes a record whose key is of type OffsetCommit or LegacyOffsetCommit, as Decode does. Errors: ErrCorrupt.
func (o *OffsetRecord) Read(key, value []byte) error {
	*o = OffsetRecord{LeaderEpoch: -1, ExpireTimestampMs: -1}
	r := reader{b: key}
	t := Type(r.int16())
	o.Group, o.Topic, o.Partition = r.stringBytes(), r.stringBytes(), r.int32()
	if r.err != nil {
		return fmt.Errorf("key of %s: %w", t, r.err)
	}
	if value == nil {
		o.Tombstone = true
		return nil
	}
	r = reader{b: value}
	version := r.int16()
	if r.err == nil && (version < 0 || version > 4) {
		return fmt.Errorf("value of %s: %w: version %d is not known", t, ErrCorrupt, version)
	}
	r.flexible = version >= 4
	o.Offset = r.int64()
	if version >= 3 {
		o.LeaderEpoch = r.int32()
	}
	o.Metadata, o.CommitTimestampMs = r.stringBytes(), r.int64()
	if version == 1 {
		o.ExpireTimestampMs = r.int64()
	}
	if r.flexible {
		for n := r.uvarint(); n > 0 && r.err == nil; n-- {
			tag := r.uvarint()
			field := r.take(r.uvarint())
			if tag != 0 || r.err != nil {
				continue
			}
			if len(field) < len(o.TopicID) {
				r.fail("a topic id of %d bytes", len(field))
			}
			copy(o.TopicID[:], field)
		}
	}
	if r.err != nil {
		return fmt.Errorf("value of %s, version %d: %w", t, version, r.err)
	}
	return nil
}

func (r *reader) stringBytes() []byte {
	n := r.length(true)
	if n < 0 {
		r.fail("a string is null")
		return nil
	}
	return r.take(n)
}
