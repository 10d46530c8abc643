// Package wire is Kafka's framing: sizes, request and response headers, and replies whose bodies are lists of byte and file ranges.
// Bodies are kmsg's; the hot ones (Produce, Fetch) have parts of their own here. It imports vfs.
package wire

import "milena/internal/vfs"

// RequestHeader is the head of a request (v0 to v2).
type RequestHeader struct {
	Key, Version  int16
	CorrelationID int32
	ClientID      string // "" for null
}

// Reply is a response body: byte ranges and file ranges in order. Its zero value is empty.
type Reply struct {
	Parts   []Part
	Release []func() // called once after the last byte has been sent or the connection is gone
}

// Part is either Bytes or a File range.
type Part struct {
	Bytes []byte
	File  vfs.Range
}

// Bytes adds a byte range; the reply owns b from then on.
func (r *Reply) Bytes(b []byte) { r.Parts = append(r.Parts, Part{Bytes: b}) }

// File adds a file range.
func (r *Reply) File(f vfs.Range) { r.Parts = append(r.Parts, Part{File: f}) }

// SizeBytes is the length of the body.
func (r *Reply) SizeBytes() int {
	n := 0
	for _, p := range r.Parts {
		n += len(p.Bytes) + p.File.Size
	}
	return n
}
