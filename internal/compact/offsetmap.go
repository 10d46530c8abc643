package compact

import (
	"crypto/md5"
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// offsetMap holds the last offset of each key in a bounded piece of memory: not the keys, but 128 bits of a digest of each. Two keys of
// the same digest would be taken for one; a salt that nobody knows keeps clients from making such.
//
// It is a table with open addressing, which grows with the number of keys up to its bound. An entry cannot be taken out.
type offsetMap struct {
	slots   []slot
	used    int
	most    int     // bound of len(slots)
	load    float64 // how full the table may get
	latest  int64   // the map speaks for every record up to here
	scratch []byte  // the salt, then the key
}

type slot struct {
	high, low uint64
	next      int64 // the offset behind the record; 0: the slot is empty
}

const (
	slotBytes  = 24
	saltBytes  = 16
	firstSlots = 4096
	growth     = 4
)

// newOffsetMap makes a map of at most so many bytes, filled up to load (0 to 1) at most.
func newOffsetMap(memoryBytes int64, load float64) *offsetMap {
	m := &offsetMap{most: int(max(memoryBytes/slotBytes, 2)), load: load, latest: -1, scratch: make([]byte, saltBytes, 256)}
	_, _ = rand.Read(m.scratch)
	return m
}

// clear forgets everything; release gives the memory back as well.
func (m *offsetMap) clear() {
	clear(m.slots)
	m.used, m.latest = 0, -1
}

func (m *offsetMap) release() {
	m.slots, m.scratch = nil, append(make([]byte, 0, 256), m.scratch[:saltBytes]...)
	m.used, m.latest = 0, -1
}

// room is how many keys a table of so many slots takes: one slot stays empty, where a search ends.
func (m *offsetMap) room(slots int) int { return min(int(float64(slots)*m.load), slots-1) }

// utilization is how much of what the map may hold at most is taken, 0 to 1.
func (m *offsetMap) utilization() float64 { return float64(m.used) / float64(max(1, m.most)) }

func (m *offsetMap) digest(key []byte) (high, low uint64) {
	m.scratch = append(m.scratch[:saltBytes], key...)
	sum := md5.Sum(m.scratch)
	return binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:])
}

// find is the slot of a digest, or the empty one where it would go.
func find(slots []slot, high, low uint64) *slot {
	i, _ := bits.Mul64(high, uint64(len(slots)))
	for {
		s := &slots[i]
		if s.next == 0 || s.high == high && s.low == low {
			return s
		}
		if i++; i == uint64(len(slots)) {
			i = 0
		}
	}
}

// put notes that key has a record at offset, the last so far; false where there is no room for another key.
func (m *offsetMap) put(key []byte, offset int64) bool {
	high, low := m.digest(key)
	if len(m.slots) == 0 {
		m.slots = make([]slot, min(firstSlots, m.most))
	}
	s := find(m.slots, high, low)
	if s.next == 0 {
		if m.used >= m.room(len(m.slots)) {
			if !m.grow() {
				return false
			}
			s = find(m.slots, high, low)
		}
		m.used++
		s.high, s.low = high, low
	}
	s.next = offset + 1
	m.latest = max(m.latest, offset)
	return true
}

// grow makes the table larger; false where that is not possible, or not enough.
func (m *offsetMap) grow() bool {
	if len(m.slots) >= m.most {
		return false
	}
	larger := make([]slot, min(growth*len(m.slots), m.most))
	for i := range m.slots {
		if s := &m.slots[i]; s.next != 0 {
			*find(larger, s.high, s.low) = *s
		}
	}
	m.slots = larger
	return m.used < m.room(len(larger))
}

// get is the last offset of a key, -1 where it is not known.
func (m *offsetMap) get(key []byte) int64 {
	if m.used == 0 {
		return -1
	}
	high, low := m.digest(key)
	return find(m.slots, high, low).next - 1
}
