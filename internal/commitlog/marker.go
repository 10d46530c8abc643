package commitlog

import "milena/internal/record"

// marker is a decoded control record that ends a transaction.
type marker struct {
	commit           bool
	coordinatorEpoch int32
}

// decodeMarker reads the marker of a control batch; nil where it is another kind of control record, or empty (cleaned).
func decodeMarker(b record.Batch) (*marker, error) {
	if b.Count() == 0 {
		return nil, nil
	}
	kind, epoch, err := record.ParseControl(b)
	if err != nil || kind != record.ControlAbort && kind != record.ControlCommit {
		return nil, err
	}
	return &marker{commit: kind == record.ControlCommit, coordinatorEpoch: epoch}, nil
}
