package cli

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// deserializer turns a field of a record into text; an error is a field that is not of its type.
type deserializer func(data []byte) ([]byte, error)

// deserializerNamed finds one of Kafka's deserializers by its Java class name; false where there is none of that name.
func deserializerNamed(class string) (deserializer, bool) {
	name := strings.TrimSuffix(class[strings.LastIndexByte(class, '.')+1:], "Deserializer")
	switch name {
	case "String", "ByteArray", "Bytes", "ByteBuffer":
		return func(data []byte) ([]byte, error) { return data, nil }, true
	case "Long":
		return fixed("Long", 8, func(b []byte) string { return strconv.FormatInt(int64(binary.BigEndian.Uint64(b)), 10) }), true
	case "Integer":
		return fixed("Integer", 4, func(b []byte) string { return strconv.Itoa(int(int32(binary.BigEndian.Uint32(b)))) }), true
	case "Short":
		return fixed("Short", 2, func(b []byte) string { return strconv.Itoa(int(int16(binary.BigEndian.Uint16(b)))) }), true
	case "Double":
		return fixed("Double", 8, func(b []byte) string { return javaDouble(math.Float64frombits(binary.BigEndian.Uint64(b))) }), true
	case "Float":
		return fixed("Float", 4, func(b []byte) string { return javaFloat(math.Float32frombits(binary.BigEndian.Uint32(b))) }), true
	case "Boolean":
		return fixed("Boolean", 1, func(b []byte) string { return strconv.FormatBool(b[0] == 1) }), true
	case "UUID":
		return func(data []byte) ([]byte, error) {
			raw, err := hex.DecodeString(strings.ReplaceAll(string(data), "-", ""))
			if err != nil || len(raw) != 16 {
				return nil, fmt.Errorf("Error parsing data into UUID")
			}
			return data, nil
		}, true
	case "Void":
		return func(data []byte) ([]byte, error) {
			return nil, fmt.Errorf("Data should be null for a VoidDeserializer.")
		}, true
	}
	return nil, false
}

// fixed reads numbers that take a fixed number of bytes, big-endian as Java writes them.
func fixed(name string, sizeBytes int, print func([]byte) string) deserializer {
	return func(data []byte) ([]byte, error) {
		if len(data) != sizeBytes {
			return nil, fmt.Errorf("Size of data received by %sDeserializer is not %d", name, sizeBytes)
		}
		return []byte(print(data)), nil
	}
}

// javaFloat is javaDouble for single precision.
func javaFloat(f float32) string {
	text := strconv.FormatFloat(float64(f), 'g', -1, 32)
	if precise, err := strconv.ParseFloat(text, 64); err == nil {
		return javaDouble(precise)
	}
	return text
}
