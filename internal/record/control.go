package record

import (
	"encoding/binary"
	"fmt"
)

// ControlType is what a control record says. The key of a control record is
//
//	0  version  2   0
//	2  type     2
//
// and the value of a transaction's end marker
//
//	0  version            2   0
//	2  coordinator epoch  4
type ControlType int16

const (
	ControlAbort          ControlType = 0
	ControlCommit         ControlType = 1
	ControlLeaderChange   ControlType = 2
	ControlSnapshotHeader ControlType = 3
	ControlSnapshotFooter ControlType = 4
	ControlKRaftVersion   ControlType = 5
	ControlKRaftVoters    ControlType = 6
	// ControlUnknown stands for all types that came later.
	ControlUnknown ControlType = -1
)

// String is Kafka's name of the type, as dump-log prints it.
func (t ControlType) String() string {
	switch t {
	case ControlAbort:
		return "ABORT"
	case ControlCommit:
		return "COMMIT"
	case ControlLeaderChange:
		return "LEADER_CHANGE"
	case ControlSnapshotHeader:
		return "SNAPSHOT_HEADER"
	case ControlSnapshotFooter:
		return "SNAPSHOT_FOOTER"
	case ControlKRaftVersion:
		return "KRAFT_VERSION"
	case ControlKRaftVoters:
		return "KRAFT_VOTERS"
	}
	return "UNKNOWN"
}

// ControlKey decodes the key of a control record; the error wraps ErrCorrupt.
func ControlKey(key []byte) (ControlType, error) {
	if len(key) < 4 {
		return ControlUnknown, fmt.Errorf("%w: Invalid value size found for control record key. Must have at least 4 bytes, but found only %d",
			ErrCorrupt, len(key))
	}
	if version := int16(binary.BigEndian.Uint16(key)); version < 0 {
		return ControlUnknown, fmt.Errorf("%w: Invalid version found for control record: %d. May indicate data corruption", ErrCorrupt, version)
	}
	t := ControlType(binary.BigEndian.Uint16(key[2:]))
	if t < ControlAbort || t > ControlKRaftVoters {
		return ControlUnknown, nil
	}
	return t, nil
}

// EndMarkerEpoch decodes the coordinator epoch of a transaction's end marker; the error wraps ErrCorrupt.
func EndMarkerEpoch(value []byte) (int32, error) {
	if len(value) < 6 {
		return -1, fmt.Errorf("%w: Invalid value size found for end transaction marker. Must have at least 6 bytes, but found only %d",
			ErrCorrupt, len(value))
	}
	if version := int16(binary.BigEndian.Uint16(value)); version < 0 {
		return -1, fmt.Errorf("%w: Invalid version found for end transaction marker: %d. May indicate data corruption", ErrCorrupt, version)
	}
	return int32(binary.BigEndian.Uint32(value[2:])), nil
}

// controlMaxBytes bounds what a control batch may decompress to; Kafka writes them uncompressed and small.
const controlMaxBytes = 1 << 20

// ParseControl reads the first record of a control batch: its type and, of a transaction's end marker, the coordinator's epoch (else -1).
// The error wraps ErrCorrupt.
func ParseControl(b Batch) (t ControlType, coordinatorEpoch int32, err error) {
	if !b.IsControl() {
		return ControlUnknown, -1, fmt.Errorf("%w: not a control batch", ErrCorrupt)
	}
	for r, err := range Records(b, controlMaxBytes) {
		if err != nil {
			return ControlUnknown, -1, err
		}
		t, err := ControlKey(r.Key)
		if err != nil || t != ControlAbort && t != ControlCommit {
			return t, -1, err
		}
		epoch, err := EndMarkerEpoch(r.Value)
		return t, epoch, err
	}
	return ControlUnknown, -1, fmt.Errorf("%w: control batch without a record", ErrCorrupt)
}

// EndMarker makes the batch that ends a producer's transaction in a partition: t is ControlAbort or ControlCommit.
// The leader stamps base offset and epoch.
func EndMarker(producerID int64, producerEpoch int16, t ControlType, coordinatorEpoch int32, timestampMs int64) Batch {
	key := binary.BigEndian.AppendUint16([]byte{0, 0}, uint16(t))
	value := binary.BigEndian.AppendUint32([]byte{0, 0}, uint32(coordinatorEpoch))
	b := Builder{Transactional: true, Control: true, LeaderEpoch: -1, ProducerID: producerID, ProducerEpoch: producerEpoch, BaseSequence: -1}
	batch, err := b.Build([]Record{{TimestampMs: timestampMs, Key: key, Value: value}})
	if err != nil {
		panic(err) // one small uncompressed record always fits
	}
	return batch
}
