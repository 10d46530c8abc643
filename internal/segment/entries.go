package segment

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"sync"
)

// entries is an index file: entries of one size, in order of their keys. The newest are in memory (tail) until blockBytes of them
// are worth a write.
type entries struct {
	kind  Kind
	width int32 // bytes of one entry
	file  file

	mu     sync.Mutex
	onDisk int32 // entries in the file; unknownCount until it is looked at
	clean  bool  // the file holds these entries and not a byte more
	tail   []byte
}

const (
	blockBytes   = 4096
	unknownCount = -1
	maxWidth     = txnWidth
)

// buffers are for headers and index blocks: a buffer handed to a File would escape to the heap each time.
var buffers = sync.Pool{New: func() any { b := make([]byte, blockBytes); return &b }}

// count is how many entries there are. A file that ends inside an entry, or in the zeros that Kafka preallocates, counts without them.
func (e *entries) count(s *Segment) (int32, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.loadLocked(s); err != nil {
		return 0, err
	}
	return e.onDisk + int32(len(e.tail))/e.width, nil
}

func (e *entries) loadLocked(s *Segment) error {
	if e.onDisk != unknownCount {
		return nil
	}
	f, err := e.file.acquire(s, e.kind, false)
	if errors.Is(err, fs.ErrNotExist) {
		e.onDisk, e.clean = 0, true
		return nil
	}
	if err != nil {
		return s.wrap(e.kind, 0, err)
	}
	defer e.file.release(s.dir.cache)
	size, err := f.Size()
	if err != nil {
		return s.wrap(e.kind, 0, err)
	}
	n := int32(size / int64(e.width))
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	zero := func(i int32) bool {
		entry := (*buf)[:e.width]
		if _, err = f.ReadAt(entry, int64(i)*int64(e.width)); err != nil {
			return false
		}
		for _, c := range entry {
			if c != 0 {
				return false
			}
		}
		return true
	}
	if n > 1 && zero(n-1) {
		low, high := int32(1), n-1 // the first zero one is in low..high; entry 0 may rightly be zero
		for low < high && err == nil {
			if middle := (low + high) / 2; zero(middle) {
				high = middle
			} else {
				low = middle + 1
			}
		}
		n = low
	}
	if err != nil {
		return s.wrap(e.kind, 0, err)
	}
	e.onDisk, e.clean = n, int64(n)*int64(e.width) == size
	return nil
}

// add appends an entry; the file is written when a block is full. A failed write keeps the entries in memory.
func (e *entries) add(s *Segment, entry []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.loadLocked(s); err != nil {
		return err
	}
	e.tail = append(e.tail, entry...)
	if len(e.tail) < blockBytes {
		return nil
	}
	return e.writeLocked(s)
}

// write brings all entries to the file, which it creates where it is missing.
func (e *entries) write(s *Segment) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.loadLocked(s); err != nil {
		return err
	}
	return e.writeLocked(s)
}

func (e *entries) writeLocked(s *Segment) error {
	if len(e.tail) == 0 {
		return nil
	}
	f, err := e.file.acquire(s, e.kind, true)
	if err != nil {
		return s.wrap(e.kind, 0, err)
	}
	defer e.file.release(s.dir.cache)
	position := int64(e.onDisk) * int64(e.width)
	if _, err := f.WriteAt(e.tail, position); err != nil {
		e.clean = false
		return s.wrap(e.kind, position, err)
	}
	e.onDisk += int32(len(e.tail)) / e.width
	e.tail = e.tail[:0]
	return nil
}

// ensure makes an empty file where there is none.
func (e *entries) ensure(s *Segment) error {
	if _, err := e.file.acquire(s, e.kind, true); err != nil {
		return s.wrap(e.kind, 0, err)
	}
	e.file.release(s.dir.cache)
	return nil
}

// sync makes all entries durable; a file that does not exist and has nothing to hold is left so.
func (e *entries) sync(s *Segment) error {
	if err := e.write(s); err != nil {
		return err
	}
	f, err := e.file.acquire(s, e.kind, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return s.wrap(e.kind, 0, err)
	}
	defer e.file.release(s.dir.cache)
	if err := f.Sync(); err != nil {
		return s.wrap(e.kind, 0, err)
	}
	return nil
}

// at reads entry i into buf. ok is false where there is none (any more).
func (e *entries) at(s *Segment, i int32, buf []byte) (ok bool, err error) {
	e.mu.Lock()
	if err := e.loadLocked(s); err != nil {
		e.mu.Unlock()
		return false, err
	}
	onDisk := e.onDisk
	if i >= onDisk {
		start := int(i-onDisk) * int(e.width)
		if ok = start < len(e.tail); ok {
			copy(buf, e.tail[start:start+int(e.width)])
		}
		e.mu.Unlock()
		return ok, nil
	}
	e.mu.Unlock()
	if i < 0 {
		return false, nil
	}
	scratch := buffers.Get().(*[]byte)
	defer buffers.Put(scratch)
	block, err := e.read(s, i, 1, *scratch)
	copy(buf, block)
	return len(block) > 0, err
}

// read gives up to n entries of the file from entry i on; fewer where the file was cut in the meantime.
func (e *entries) read(s *Segment, i, n int32, buf []byte) ([]byte, error) {
	f, err := e.file.acquire(s, e.kind, false)
	if err != nil {
		return nil, s.wrap(e.kind, 0, err)
	}
	defer e.file.release(s.dir.cache)
	position := int64(i) * int64(e.width)
	got, err := f.ReadAt(buf[:n*e.width], position)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, s.wrap(e.kind, position, err)
	}
	return buf[:got-got%int(e.width)], nil
}

// key is what entries are ordered by.
func (e *entries) key(entry []byte) int64 {
	if e.width == offsetWidth {
		return int64(binary.BigEndian.Uint32(entry))
	}
	return int64(binary.BigEndian.Uint64(entry))
}

// search finds the last entry whose key is at most target and copies it to entry; i is its number, -1 where there is none.
func (e *entries) search(s *Segment, target int64, entry *[maxWidth]byte) (i int32, err error) {
	e.mu.Lock()
	if err := e.loadLocked(s); err != nil {
		e.mu.Unlock()
		return -1, err
	}
	onDisk := e.onDisk
	if k := e.searchBlock(e.tail, target); k >= 0 {
		copy(entry[:], e.tail[k*e.width:(k+1)*e.width])
		e.mu.Unlock()
		return onDisk + k, nil
	}
	e.mu.Unlock()

	scratch := buffers.Get().(*[]byte)
	defer buffers.Put(scratch)
	low, high := int32(0), onDisk // the first entry above target is in low..high
	perBlock := int32(blockBytes) / e.width
	for high-low > perBlock {
		middle := (low + high) / 2
		block, err := e.read(s, middle, 1, *scratch)
		if err != nil {
			return -1, err
		}
		if len(block) == 0 || e.key(block) > target {
			high = middle
		} else {
			low = middle + 1
		}
	}
	first := max(low-1, 0) // low-1 is known to be at most target
	if high == first {
		return -1, nil
	}
	block, err := e.read(s, first, min(high-first, perBlock), *scratch)
	if err != nil {
		return -1, err
	}
	k := e.searchBlock(block, target)
	if k < 0 {
		return -1, nil
	}
	copy(entry[:], block[k*e.width:(k+1)*e.width])
	return first + k, nil
}

// searchBlock is search within entries in memory.
func (e *entries) searchBlock(block []byte, target int64) int32 {
	low, high := int32(0), int32(len(block))/e.width
	for low < high {
		middle := (low + high) / 2
		if e.key(block[middle*e.width:]) > target {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low - 1
}

// truncate keeps the first n entries.
func (e *entries) truncate(s *Segment, n int32) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.loadLocked(s); err != nil {
		return err
	}
	if n > e.onDisk {
		e.tail = e.tail[:min(len(e.tail), int(n-e.onDisk)*int(e.width))]
		return nil
	}
	e.tail = e.tail[:0]
	if n == e.onDisk && e.clean {
		return nil
	}
	f, err := e.file.acquire(s, e.kind, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return s.wrap(e.kind, 0, err)
	}
	defer e.file.release(s.dir.cache)
	if err := f.Truncate(int64(n) * int64(e.width)); err != nil {
		return s.wrap(e.kind, 0, err)
	}
	e.onDisk, e.clean = n, true
	return nil
}

// rest gives the memory of the tail back once a segment takes no more appends.
func (e *entries) rest() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.tail) == 0 {
		e.tail = nil
	}
}
