package commitlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
)

// A producer snapshot, NNNNNNNNNNNNNNNNNNNN.snapshot, is the state of the producers at offset N. Big-endian:
//
//	0   version   int16   1
//	2   crc       uint32  CRC-32C of all that follows
//	6   count     int32
//	10  entries   46 bytes each
//
//	0   producer_id               int64
//	8   producer_epoch            int16
//	10  last_sequence             int32   -1: no batch
//	14  last_offset               int64   -1: no batch
//	22  offset_delta              int32   last minus first offset of the last batch
//	26  timestamp                 int64   ms, of the last batch or marker
//	34  coordinator_epoch         int32   -1: no marker yet
//	38  current_txn_first_offset  int64   -1: no open transaction
const (
	snapshotVersion    = 1
	snapshotHeadBytes  = 10
	snapshotEntryBytes = 46
	snapshotCovered    = 6 // the CRC begins here
)

var errCorruptSnapshot = errors.New("commitlog: corrupt producer snapshot")

func encodeSnapshot(byID map[int64]*producer) []byte {
	b := make([]byte, 0, snapshotHeadBytes+len(byID)*snapshotEntryBytes)
	b = binary.BigEndian.AppendUint16(b, snapshotVersion)
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(byID)))
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		p := byID[id]
		last := batchMark{lastSequence: noSequence, lastOffset: noOffset}
		if p.batchCount > 0 {
			last = p.batches[p.batchCount-1]
		}
		b = binary.BigEndian.AppendUint64(b, uint64(p.id))
		b = binary.BigEndian.AppendUint16(b, uint16(p.epoch))
		b = binary.BigEndian.AppendUint32(b, uint32(last.lastSequence))
		b = binary.BigEndian.AppendUint64(b, uint64(last.lastOffset))
		b = binary.BigEndian.AppendUint32(b, uint32(last.offsetDelta))
		b = binary.BigEndian.AppendUint64(b, uint64(p.lastTimestampMs))
		b = binary.BigEndian.AppendUint32(b, uint32(p.coordinatorEpoch))
		b = binary.BigEndian.AppendUint64(b, uint64(p.txnFirstOffset))
	}
	crc := crc32.Checksum(b[snapshotCovered:], crc32.MakeTable(crc32.Castagnoli))
	binary.BigEndian.PutUint32(b[2:], crc)
	return b
}

func decodeSnapshot(b []byte) ([]*producer, error) {
	if len(b) < snapshotHeadBytes {
		return nil, fmt.Errorf("%w: %d bytes", errCorruptSnapshot, len(b))
	}
	if v := binary.BigEndian.Uint16(b); v != snapshotVersion {
		return nil, fmt.Errorf("%w: version %d", errCorruptSnapshot, v)
	}
	crc := crc32.Checksum(b[snapshotCovered:], crc32.MakeTable(crc32.Castagnoli))
	if want := binary.BigEndian.Uint32(b[2:]); crc != want {
		return nil, fmt.Errorf("%w: CRC is %d, should be %d", errCorruptSnapshot, crc, want)
	}
	n := int64(int32(binary.BigEndian.Uint32(b[snapshotCovered:])))
	b = b[snapshotHeadBytes:]
	if n < 0 || n*snapshotEntryBytes != int64(len(b)) {
		return nil, fmt.Errorf("%w: %d entries in %d bytes", errCorruptSnapshot, n, len(b))
	}
	list := make([]*producer, 0, n)
	for ; len(b) > 0; b = b[snapshotEntryBytes:] {
		p := &producer{
			id:               int64(binary.BigEndian.Uint64(b)),
			epoch:            int16(binary.BigEndian.Uint16(b[8:])),
			lastTimestampMs:  int64(binary.BigEndian.Uint64(b[26:])),
			coordinatorEpoch: int32(binary.BigEndian.Uint32(b[34:])),
			txnFirstOffset:   int64(binary.BigEndian.Uint64(b[38:])),
		}
		last := batchMark{
			lastSequence: int32(binary.BigEndian.Uint32(b[10:])),
			lastOffset:   int64(binary.BigEndian.Uint64(b[14:])),
			offsetDelta:  int32(binary.BigEndian.Uint32(b[22:])),
			timestampMs:  p.lastTimestampMs,
		}
		if last.lastOffset >= 0 {
			p.batches[0], p.batchCount, p.partial = last, 1, true
		}
		list = append(list, p)
	}
	return list, nil
}
