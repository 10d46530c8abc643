package wire

import (
	"fmt"
	"unsafe"
)

// Produce is a decoded Produce request (v3 to v13), made to be used again: Decode keeps its slices. Topic names and records alias the body.
//
//	transactional id nullable string | acks int16 | timeout int32 | topics array
//	  topic:     name string (v3–v12) or id 16 bytes (v13) | partitions array | tags (v9)
//	  partition: number int32 | records nullable bytes | tags (v9)
//	tags (v9)
type Produce struct {
	TransactionalID string
	Transactional   bool // the id is not null
	Acks            int16
	TimeoutMs       int32
	Topics          []ProduceTopic
	Partitions      []ProducePartition // of all topics, in order
}

// ProduceTopic is one topic of a request: its partitions are Partitions[First:End].
type ProduceTopic struct {
	Name       string // to v12; valid as long as the body
	ID         [16]byte
	First, End int
}

// ProducePartition is one partition's records: nil for null.
type ProducePartition struct {
	Partition int32
	Records   []byte
}

// Decode reads a body. The error wraps ErrMalformed.
func (p *Produce) Decode(body []byte, version int16) error {
	flexible := version >= 9
	r := reader{b: body}
	txn, transactional := r.nullableString(flexible)
	p.TransactionalID, p.Transactional = string(txn), transactional
	p.Acks, p.TimeoutMs = r.int16(), r.int32()
	p.Topics, p.Partitions = p.Topics[:0], p.Partitions[:0]
	for range r.array(flexible, 2) {
		var t ProduceTopic
		if version >= 13 {
			copy(t.ID[:], r.span(16))
		} else {
			name, _ := r.nullableString(flexible)
			t.Name = unsafe.String(unsafe.SliceData(name), len(name))
		}
		t.First = len(p.Partitions)
		for range r.array(flexible, 5) {
			p.Partitions = append(p.Partitions, ProducePartition{Partition: r.int32(), Records: r.nullableBytes(flexible)})
			if flexible {
				r.tags()
			}
		}
		if flexible {
			r.tags()
		}
		if r.bad {
			break
		}
		t.End = len(p.Partitions)
		p.Topics = append(p.Topics, t)
	}
	if flexible {
		r.tags()
	}
	if r.bad {
		return fmt.Errorf("%w: the Produce v%d body of %d bytes is cut off", ErrMalformed, version, len(body))
	}
	return nil
}

// Reset lets go of everything that aliases a body.
func (p *Produce) Reset() {
	p.TransactionalID = ""
	clear(p.Topics)
	clear(p.Partitions)
	p.Topics, p.Partitions = p.Topics[:0], p.Partitions[:0]
}
