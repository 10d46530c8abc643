package cli

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"strings"

	"milena/internal/record"
)

// Widths of index entries in bytes; package segment draws the layouts.
const (
	offsetEntrySize   = 8
	timeEntrySize     = 12
	abortedEntrySize  = 34
	producerEntrySize = 46
	producerHeadSize  = 10
)

const corruptIndex = "org.apache.kafka.storage.internals.log.CorruptIndexException"

// offsets are the entries of an offset index.
type offsets struct {
	base int64
	b    []byte
}

func (o offsets) len() int { return len(o.b) / offsetEntrySize }

func (o offsets) at(i int) (offset, position int64) {
	e := o.b[i*offsetEntrySize:]
	return o.base + int64(int32(binary.BigEndian.Uint32(e))), int64(int32(binary.BigEndian.Uint32(e[4:])))
}

// floor is the position of the last entry at or below target, 0 where there is none. Entries of zeros at the end of a file that was
// laid out in advance do not count.
func (o offsets) floor(target int64) int64 {
	var found int64
	for i := range o.len() {
		offset, position := o.at(i)
		if offset > target || i > 0 && offset == o.base {
			break
		}
		found = position
	}
	return found
}

func (d *dump) offsetIndex(name string) error {
	base, err := startOffset(name)
	if err != nil {
		return err
	}
	log, err := d.openBatches(sibling(name, ".log"), 0, math.MaxInt32)
	if err != nil {
		return err
	}
	log.close()
	b, err := d.readFile(name)
	if err != nil {
		return err
	}
	index := offsets{base, b}
	if index.len() == 0 {
		d.print(name, " is empty.\n")
		return nil
	}
	if d.sanityOnly {
		if last, _ := index.at(index.len() - 1); last < base {
			return javaException(corruptIndex, fmt.Sprintf("Corrupt index found, index file %s has non-zero size but the last offset is %d "+
				"which is less than the base offset %d", absolute(name), last, base))
		}
		// Kafka looks at the size after it has cut it to whole entries, so that no size is wrong.
		d.print(name, " passed sanity check.\n")
		return nil
	}
	for i := range index.len() {
		offset, position := index.at(i)
		if i > 0 && offset == base {
			return nil
		}
		last, err := d.lastOffsetAt(sibling(name, ".log"), position)
		if err != nil {
			return err
		}
		if last != offset {
			d.mismatches.add(absolute(name), offset, last)
		}
		if !d.verifyOnly {
			d.print("offset: ", offset, " position: ", position, "\n")
		}
	}
	return nil
}

// lastOffsetAt is the last offset of the batch at a position.
func (d *dump) lastOffsetAt(log string, position int64) (int64, error) {
	file, err := d.openBatches(log, position, d.maxMessageSize)
	if err != nil {
		return 0, err
	}
	defer file.close()
	h, err := file.next()
	if err == io.EOF {
		return 0, Exitf(1, "Exception in thread \"main\" java.util.NoSuchElementException")
	}
	return h.LastOffset, err
}

func (d *dump) timeIndex(name string) error {
	base, err := startOffset(name)
	if err != nil {
		return err
	}
	log := sibling(name, ".log")
	if _, err := d.fs.Stat(log); err != nil {
		return err
	}
	positions, err := d.readFile(sibling(name, ".index"))
	if errors.Is(err, fs.ErrNotExist) {
		return javaException("java.lang.IllegalArgumentException", "Invalid max index size: -1") // Kafka would make one
	}
	if err != nil {
		return err
	}
	b, err := d.readFile(name)
	if err != nil {
		return err
	}
	count := len(b) / timeEntrySize
	entry := func(i int) (timestamp, offset int64) {
		e := b[i*timeEntrySize:]
		return int64(binary.BigEndian.Uint64(e)), base + int64(int32(binary.BigEndian.Uint32(e[8:])))
	}
	if d.sanityOnly {
		if err := timeIndexSanity(name, base, b, count, entry); err != nil {
			return err
		}
		d.print(name, " passed sanity check.\n")
		return nil
	}
	previous := int64(-1)
	for i := range count {
		timestamp, offset := entry(i)
		if i > 0 && offset == base {
			return nil
		}
		if err := d.timeEntry(name, log, offsets{base, positions}.floor(offset), timestamp, offset, previous); err != nil {
			return err
		}
		if !d.verifyOnly {
			d.print("timestamp: ", timestamp, " offset: ", offset, "\n")
		}
		previous = timestamp
	}
	return nil
}

func timeIndexSanity(name string, base int64, b []byte, count int, entry func(int) (int64, int64)) error {
	if count > 0 {
		first, _ := entry(0)
		last, offset := entry(count - 1)
		head := fmt.Sprintf("Corrupt time index found, time index file (%s) has non-zero size but the last ", absolute(name))
		if last < first {
			return javaException(corruptIndex, fmt.Sprintf("%stimestamp is %d which is less than the first timestamp %d", head, last, first))
		}
		if offset < base {
			return javaException(corruptIndex, fmt.Sprintf("%soffset is %d which is less than the first offset %d", head, offset, base))
		}
	}
	if len(b)%timeEntrySize != 0 {
		return javaException(corruptIndex, fmt.Sprintf("Time index file %s is corrupt, found %d bytes which is neither positive nor a multiple of %d",
			absolute(name), len(b), timeEntrySize))
	}
	return nil
}

// timeEntry looks an entry of a time index up in the log: a batch ends with its offset, and has its timestamp.
func (d *dump) timeEntry(name, log string, position, timestamp, offset, previous int64) error {
	file, err := d.openBatches(log, position, math.MaxInt32)
	if err != nil {
		return err
	}
	defer file.close()
	for {
		h, err := file.next()
		if err == io.EOF {
			d.notFound.add(absolute(name), offset, -1)
			return nil
		}
		if err != nil {
			return err
		}
		if h.LastOffset < offset {
			continue
		}
		if h.LastOffset != offset {
			d.notFound.add(absolute(name), offset, h.LastOffset)
			return nil
		}
		batch, err := file.whole()
		if err != nil {
			return err
		}
		largest := int64(-1)
		for r, err := range record.Records(batch, math.MaxInt32) {
			if err != nil {
				return recordError(err)
			}
			largest = max(largest, r.TimestampMs)
		}
		if largest != timestamp {
			d.timeMismatches.add(absolute(name), timestamp, largest)
		}
		if previous >= timestamp {
			d.timeOrder.add(absolute(name), timestamp, previous)
		}
		return nil
	}
}

func (d *dump) txnIndex(name string) error {
	if _, err := startOffset(name); err != nil {
		return err
	}
	b, err := d.readFile(name)
	if err != nil {
		return err
	}
	for ; len(b) >= abortedEntrySize; b = b[abortedEntrySize:] {
		field := func(at int) int64 { return int64(binary.BigEndian.Uint64(b[at:])) }
		d.print("version: ", int16(binary.BigEndian.Uint16(b)), " producerId: ", field(2), " firstOffset: ", field(10),
			" lastOffset: ", field(18), " lastStableOffset: ", field(26), "\n")
	}
	return nil
}

// producerSnapshot shows the producers of a snapshot; package commitlog draws the layout.
func (d *dump) producerSnapshot(env *Env, name string) error {
	b, err := d.readFile(name)
	if err != nil {
		return err
	}
	corrupt := func(format string, args ...any) error {
		d.out.Flush()
		env.errorf(format+"\n", args...)
		return nil
	}
	if len(b) < producerHeadSize {
		return corrupt("Snapshot failed schema validation: null")
	}
	if version := int16(binary.BigEndian.Uint16(b)); version != 1 {
		return corrupt("Snapshot failed schema validation: Snapshot contained an unknown file version %d", version)
	}
	count := int64(int32(binary.BigEndian.Uint32(b[6:])))
	if count < 0 || count*producerEntrySize > int64(len(b)-producerHeadSize) {
		return corrupt("Snapshot failed schema validation: null")
	}
	stored, computed := binary.BigEndian.Uint32(b[2:]), crc32.Checksum(b[6:], crc32.MakeTable(crc32.Castagnoli))
	if stored != computed {
		return corrupt("Snapshot is corrupt (CRC is no longer valid). Stored crc: %d. Computed crc: %d", stored, computed)
	}
	for e := b[producerHeadSize:]; count > 0; count, e = count-1, e[producerEntrySize:] {
		d.producer(e)
	}
	return nil
}

func (d *dump) producer(e []byte) {
	i32 := func(at int) int32 { return int32(binary.BigEndian.Uint32(e[at:])) }
	i64 := func(at int) int64 { return int64(binary.BigEndian.Uint64(e[at:])) }
	lastSequence, lastOffset, delta, timestamp := i32(10), i64(14), i32(22), i64(26)
	d.print("producerId: ", i64(0), " producerEpoch: ", int16(binary.BigEndian.Uint16(e[8:])), " coordinatorEpoch: ", i32(34),
		" currentTxnFirstOffset: ", optionalLong(i64(38), i64(38) >= 0), " lastTimestamp: ", timestamp)
	if lastOffset >= 0 {
		firstSequence := (int64(lastSequence) - int64(delta)) & math.MaxInt32
		d.print(" firstSequence: ", firstSequence, " lastSequence: ", lastSequence, " lastOffset: ", lastOffset,
			" offsetDelta: ", delta, " timestamp: ", timestamp)
	}
	d.print("\n")
}

// leaderEpochs shows a leader-epoch-checkpoint, which Kafka's tool does not: a version, a count, and lines of epoch and start offset.
func (d *dump) leaderEpochs(name string) error {
	b, err := d.readFile(name)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	if len(lines) < 2 || lines[0] != "0" {
		return Exitf(1, "%s: unknown version %q", name, lines[0])
	}
	if fmt.Sprint(len(lines)-2) != lines[1] {
		return Exitf(1, "%s: %d entries where %s are announced", name, len(lines)-2, lines[1])
	}
	for _, line := range lines[2:] {
		epoch, start, ok := strings.Cut(line, " ")
		if !ok {
			return Exitf(1, "%s: malformed line %q", name, line)
		}
		d.print("epoch: ", epoch, " startOffset: ", start, "\n")
	}
	return nil
}
