package commitlog

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// epochFile holds the leader epochs. It is text:
//
//	0             version
//	2             how many entries
//	0 0           epoch, first offset of the epoch
//	3 120
const epochFile = "leader-epoch-checkpoint"

const epochFileVersion = 0

// epochStart says that a leader epoch begins at an offset.
type epochStart struct {
	epoch int32
	start int64
}

// epochs is the cache of leader epochs (Kafka: LeaderEpochFileCache, KIP-101). Entries rise in both fields. It is written to its file
// when it has changed and the recovery point is to move, or the log is closed: what came later is found again in the batches.
type epochs struct {
	mu    sync.RWMutex
	list  []epochStart
	dirty bool
}

// assign notes that an epoch starts at an offset. Entries that it contradicts go.
func (c *epochs) assign(epoch int32, start int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.list); n > 0 {
		if last := c.list[n-1]; last.epoch == epoch && start >= last.start {
			return
		}
	}
	for n := len(c.list); n > 0 && (c.list[n-1].epoch >= epoch || c.list[n-1].start >= start); n-- {
		c.list = c.list[:n-1]
	}
	c.list = append(c.list, epochStart{epoch, start})
	c.dirty = true
}

// latest is the last epoch.
func (c *epochs) latest() (int32, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if len(c.list) == 0 {
		return noEpoch, false
	}
	return c.list[len(c.list)-1].epoch, true
}

// at is the epoch of an offset, -1 where it is unknown.
func (c *epochs) at(offset int64) int32 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for i := len(c.list) - 1; i >= 0; i-- {
		if c.list[i].start <= offset {
			return c.list[i].epoch
		}
	}
	return noEpoch
}

// end is the largest epoch at most the asked one, and where it ends: at the start of the next one, or at the log's end.
func (c *epochs) end(epoch int32, logEndOffset int64) (int32, int64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	n := len(c.list)
	if epoch == noEpoch || n == 0 || epoch > c.list[n-1].epoch {
		return noEpoch, noOffset
	}
	if epoch == c.list[n-1].epoch {
		return epoch, logEndOffset
	}
	higher := slices.IndexFunc(c.list, func(e epochStart) bool { return e.epoch > epoch })
	if higher == 0 {
		return epoch, c.list[0].start // older than all we know
	}
	return c.list[higher-1].epoch, c.list[higher].start
}

// truncateFromEnd forgets epochs that start at or above offset.
func (c *epochs) truncateFromEnd(offset int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := len(c.list); n > 0 && c.list[n-1].start >= offset; n-- {
		c.list = c.list[:n-1]
		c.dirty = true
	}
}

// truncateFromStart forgets epochs that end at or below offset; the one that holds it starts there.
func (c *epochs) truncateFromStart(offset int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	below := 0
	for below < len(c.list) && c.list[below].start <= offset {
		below++
	}
	if below == 0 || (below == 1 && c.list[0].start == offset) {
		return
	}
	c.list = slices.Delete(c.list, 0, below-1)
	c.list[0].start = offset
	c.dirty = true
}

func (c *epochs) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dirty = c.dirty || len(c.list) > 0
	c.list = nil
}

// take gives the file's content where it has changed since the last take, else nil.
func (c *epochs) take() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.dirty {
		return nil
	}
	c.dirty = false
	return encodeEpochs(c.list)
}

// putBack says that what was taken has not reached the file.
func (c *epochs) putBack() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dirty = true
}

func encodeEpochs(list []epochStart) []byte {
	var b []byte
	b = strconv.AppendInt(b, epochFileVersion, 10)
	b = append(b, '\n')
	b = strconv.AppendInt(b, int64(len(list)), 10)
	b = append(b, '\n')
	for _, e := range list {
		b = strconv.AppendInt(b, int64(e.epoch), 10)
		b = append(b, ' ')
		b = strconv.AppendInt(b, e.start, 10)
		b = append(b, '\n')
	}
	return b
}

var errMalformedEpochs = errors.New("commitlog: malformed " + epochFile)

func decodeEpochs(b []byte) ([]epochStart, error) {
	lines := strings.Split(string(bytes.TrimRight(b, "\n")), "\n")
	if len(lines) < 2 || lines[0] != "0" {
		return nil, fmt.Errorf("%w: no version 0 and count", errMalformedEpochs)
	}
	if n, err := strconv.Atoi(lines[1]); err != nil || n != len(lines)-2 {
		return nil, fmt.Errorf("%w: %d entries where %q are announced", errMalformedEpochs, len(lines)-2, lines[1])
	}
	list := make([]epochStart, 0, len(lines)-2)
	for i, line := range lines[2:] {
		first, second, _ := strings.Cut(line, " ")
		epoch, err := strconv.ParseInt(first, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %q", errMalformedEpochs, i+3, line)
		}
		start, err := strconv.ParseInt(second, 10, 64)
		if err != nil || epoch < 0 || start < 0 {
			return nil, fmt.Errorf("%w: line %d: %q", errMalformedEpochs, i+3, line)
		}
		if n := len(list); n > 0 && (int32(epoch) <= list[n-1].epoch || start <= list[n-1].start) {
			// Kafka takes entries one by one and lets a later one push out those it contradicts.
			for n := len(list); n > 0 && (list[n-1].epoch >= int32(epoch) || list[n-1].start >= start); n-- {
				list = list[:n-1]
			}
		}
		list = append(list, epochStart{int32(epoch), start})
	}
	return list, nil
}
