package server

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// Buffers come in classes of four sizes to each doubling, from 1 KB up; the largest that is kept is 2 MB and more are left to the
// garbage collector.
const (
	smallestBuffer = 1 << 10
	pooledBuffer   = 2 << 20
)

// buffers is a pool of buffers by size class.
type buffers struct{ classes [64]sync.Pool }

// buffer is bytes with a count of those who hold them.
type buffer struct {
	b     []byte
	class int // -1: not pooled
	refs  atomic.Int32
}

// classOf is the class whose buffers hold n bytes, and their size.
func classOf(n int) (class, size int) {
	if n <= smallestBuffer {
		return 0, smallestBuffer
	}
	doubling := bits.Len(uint(n-1)) - 1 // 2^doubling < n ≤ 2^(doubling+1)
	quarter := 1 << (doubling - 2)
	steps := (n - 1<<doubling + quarter - 1) / quarter
	return (doubling-10)*4 + steps, 1<<doubling + steps*quarter
}

// get gives a buffer of at least n bytes, held once.
func (p *buffers) get(n int) *buffer {
	if n > pooledBuffer {
		b := &buffer{b: make([]byte, n), class: -1}
		b.refs.Store(1)
		return b
	}
	class, size := classOf(n)
	b, _ := p.classes[class].Get().(*buffer)
	if b == nil {
		b = &buffer{b: make([]byte, size), class: class}
	}
	b.refs.Store(1)
	return b
}

func (p *buffers) release(b *buffer) {
	switch left := b.refs.Add(-1); {
	case left < 0:
		panic("server: a buffer was released twice")
	case left == 0 && b.class >= 0:
		p.classes[b.class].Put(b)
	}
}
