package cli

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"milena/internal/record"
)

// recordParser turns a record into what is shown as key and payload; nil shows nothing.
type recordParser func(r *record.Record) (key, value *string, err error)

// dumpParser chooses the parser that the options ask for. What Kafka has and Milena has not is refused by name.
func dumpParser(v *Values) (recordParser, error) {
	switch {
	case v.Has("offsets-decoder"):
		return coordinatorParser(decodeOffsetsRecord), nil
	case v.Has("transaction-log-decoder"):
		return coordinatorParser(decodeTransactionRecord), nil
	case v.Has("cluster-metadata-decoder"):
		return nil, Exitf(1, "--cluster-metadata-decoder is not supported: Milena keeps the cluster's metadata in its coordination store, "+
			"not in a log; use Kafka's own tool for a __cluster_metadata log")
	case v.Has("remote-log-metadata-decoder"):
		return nil, Exitf(1, "--remote-log-metadata-decoder is not supported: Milena has no tiered storage")
	case v.Has("share-group-state-decoder"):
		return nil, Exitf(1, "--share-group-state-decoder is not supported: Milena has no share groups")
	}
	key, err := plainDecoder(v, "key-decoder-class")
	if err != nil {
		return nil, err
	}
	value, err := plainDecoder(v, "value-decoder-class")
	if err != nil {
		return nil, err
	}
	return func(r *record.Record) (*string, *string, error) {
		shown := func(b []byte, decode func([]byte) (string, error)) (*string, error) {
			if b == nil {
				return nil, nil
			}
			text, err := decode(b)
			return &text, err
		}
		k, err := shown(r.Key, key)
		if err != nil {
			return nil, nil, err
		}
		val, err := shown(r.Value, value)
		return k, val, err
	}, nil
}

func plainDecoder(v *Values, option string) (func([]byte) (string, error), error) {
	number := func(size int, read func([]byte) int64) func([]byte) (string, error) {
		return func(b []byte) (string, error) {
			if len(b) < size {
				return "", javaException("java.lang.ArrayIndexOutOfBoundsException", fmt.Sprintf("Index %d out of bounds for length %d", len(b), len(b)))
			}
			return strconv.FormatInt(read(b), 10), nil
		}
	}
	class := v.Value(option)
	if class == "" {
		class = stringDecoder
	}
	switch class {
	case stringDecoder:
		return func(b []byte) (string, error) { return javaString(b), nil }, nil
	case toolPackage + "api.IntegerDecoder":
		return number(4, func(b []byte) int64 { return int64(int32(binary.BigEndian.Uint32(b))) }), nil
	case toolPackage + "api.LongDecoder":
		return number(8, func(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) }), nil
	}
	return nil, Exitf(1, "--%s %s is not supported: this is no Java program and cannot load a Java class; "+
		"%s, IntegerDecoder and LongDecoder of the same package are built in", option, class, stringDecoder)
}

// javaString decodes UTF-8 as Java does: each malformed piece, however long, becomes one U+FFFD.
func javaString(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var out strings.Builder
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 {
			size = malformed(b)
		}
		out.WriteRune(r)
		b = b[size:]
	}
	return out.String()
}

// malformed is how many bytes at b's front are one malformed piece: the longest beginning of a sequence that could have become one,
// and a surrogate's three bytes as a whole.
func malformed(b []byte) int {
	continues := func(i int) bool { return i < len(b) && b[i]&0xc0 == 0x80 }
	switch c := b[0]; {
	case c == 0xed && continues(1) && b[1] >= 0xa0 && continues(2):
		return 3
	case c >= 0xe0 && c <= 0xef && continues(1) && !(c == 0xe0 && b[1] < 0xa0):
		return 2
	case c >= 0xf0 && c <= 0xf4 && continues(1) && !(c == 0xf0 && b[1] < 0x90) && !(c == 0xf4 && b[1] > 0x8f):
		if continues(2) {
			return 3
		}
		return 2
	}
	return 1
}

// unknownType is a record of a type that the coordinator's serializer does not know.
type unknownType int16

func (u unknownType) Error() string { return fmt.Sprintf("unknown record type %d", int16(u)) }

// coordinatorParser shows a coordinator's records as JSON. decode gives key and value of a record whose key begins with kind.
func coordinatorParser(decode func(kind int16, key, value []byte) (k, v any, version int16, err error)) recordParser {
	return func(r *record.Record) (*string, *string, error) {
		if r.Key == nil {
			return nil, nil, javaException("java.lang.RuntimeException", fmt.Sprintf(
				"Failed to decode message at offset %d using the specified decoder (message had a missing key)", r.Offset))
		}
		var k, v any
		var version int16
		err := fmt.Errorf("Could not read version from key's buffer.")
		var kind int16
		if len(r.Key) >= 2 {
			kind = int16(binary.BigEndian.Uint16(r.Key))
			k, v, version, err = decode(kind, r.Key, r.Value)
		}
		if unknown, ok := err.(unknownType); ok {
			text := fmt.Sprintf("Unknown record type %d at offset %d, skipping.", int16(unknown), r.Offset)
			return &text, nil, nil
		}
		if err != nil {
			text := fmt.Sprintf("Error at offset %d, skipping. %v", r.Offset, err)
			return &text, nil, nil
		}
		key := toJSON(struct {
			Type string `json:"type"`
			Data any    `json:"data"`
		}{strconv.Itoa(int(kind)), k})
		value := "<DELETE>"
		if r.Value != nil {
			value = toJSON(struct {
				Version string `json:"version"`
				Data    any    `json:"data"`
			}{strconv.Itoa(int(version)), v})
		}
		return &key, &value, nil
	}
}

func toJSON(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // strings, numbers and lists of them always encode
	}
	return strings.TrimSuffix(b.String(), "\n")
}
