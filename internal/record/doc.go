// Package record knows Kafka's record batches (message format v2, KIP-98) and reads the older message sets (v0, v1) that
// old segments hold: views, validation, CRC, compression, control records. It imports nothing of Milena.
//
//   - batch.go, header.go: the layout, views of it, and the head of any format, to walk a segment;
//   - records.go, legacy.go, builder.go, control.go: records out of batches and into them;
//   - sieve.go, sieve_legacy.go: a batch with some of its records taken out;
//   - check.go, walk.go: what a topic demands of a client's batch (Check), seen by stepping through the records without keeping them;
//   - codec*.go, compress.go: the compression codecs as Kafka frames them.
//
// It has no state but pools of decoders, encoders and walkers, so everything may be used by many goroutines at once; who holds a batch's
// bytes decides who may stamp them.
package record

import "errors"

// ErrCorrupt is wrapped by every error that says that bytes are not what they should be (CRC, sizes, magic).
var ErrCorrupt = errors.New("record: corrupt")

// ErrTruncated says that a batch goes on beyond the bytes at hand.
var ErrTruncated = errors.New("record: batch is cut off")
