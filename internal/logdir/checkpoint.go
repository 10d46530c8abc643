package logdir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"milena/internal/vfs"
)

// Kafka's checkpoint files of a data directory.
const (
	recoveryPointFile = "recovery-point-offset-checkpoint"
	logStartFile      = "log-start-offset-checkpoint"
	highWatermarkFile = "replication-offset-checkpoint"
	cleanerFile       = "cleaner-offset-checkpoint"
)

var checkpointFiles = [...]string{recoveryPointFile, logStartFile, highWatermarkFile, cleanerFile}

// entry is one line of a checkpoint.
type entry struct {
	tp     TopicPartition
	offset int64
}

// encodeCheckpoint writes Kafka's text format, version 0:
//
//	0                       version
//	2                       number of entries
//	orders 0 1234           topic partition offset
//	orders 1 99
func encodeCheckpoint(entries []entry) []byte {
	slices.SortFunc(entries, func(a, b entry) int {
		if c := strings.Compare(a.tp.Topic, b.tp.Topic); c != 0 {
			return c
		}
		return int(a.tp.Partition) - int(b.tp.Partition)
	})
	out := make([]byte, 0, 16+32*len(entries))
	out = append(out, "0\n"...)
	out = strconv.AppendInt(out, int64(len(entries)), 10)
	out = append(out, '\n')
	for _, e := range entries {
		out = append(out, e.tp.Topic...)
		out = append(out, ' ')
		out = strconv.AppendInt(out, int64(e.tp.Partition), 10)
		out = append(out, ' ')
		out = strconv.AppendInt(out, e.offset, 10)
		out = append(out, '\n')
	}
	return out
}

// decodeCheckpoint reads it; the error names the line.
func decodeCheckpoint(data []byte) (map[TopicPartition]int64, error) {
	lines := strings.Split(strings.TrimRight(string(data), "\r\n"), "\n")
	if strings.TrimSpace(lines[0]) != "0" {
		return nil, fmt.Errorf("line 1: version %q is not 0", lines[0])
	}
	if len(lines) < 2 {
		return nil, errors.New("line 2: the number of entries is missing")
	}
	n, err := strconv.Atoi(strings.TrimSpace(lines[1]))
	if err != nil || n != len(lines)-2 {
		return nil, fmt.Errorf("line 2: %q entries announced, %d there", lines[1], len(lines)-2)
	}
	offsets := make(map[TopicPartition]int64, n)
	for i, line := range lines[2:] {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return nil, fmt.Errorf("line %d: %q is not «topic partition offset»", i+3, line)
		}
		partition, err1 := strconv.ParseInt(fields[1], 10, 32)
		offset, err2 := strconv.ParseInt(fields[2], 10, 64)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("line %d: %q is not «topic partition offset»", i+3, line)
		}
		offsets[TopicPartition{Topic: fields[0], Partition: int32(partition)}] = offset
	}
	return offsets, nil
}

// startFrom reads every checkpoint, before the logs are opened; lines of logs that are not there are stale from now on.
func (d *Dir) startFrom(logs []found) {
	there := make(map[TopicPartition]bool, len(logs))
	for _, l := range logs {
		there[l.tp] = true
	}
	d.checkpointMu.Lock()
	defer d.checkpointMu.Unlock()
	d.atStart = map[string]map[TopicPartition]int64{}
	for _, name := range checkpointFiles {
		lines := d.readCheckpoint(name)
		d.atStart[name] = lines
		for tp := range lines {
			if !there[tp] {
				d.stale[tp] = true
			}
		}
	}
}

// dropStale takes the lines of logs that are gone out of the checkpoints, if there are any of tp, which is about to get a log: they would be
// taken for lines of that one if the process died before the checkpoints are written next.
func (d *Dir) dropStale(tp TopicPartition) error {
	d.checkpointMu.Lock()
	defer d.checkpointMu.Unlock()
	if !d.stale[tp] {
		return nil
	}
	return d.dropAllStale()
}

// forgetStale keeps what is known of logs that are gone from growing with the topics that come and go.
func (d *Dir) forgetStale() {
	d.checkpointMu.Lock()
	defer d.checkpointMu.Unlock()
	if len(d.stale) == 0 || d.Offline() {
		return
	}
	if err := d.dropAllStale(); err != nil {
		d.failed(err)
	}
}

// dropAllStale is dropStale for every log that is gone. The caller holds checkpointMu.
func (d *Dir) dropAllStale() error {
	for _, name := range checkpointFiles {
		lines := d.readCheckpoint(name)
		kept := make([]entry, 0, len(lines))
		for tp, offset := range lines {
			if !d.stale[tp] {
				kept = append(kept, entry{tp, offset})
			}
		}
		if len(kept) == len(lines) {
			continue
		}
		if err := d.putCheckpoint(name, encodeCheckpoint(kept)); err != nil {
			return err
		}
	}
	clear(d.stale)
	return nil
}

// readCheckpoint gives an empty map where the file is missing or cannot be understood (which is logged): everything is then found
// by recovery, or taken from the logs.
func (d *Dir) readCheckpoint(name string) map[TopicPartition]int64 {
	data, err := vfs.ReadFile(d.env.FS, d.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var offsets map[TopicPartition]int64
	if err == nil {
		offsets, err = decodeCheckpoint(data)
	}
	if err != nil {
		d.env.Logger.Warn("checkpoint cannot be read and counts as empty", "file", d.file(name), "error", err)
		return nil
	}
	return offsets
}

// writeCheckpoint replaces a checkpoint, unless it holds the same already. A full disk is logged and the old file stays;
// any other failure takes the directory offline. Both are false. The caller holds checkpointMu.
func (d *Dir) writeCheckpoint(name string, entries []entry) bool {
	data := encodeCheckpoint(entries)
	if d.Offline() {
		return false
	}
	if bytes.Equal(d.written[name], data) {
		return true
	}
	if err := d.putCheckpoint(name, data); err != nil {
		d.failed(err)
		return false
	}
	return true
}

func (d *Dir) putCheckpoint(name string, data []byte) error {
	if err := vfs.WriteFileAtomic(d.env.FS, d.file(name), data); err != nil {
		return fmt.Errorf("checkpoint %s: %w", d.file(name), err)
	}
	d.written[name] = data
	return nil
}
