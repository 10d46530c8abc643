package cli

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strconv"
	"strings"

	"milena/internal/record"
	"milena/internal/vfs"
)

const (
	corruptRecord = "org.apache.kafka.common.errors.CorruptRecordException"
	invalidRecord = "org.apache.kafka.common.InvalidRecordException"
)

// magicPosition is where every format has its magic.
const magicPosition = 16

// batchFile walks the batches of a log file, or of a slice of it. It stops, as Kafka does, where no whole batch is left.
type batchFile struct {
	name     string
	f        vfs.File
	at, end  int64
	position int64 // of the batch that next returned
	header   [record.HeaderSize]byte
	batch    []byte
}

// openBatches opens name for the bytes from position on, limit at most.
func (d *dump) openBatches(name string, position, limit int64) (*batchFile, error) {
	f, err := d.fs.Open(name)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		f.Close()
		return nil, err
	}
	if position < 0 || position > size {
		f.Close()
		what := fmt.Sprintf("Slice from position %d exceeds end position of", position)
		if position < 0 {
			what = fmt.Sprintf("Invalid position: %d in read from", position)
		}
		return nil, javaException("java.lang.IllegalArgumentException",
			fmt.Sprintf("%s FileRecords(size=%d, file=%s, start=0, end=%d)", what, size, name, math.MaxInt32))
	}
	return &batchFile{name: name, f: f, at: position, end: position + min(limit, size-position)}, nil
}

func (b *batchFile) close() { b.f.Close() }

// next reads the head of the next batch; io.EOF where there is none.
func (b *batchFile) next() (record.Header, error) {
	if b.end-b.at <= 17 { // offset, size and what stands up to the magic
		return record.Header{}, io.EOF
	}
	n, err := b.f.ReadAt(b.header[:min(int64(record.HeaderSize), b.end-b.at)], b.at)
	if err != nil && err != io.EOF {
		return record.Header{}, err
	}
	// Kafka takes a magic that it does not know for the newest it knows.
	magic := b.header[magicPosition]
	if magic > 2 {
		b.header[magicPosition] = 2
	}
	h, err := record.ParseHeader(b.header[:n])
	h.Magic = int8(magic)
	length := int64(h.SizeBytes - record.LogOverhead)
	switch {
	case err != nil && length < 14 && h.SizeBytes != 0:
		return h, javaException(corruptRecord,
			fmt.Sprintf("Found record size %d smaller than minimum record overhead (%d) in file %s.", length, 14, b.name))
	case int64(h.SizeBytes) > b.end-b.at:
		return h, io.EOF
	case err != nil:
		return h, javaException(corruptRecord, err.Error())
	}
	b.position = b.at
	b.at += int64(h.SizeBytes)
	return h, nil
}

// whole reads the batch whose head next returned; it stays valid until the next call.
func (b *batchFile) whole() ([]byte, error) {
	size := int(b.at - b.position)
	if cap(b.batch) < size {
		b.batch = make([]byte, size)
	}
	b.batch = b.batch[:size]
	n, err := b.f.ReadAt(b.batch, b.position)
	b.batch[magicPosition] = min(b.batch[magicPosition], 2)
	if n == size {
		err = nil
	}
	return b.batch, err
}

// log shows the batches of a log file, and their records where asked for.
func (d *dump) log(name string) error {
	if strings.HasSuffix(name, ".log") {
		start, err := startOffset(name)
		if err != nil {
			return err
		}
		d.print("Log starting offset: ", start, "\n")
	} else if base := path.Base(name); base == "bootstrap.checkpoint" {
		d.print("KRaft bootstrap snapshot\n")
	} else {
		var offset, epoch int64
		if n, _ := fmt.Sscanf(base, "%020d-%010d.checkpoint", &offset, &epoch); n != 2 {
			return Exitf(1, "%s is no snapshot of Kafka's metadata log: its name is not OFFSET-EPOCH.checkpoint", name)
		}
		d.print("Snapshot end offset: ", offset, ", epoch: ", epoch, "\n")
	}
	file, err := d.openBatches(name, 0, d.maxBytes)
	if err != nil {
		return err
	}
	defer file.close()
	lastOffset := int64(-1)
	for {
		h, err := file.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		batch, err := file.whole()
		if err != nil {
			return err
		}
		d.batch(&h, file.position, record.CheckCRC(batch) == nil)
		if h.Codec() > record.Zstd {
			return javaException("java.lang.IllegalArgumentException", fmt.Sprintf("Unknown compression type id: %d", int8(h.Codec())))
		}
		if !d.deep {
			continue
		}
		if err := d.records(name, &h, batch, &lastOffset); err != nil {
			return err
		}
	}
	if left := file.end - file.at; left > 0 && d.maxBytes == math.MaxInt32 {
		d.print("Found ", left, " invalid bytes at the end of ", path.Base(name), "\n")
	}
	return nil
}

func (d *dump) batch(h *record.Header, position int64, valid bool) {
	if h.Magic >= 2 {
		d.print("baseOffset: ", h.BaseOffset, " lastOffset: ", h.LastOffset, " count: ", h.Count,
			" baseSequence: ", h.BaseSequence, " lastSequence: ", h.LastSequence(),
			" producerId: ", h.ProducerID, " producerEpoch: ", h.ProducerEpoch, " partitionLeaderEpoch: ", h.LeaderEpoch,
			" isTransactional: ", h.IsTransactional(), " isControl: ", h.IsControl(), " deleteHorizonMs: ", optionalLong(h.DeleteHorizonMs()))
	} else {
		d.print("offset: ", h.LastOffset)
	}
	d.print(" position: ", position, " ", timestampName(h), ": ", h.MaxTimestamp, " size: ", h.SizeBytes,
		" magic: ", int(h.Magic), " compresscodec: ", h.Codec().String(), " crc: ", h.CRC, " isvalid: ", valid, "\n")
}

func optionalLong(v int64, ok bool) string {
	if !ok {
		return "OptionalLong.empty"
	}
	return "OptionalLong[" + strconv.FormatInt(v, 10) + "]"
}

func timestampName(h *record.Header) string {
	if h.Magic == 0 {
		return "NoTimestampType"
	}
	return h.TimestampType().String()
}

// records shows each record of a batch.
func (d *dump) records(name string, h *record.Header, batch []byte, lastOffset *int64) error {
	show := func(r *record.Record, m *record.Message) error {
		if r.Offset != *lastOffset+1 {
			d.nonConsecutive.add(absolute(name), *lastOffset, r.Offset)
		}
		*lastOffset = r.Offset
		if !d.skipMetadata {
			d.recordMetadata(h, r, m)
		}
		if d.contents && !h.IsControl() {
			if err := d.recordContents(r); err != nil {
				return err
			}
		}
		d.print("\n")
		return nil
	}
	if h.Magic < 2 {
		for m, err := range record.Messages(batch, math.MaxInt32) {
			if err != nil {
				return recordError(err)
			}
			if err := show(&m.Record, &m); err != nil {
				return err
			}
		}
		return nil
	}
	for r, err := range record.Records(batch, math.MaxInt32) {
		if err != nil {
			return recordError(err)
		}
		if err := show(&r, nil); err != nil {
			return err
		}
	}
	return nil
}

// recordError says what is wrong with a batch, without the words that only say that it is corrupt.
func recordError(err error) error {
	text := strings.TrimPrefix(err.Error(), record.ErrCorrupt.Error()+": ")
	if detail, ok := strings.CutPrefix(text, "decompressing "); ok {
		return javaException("org.apache.kafka.common.KafkaException", "Failed to decompress record stream\nCaused by: "+detail)
	}
	if errors.Is(err, record.ErrCorrupt) {
		return javaException(invalidRecord, text)
	}
	return err
}

func fieldSize(b []byte) int {
	if b == nil {
		return -1
	}
	return len(b)
}

func (d *dump) recordMetadata(h *record.Header, r *record.Record, m *record.Message) {
	d.print("| offset: ", r.Offset, " ", timestampName(h), ": ", r.TimestampMs,
		" keySize: ", fieldSize(r.Key), " valueSize: ", fieldSize(r.Value))
	if m != nil {
		d.print(" isValid: ", m.Valid, " crc: ", m.CRC)
		return
	}
	sequence := int64(-1)
	if h.BaseSequence >= 0 {
		sequence = (int64(h.BaseSequence) + r.Offset - h.BaseOffset) & math.MaxInt32
	}
	d.print(" sequence: ", sequence, " headerKeys: [")
	for i, header := range r.Headers {
		if i > 0 {
			d.print(",")
		}
		d.print(javaString([]byte(header.Key)))
	}
	d.print("]")
	if h.IsControl() {
		d.controlRecord(r)
	}
}

// controlRecord shows what a control record says. Kafka shows the records of its own metadata log as JSON; there is no such log here.
func (d *dump) controlRecord(r *record.Record) {
	kind, err := record.ControlKey(r.Key)
	if err != nil {
		d.print(" controlType: corrupt")
		return
	}
	if kind == record.ControlAbort || kind == record.ControlCommit {
		if epoch, err := record.EndMarkerEpoch(r.Value); err == nil {
			d.print(" endTxnMarker: ", kind.String(), " coordinatorEpoch: ", epoch)
			return
		}
	}
	d.print(" controlType: ", kind.String(), "(", int64(r.Key[2])<<8|int64(r.Key[3]), ")")
}

func (d *dump) recordContents(r *record.Record) error {
	key, value, err := d.parse(r)
	if err != nil {
		return err
	}
	prefix := " "
	if d.skipMetadata {
		prefix = "| "
	}
	if key != nil {
		d.print(prefix, "key: ", *key)
		prefix = " "
	}
	if value != nil {
		d.print(prefix, "payload: ", *value)
	}
	return nil
}
