package record

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxDecompressedBytes bounds what a client's batch may decompress to: validation steps through it in little memory, but not for ever.
const maxDecompressedBytes = 256 << 20

// maxRecordErrors bounds how many of a batch's wrong records are named.
const maxRecordErrors = 1000

// Check validates data that a client or coordinator wants appended: one v2 batch, as Kafka's LogValidator does, in place where it
// can (the timestamps of LogAppendTime) and recompressed where the topic's codec differs. It needs no lock. A *Refusal says what is wrong.
func Check(data []byte, rules Rules, origin Origin, nowMs int64) (Checked, error) {
	batch, refused := oneBatch(data)
	if refused != nil {
		refused.Unframed = true
		return Checked{}, refused
	}
	err := checkBatch(batch, &rules, origin)
	if err != nil {
		return Checked{}, err
	}
	c := check{batch: batch, rules: rules, nowMs: nowMs, maxTimestamp: -1}
	if err := c.records(); err != nil {
		return Checked{}, err
	}
	out := Checked{Batch: batch, MaxTimestamp: c.maxTimestamp, MaxTimestampOffsetDelta: c.maxTimestampDelta, AppendTimeMs: -1}
	if rules.TimestampType == LogAppendTime {
		out.MaxTimestamp, out.MaxTimestampOffsetDelta, out.AppendTimeMs = nowMs, 0, nowMs
	}
	// A control batch that came uncompressed stays so.
	sameCodec := rules.Codec == ProducerCodec || rules.Codec == batch.Codec() || batch.IsControl() && batch.Codec() == None
	if sameCodec && c.inOrder {
		batch.SetMaxTimestamp(rules.TimestampType, out.MaxTimestamp)
		return out, nil
	}
	out.Batch, err = rewrite(batch, &rules, sameCodec, c.inOrder, out.MaxTimestamp)
	if err != nil {
		return Checked{}, err
	}
	if len(out.Batch) > rules.MaxMessageBytes {
		return Checked{}, refuse(TooLarge, "Message batch size is %d bytes in append to partition %s exceeds the maximum configured size of %d.",
			len(out.Batch), rules.Partition, rules.MaxMessageBytes)
	}
	return out, nil
}

func refuse(why Reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: why, Message: fmt.Sprintf(format, args...)}
}

// oneBatch cuts out the one batch that data holds. What follows it and is not a whole batch is left out, as Kafka does.
func oneBatch(data []byte) (Batch, *Refusal) {
	size, err := frame(data)
	if errors.Is(err, ErrTruncated) {
		return nil, refuse(InvalidRecord, "Produce requests must have at least one record batch per partition")
	}
	if err != nil {
		return nil, &Refusal{Reason: Corrupt, Message: strings.TrimPrefix(err.Error(), ErrCorrupt.Error()+": "), told: true}
	}
	if data[posMagic] != 2 {
		return nil, refuse(InvalidRecord, "Produce requests are only allowed to contain record batches with magic version 2")
	}
	if size < HeaderSize {
		return nil, refuse(Corrupt, "Record batch of %d bytes is smaller than its header", size)
	}
	if size < len(data) {
		_, err := frame(data[size:])
		if err == nil {
			return nil, refuse(InvalidRecord, "Produce requests are only allowed to contain exactly one record batch per partition")
		}
		if !errors.Is(err, ErrTruncated) {
			return nil, refuse(Corrupt, "%s", err)
		}
	}
	return Batch(data[:size:size]), nil
}

// checkBatch looks at the batch as a whole.
func checkBatch(b Batch, rules *Rules, origin Origin) error {
	if origin == FromClient && b.BaseOffset() != 0 {
		return refuse(InvalidRecord, "The baseOffset of the record batch in the append to %s should be 0, but it is %d",
			rules.Partition, b.BaseOffset())
	}
	if len(b) > rules.MaxMessageBytes {
		return refuse(TooLarge, "The record batch size in the append to %s is %d bytes which exceeds the maximum configured value of %d).",
			rules.Partition, len(b), rules.MaxMessageBytes)
	}
	if b.computeCRC() != b.CRC() {
		return refuse(Corrupt, "Record is corrupt (stored crc = %d) in topic partition %s.", b.CRC(), rules.Partition)
	}
	if b.Codec() > Zstd {
		return refuse(UnsupportedCodec, "Unknown compression type id: %d", b.Codec())
	}
	if b.LastOffsetDelta() < 0 {
		return refuse(InvalidRecord, "Batch has an invalid offset range: [%d, %d] in topic partition %s",
			b.BaseOffset(), b.LastOffset(), rules.Partition)
	}
	if b.Count() <= 0 {
		return refuse(InvalidRecord, "Invalid reported count for record batch: %d in topic partition %s", b.Count(), rules.Partition)
	}
	if b.LastOffsetDelta() != b.Count()-1 {
		return refuse(InvalidRecord, "Inconsistent batch offset range [%d, %d] and count of records %d in topic partition %s",
			b.BaseOffset(), b.LastOffset(), b.Count(), rules.Partition)
	}
	if origin != FromClient {
		return nil
	}
	if b.IsControl() {
		return refuse(InvalidRecord, "Clients are not allowed to write control records in topic partition %s", rules.Partition)
	}
	if b.ProducerID() >= 0 && b.BaseSequence() < 0 {
		return refuse(InvalidRecord, "Invalid sequence number %d in record batch with producerId %d in topic partition %s",
			b.BaseSequence(), b.ProducerID(), rules.Partition)
	}
	return nil
}

// check is the state of one walk over a batch's records.
type check struct {
	batch             Batch
	rules             Rules // a copy: a pointer would move the caller's to the heap
	nowMs             int64
	maxTimestamp      int64
	maxTimestampDelta int32
	inOrder           bool // the records can stay: their offsets are 0, 1, 2 … and their times their own where the topic's are
	errors            []RecordError
	errorCount        int
	badTimestamp      bool
}

func (c *check) records() error {
	w, err := walk(c.batch, maxDecompressedBytes)
	if err != nil {
		return refuse(InvalidRecord, "%s", err)
	}
	defer w.done()
	var e entry
	base, ownTimes := c.batch.FirstTimestamp(), c.batch.TimestampType() == CreateTime
	// A producer's LogAppendTime in a topic of CreateTime: every record's time is the batch's, and is written into it.
	c.inOrder = ownTimes || c.rules.TimestampType == LogAppendTime
	timestamp := c.batch.MaxTimestamp()
	for i := range c.batch.Count() {
		if err := w.next(&e); err != nil {
			return refuse(InvalidRecord, "%s", err)
		}
		if ownTimes {
			timestamp = base + e.timestampDelta
		}
		if e.offsetDelta != i {
			c.inOrder = false
		}
		if c.rules.KeysRequired && e.keySize < 0 {
			c.wrong(i, InvalidRecord, &e, timestamp)
			continue
		}
		if c.rules.TimestampType == CreateTime && timestamp != -1 {
			if age := c.nowMs - timestamp; age > c.rules.TimestampBeforeMs || -age > c.rules.TimestampAfterMs {
				c.wrong(i, InvalidTimestamp, &e, timestamp)
			}
		} else if !ownTimes {
			c.wrong(i, InvalidTimestamp, &e, timestamp)
		}
		if timestamp > c.maxTimestamp {
			c.maxTimestamp, c.maxTimestampDelta = timestamp, i
		}
	}
	if err := w.end(); err != nil {
		return refuse(InvalidRecord, "%s", err)
	}
	return c.refusal()
}

// wrong notes a record that the topic does not take.
func (c *check) wrong(index int32, why Reason, e *entry, timestamp int64) {
	c.errorCount++
	if why == InvalidTimestamp {
		c.badTimestamp = true
	}
	if len(c.errors) == maxRecordErrors {
		return
	}
	var message string
	offset := c.batch.BaseOffset() + int64(e.offsetDelta)
	switch {
	case why == InvalidRecord:
		message = "Compacted topic cannot accept message without key in topic partition " + c.rules.Partition
	case c.rules.TimestampType == CreateTime && timestamp != -1:
		message = fmt.Sprintf("Timestamp %d of message with offset %d is out of range. The timestamp should be within [%d, %d]",
			timestamp, offset, c.nowMs-c.rules.TimestampBeforeMs, c.nowMs+c.rules.TimestampAfterMs)
	default:
		name, key, value := "DefaultRecord", max(e.keySize, 0), max(e.valueSize, 0)
		if c.batch.Codec() != None {
			name, key, value = "PartialDefaultRecord", e.keySize, e.valueSize
		}
		message = fmt.Sprintf("Invalid timestamp type in message %s(offset=%d, timestamp=%d, key=%d bytes, value=%d bytes). "+
			"Producer should not set timestamp type to LogAppendTime.", name, offset, timestamp, key, value)
	}
	c.errors = append(c.errors, RecordError{Index: index, Message: message})
}

func (c *check) refusal() error {
	if c.errorCount == 0 {
		return nil
	}
	if c.badTimestamp {
		return &Refusal{Reason: InvalidTimestamp, Records: c.errors,
			Message: "One or more records have been rejected due to invalid timestamp"}
	}
	var first string
	for i, e := range c.errors[:min(3, len(c.errors))] {
		if i > 0 {
			first += ", "
		}
		first += fmt.Sprintf("RecordError(batchIndex=%d, message='%s')", e.Index, e.Message)
	}
	return &Refusal{Reason: InvalidRecord, Records: c.errors, Message: fmt.Sprintf("One or more records have been rejected due to %d "+
		"record errors in total, and only showing the first three errors at most: [%s]", c.errorCount, first)}
}

// rewrite makes the batch anew: with the topic's codec, and with offsets in sequence where the producer's were not.
func rewrite(b Batch, rules *Rules, sameCodec, inOrder bool, maxTimestamp int64) (Batch, error) {
	codec := rules.Codec
	if sameCodec {
		codec = b.Codec()
	}
	out := make([]byte, HeaderSize, len(b)+len(b)/8)
	var err error
	switch {
	case !inOrder:
		out, err = renumber(out, b, codec, rules.Level)
	case b.Codec() == None:
		out, err = compressBytes(out, codec, rules.Level, b.Payload())
	default:
		out, err = transcode(out, b, codec, rules)
	}
	if err != nil {
		return nil, refuse(InvalidRecord, "%s", err)
	}
	builder := Builder{
		Codec: codec, TimestampType: rules.TimestampType, Transactional: b.IsTransactional(), Control: b.IsControl(),
		BaseOffset: b.BaseOffset(), LeaderEpoch: b.LeaderEpoch(),
		ProducerID: b.ProducerID(), ProducerEpoch: b.ProducerEpoch(), BaseSequence: b.BaseSequence(),
	}
	builder.header(out, b.LastOffsetDelta(), b.Count(), b.FirstTimestamp(), maxTimestamp)
	return Batch(out), nil
}

// transcode decompresses and compresses piece by piece. Uncompressed, it stops where the batch becomes too large.
func transcode(out []byte, b Batch, codec Codec, rules *Rules) ([]byte, error) {
	d, err := openDecoder(b.Codec(), b.Payload())
	if err != nil {
		return out, err
	}
	defer closeDecoder(b.Codec(), d)
	if codec == None {
		return compress(out, codec, 0, io.LimitReader(d, int64(rules.MaxMessageBytes)))
	}
	return compress(out, codec, rules.Level, d)
}

// renumber appends b's records, compressed, with their offsets in sequence.
func renumber(out []byte, b Batch, codec Codec, level int) ([]byte, error) {
	payload := b.Payload()
	if b.Codec() != None {
		var err error
		if payload, err = decompress(nil, b.Codec(), payload, maxDecompressedBytes); err != nil {
			return out, err
		}
	}
	plain := make([]byte, 0, len(payload)+len(payload)/8)
	var offset int64
	var err error
	base := b.FirstTimestamp()
	decodeRecords(b, payload, func(r Record, rerr error) bool {
		if err = rerr; err != nil {
			return false
		}
		r.Offset = offset
		offset++
		plain = appendRecord(plain, &r, base)
		return true
	})
	if err != nil {
		return out, err
	}
	return compressBytes(out, codec, level, plain)
}
