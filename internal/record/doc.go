// Package record knows Kafka's record batches (message format v2, KIP-98) and reads the older message sets (v0, v1) that
// old segments hold: views, validation, CRC, compression, control records. It owns no state and imports nothing of Milena.
package record

import "errors"

// ErrCorrupt is wrapped by every error that says that bytes are not what they should be (CRC, sizes, magic).
var ErrCorrupt = errors.New("record: corrupt")

// ErrTruncated says that a batch goes on beyond the bytes at hand.
var ErrTruncated = errors.New("record: batch is cut off")
