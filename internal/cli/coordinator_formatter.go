package cli

import (
	"bufio"
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// coordinatorFormatter prints a coordinator's records of some types as JSON, one after the other without a break, as Kafka's do:
//
//	{"key":{"type":1,"data":{…}},"value":{"version":4,"data":{…}}}
//
// Records of other types, and of no type, are left out.
type coordinatorFormatter struct {
	shows  func(kind int16) bool
	decode func(kind int16, key, value []byte) (k, v any, version int16, err error)
}

// coordinatorFormatterNamed finds one by the class's own name.
func coordinatorFormatterNamed(name string) (formatter, bool) {
	groups := func(kind int16, key, value []byte) (k, v any, version int16, err error) {
		return groupRecordJSON(kind, key, value, false)
	}
	switch name {
	case "OffsetsMessageFormatter":
		return coordinatorFormatter{func(kind int16) bool { return kind == 0 || kind == 1 }, groups}, true
	case "GroupMetadataMessageFormatter":
		return coordinatorFormatter{func(kind int16) bool { return kind == 2 }, groups}, true
	case "TransactionLogMessageFormatter":
		return coordinatorFormatter{func(kind int16) bool { return kind == 0 }, decodeTransactionRecord}, true
	}
	return nil, false
}

func (f coordinatorFormatter) write(out *bufio.Writer, r *kgo.Record) error {
	if len(r.Key) < 2 {
		return nil
	}
	kind := int16(binary.BigEndian.Uint16(r.Key))
	if !f.shows(kind) {
		return nil
	}
	k, v, version, err := f.decode(kind, r.Key, r.Value)
	if err != nil {
		return &fieldError{fmt.Errorf("Could not read record at offset %d due to: %w", r.Offset, err)}
	}
	type part struct {
		Type    *int16 `json:"type,omitempty"`
		Version *int16 `json:"version,omitempty"`
		Data    any    `json:"data"`
	}
	line := struct {
		Key   part  `json:"key"`
		Value *part `json:"value"`
	}{Key: part{Type: &kind, Data: k}}
	if r.Value != nil {
		line.Value = &part{Version: &version, Data: v}
	}
	_, err = out.WriteString(toJSON(line))
	return err
}
