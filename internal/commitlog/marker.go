package commitlog

import (
	"encoding/binary"
	"fmt"

	"milena/internal/record"
)

// A control record that ends a transaction. Big-endian:
//
//	key    0  version  int16     value  0  version            int16
//	       2  type     int16            2  coordinator_epoch  int32
const (
	controlAbort  = 0
	controlCommit = 1
)

// maxMarkerBytes bounds a control batch: key and value are a few bytes each.
const maxMarkerBytes = 1 << 16

// decodeMarker reads the marker of a control batch; nil where it is another kind of control record, or empty (cleaned).
func decodeMarker(b record.Batch) (*marker, error) {
	for r, err := range record.Records(b, maxMarkerBytes) {
		if err != nil {
			return nil, err
		}
		if len(r.Key) < 4 {
			return nil, fmt.Errorf("%w: control record with a key of %d bytes", record.ErrCorrupt, len(r.Key))
		}
		kind := int16(binary.BigEndian.Uint16(r.Key[2:]))
		if kind != controlAbort && kind != controlCommit {
			return nil, nil
		}
		if len(r.Value) < 6 {
			return nil, fmt.Errorf("%w: end of transaction with a value of %d bytes", record.ErrCorrupt, len(r.Value))
		}
		return &marker{commit: kind == controlCommit, coordinatorEpoch: int32(binary.BigEndian.Uint32(r.Value[2:]))}, nil
	}
	return nil, nil
}
