package record

import (
	"bytes"
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"
)

// TestQuickParsing: what is parsed quickly is parsed as it is field by field, and records as producers send them are.
func TestQuickParsing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := func(b []byte, name string, v int64) []byte {
			if rapid.IntRange(0, 20).Draw(t, name+" is wrong") == 0 {
				return append(b, rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, name)...)
			}
			return binary.AppendVarint(b, v)
		}
		time := int64(rapid.IntRange(-1, 20_000).Draw(t, "time"))
		offset := int64(rapid.IntRange(-1, 10_000).Draw(t, "offset"))
		key := int64(rapid.IntRange(-2, 100).Draw(t, "key size"))
		value := int64(rapid.IntRange(-2, 10_000).Draw(t, "value size"))
		b := number([]byte{0}, "time", time)
		b = number(b, "offset", offset)
		b = append(number(b, "key", key), bytes.Repeat([]byte{'k'}, int(max(0, key)))...)
		b = append(number(b, "value", value), bytes.Repeat([]byte{'v'}, int(max(0, value)))...)
		b = append(b, rapid.SampledFrom([]string{"\x00", "\x00", "\x00", "", "\x01", "\x02\x02k\x02v", "\x00\x00"}).Draw(t, "headers")...)
		b = b[:rapid.SampledFrom([]int{len(b), len(b), len(b), len(b) - 1, len(b) / 2}).Draw(t, "cut")]
		var quick, slow entry
		if !quick.quick(b) {
			return
		}
		if err := slow.fields(b); err != nil || slow != quick {
			t.Fatalf("% x: quick %+v, field by field %+v, %v", b, quick, slow, err)
		}
	})
	for _, value := range []int64{8, 100, 1000, 8000} {
		b := []byte{0, 10}
		b = binary.AppendVarint(b, 5000)
		b = append(append(binary.AppendVarint(b, 5), "a key"...), binary.AppendVarint(nil, value)...)
		b = append(append(b, make([]byte, value)...), 0)
		var e entry
		if want := (entry{timestampDelta: 5, offsetDelta: 5000, keySize: 5, valueSize: int32(value)}); !e.quick(b) || e != want {
			t.Errorf("a value of %d bytes: %+v", value, e)
		}
	}
}
