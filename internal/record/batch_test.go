package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"testing"
)

func TestNextErrors(t *testing.T) {
	one := batchOf(t, None, 2, 10)
	if _, _, err := Next(nil); err != io.EOF {
		t.Errorf("nothing: %v", err)
	}
	for cut := 1; cut < len(one); cut++ {
		if _, _, err := Next(one[:cut]); err != ErrTruncated {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if _, err := ParseHeader(one[:cut]); (cut < HeaderSize) != (err == ErrTruncated) {
			t.Fatalf("head cut at %d: %v", cut, err)
		}
	}
	for name, b := range map[string]Batch{
		"length 13":               set(one, posLength, 0, 0, 0, 13),
		"length 48":               set(one, posLength, 0, 0, 0, 48),
		"negative length":         set(one, posLength, 128, 0, 0, 0),
		"magic 3":                 set(one, posMagic, 3),
		"magic -1":                set(one, posMagic, 255),
		"negative last delta":     set(one, posLastOffsetDelta, 255),
		"magic 1 where 2 is read": set(one, posMagic, 1),
	} {
		if _, _, err := Next(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := ParseHeader(b); !errors.Is(err, ErrCorrupt) && b[posMagic] != 1 {
			t.Errorf("%s: ParseHeader: %v", name, err)
		}
	}
	if _, _, err := Next(set(one, posLength, 127, 255, 255, 255)); err != ErrTruncated {
		t.Errorf("2 GB: %v", err)
	}
	two := append(bytes.Clone(one), one...)
	b, rest, err := Next(two)
	if err != nil || len(b) != len(one) || !bytes.Equal(rest, one) {
		t.Errorf("first of two: %d bytes, %d left, %v", len(b), len(rest), err)
	}
	// Appending to a batch must not write over what follows it.
	if cap(b) != len(b) {
		t.Errorf("capacity %d of %d", cap(b), len(b))
	}
}

func TestCRC(t *testing.T) {
	one := batchOf(t, None, 2, 10)
	for at := range one {
		bad := set(one, at, one[at]^1)
		covered := at >= posCRC
		if err := bad.CheckCRC(); (err != nil) != covered || err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
}

func TestSequenceWraps(t *testing.T) {
	b, err := Builder{BaseSequence: math.MaxInt32 - 1}.Build(make([]Record, 4))
	if err != nil {
		t.Fatal(err)
	}
	if b.LastSequence() != 1 || b.LastOffsetDelta() != 3 {
		t.Errorf("last sequence %d after %d", b.LastSequence(), b.BaseSequence())
	}
	b, err = Builder{BaseSequence: -1}.Build(make([]Record, 4))
	if err != nil || b.LastSequence() != -1 {
		t.Errorf("last sequence %d, %v", b.LastSequence(), err)
	}
}

func TestBuildRefuses(t *testing.T) {
	for name, offsets := range map[string][]int64{
		"nothing": {}, "backwards": {0, 2, 1}, "twice": {0, 1, 1}, "negative": {-1}, "too far": {0, math.MaxInt32 + 1}, "backwards to 0": {0, 1, 0},
	} {
		var records []Record
		for _, o := range offsets {
			records = append(records, Record{Offset: o})
		}
		if _, err := (Builder{}).Build(records); err == nil {
			t.Errorf("%s: built", name)
		}
	}
	if _, err := (Builder{Codec: 5}).Build(make([]Record, 1)); err == nil {
		t.Error("codec 5: built")
	}
}

func TestStamps(t *testing.T) {
	b := batchOf(t, None, 3, 10)
	b.SetLastOffset(102)
	if b.BaseOffset() != 100 || b.NextOffset() != 103 || b.SizeBytes() != len(b) {
		t.Errorf("offsets %d to %d, %d bytes", b.BaseOffset(), b.LastOffset(), b.SizeBytes())
	}
	b.SetMaxTimestamp(LogAppendTime, 5)
	if b.TimestampType() != LogAppendTime || b.MaxTimestamp() != 5 || b.CheckCRC() != nil {
		t.Errorf("%s %d", b.TimestampType(), b.MaxTimestamp())
	}
	b.SetMaxTimestamp(CreateTime, 6)
	if b.TimestampType() != CreateTime || b.MaxTimestamp() != 6 || b.CheckCRC() != nil {
		t.Errorf("%s %d", b.TimestampType(), b.MaxTimestamp())
	}
}

func TestControl(t *testing.T) {
	for _, kind := range []ControlType{ControlAbort, ControlCommit} {
		b := EndMarker(9, 3, kind, 77, 1700000000000)
		got, epoch, err := ParseControl(b)
		if err != nil || got != kind || epoch != 77 || !b.IsControl() || !b.IsTransactional() || b.ProducerID() != 9 || b.ProducerEpoch() != 3 {
			t.Errorf("%s: %s, epoch %d, %v", kind, got, epoch, err)
		}
	}
	control := func(key, value []byte) Batch {
		b, err := Builder{Control: true}.Build([]Record{{Key: key, Value: value}})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, b := range map[string]Batch{
		"no control batch": batchOf(t, None, 1, 1),
		"null key":         control(nil, nil),
		"short key":        control([]byte{0, 0, 0}, nil),
		"negative version": control([]byte{255, 255, 0, 1}, []byte{0, 0, 0, 0, 0, 1}),
		"null value":       control([]byte{0, 0, 0, 1}, nil),
		"short value":      control([]byte{0, 0, 0, 1}, []byte{0, 0, 0, 0, 1}),
	} {
		if _, _, err := ParseControl(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if kind, epoch, err := ParseControl(control([]byte{0, 0, 0, 2}, []byte("leader"))); err != nil || kind != ControlLeaderChange || epoch != -1 {
		t.Errorf("leader change: %s %d %v", kind, epoch, err)
	}
	if kind, _, err := ParseControl(control([]byte{0, 9, 1, 2}, nil)); err != nil || kind != ControlUnknown {
		t.Errorf("later type: %s %v", kind, err)
	}
}

// TestCheckOrigins: a coordinator may write what a client may not, and control batches stay as they are in a topic with a codec.
func TestCheckOrigins(t *testing.T) {
	marker := EndMarker(9, 3, ControlCommit, 1, 1700000000000)
	rules := topicRules("gzip")
	var refusal *Refusal
	if _, err := Check(bytes.Clone(marker), rules, FromClient, 1700000000000); !errors.As(err, &refusal) || refusal.Reason != InvalidRecord {
		t.Errorf("a client's marker: %v", err)
	}
	got, err := Check(marker, rules, FromCoordinator, 1700000000000)
	if err != nil || got.Batch.Codec() != None || &got.Batch[0] != &marker[0] {
		t.Errorf("a coordinator's marker: %v", err)
	}
	moved := batchOf(t, None, 2, 10)
	moved.SetBaseOffset(4)
	if _, err := Check(moved, topicRules("plain"), FromCoordinator, 1700000000000); err != nil {
		t.Errorf("a coordinator's base offset: %v", err)
	}
}

// TestManyRecordErrors: a batch of nothing but wrong records makes a bounded answer.
func TestManyRecordErrors(t *testing.T) {
	records := make([]Record, 50000)
	for i := range records {
		records[i].TimestampMs = 1700000000000
	}
	b, err := Builder{Codec: Gzip, ProducerID: -1}.Build(records)
	if err != nil {
		t.Fatal(err)
	}
	var refusal *Refusal
	if _, err := Check(b, topicRules("compact"), FromClient, 1700000000000); !errors.As(err, &refusal) || len(refusal.Records) != maxRecordErrors {
		t.Fatal(err)
	}
	if !bytes.Contains([]byte(refusal.Message), []byte("due to 50000 record errors in total")) || len(refusal.Message) > 1000 {
		t.Error(refusal.Message)
	}
}

func TestVarints(t *testing.T) {
	for _, v := range []int64{0, 1, -1, 63, 64, -64, -65, 1 << 20, math.MaxInt32, math.MinInt32, 1 << 40, math.MaxInt64, math.MinInt64} {
		b := appendVarint(nil, v)
		if len(b) != varintSize(v) {
			t.Errorf("%d takes %d bytes, not %d", v, len(b), varintSize(v))
		}
		if got, n := varlong(b); got != v || n != len(b) {
			t.Errorf("%d is read as %d", v, got)
		}
		if got, n := varint(b); v == int64(int32(v)) && (got != int32(v) || n != len(b)) {
			t.Errorf("%d is read as %d", v, got)
		}
		for cut := range b {
			if _, n := varlong(b[:cut]); n != 0 {
				t.Errorf("%d cut at %d is read", v, cut)
			}
		}
	}
	if _, n := varint(bytes.Repeat([]byte{0x80}, 6)); n != 0 {
		t.Error("a varint of more than five bytes is read")
	}
	if _, n := varlong(bytes.Repeat([]byte{0x80}, 11)); n != 0 {
		t.Error("a varlong of more than ten bytes is read")
	}
	if got, n := varint(binary.AppendVarint(nil, -300)); got != -300 || n != 2 {
		t.Errorf("-300 is read as %d", got)
	}
}
