package memfs

import (
	"io/fs"
	"time"
)

// sectorBytes is the unit that a disk writes whole.
const sectorBytes = 512

// inode is a file or a directory.
type inode struct {
	modified time.Time
	// links counts the names, opens the handles: without either, the bytes are free.
	links, opens int

	// Of a file: what a reader sees, what is durable, and which bytes differ (sorted, apart). Where durable is shorter than
	// a dirty range, it never held those bytes.
	data, durable []byte
	dirty         []span

	// Of a directory: likewise.
	entries, durableEntries map[string]*inode
}

// span is the bytes [from, to).
type span struct{ from, to int64 }

func newDir() *inode {
	return &inode{
		modified:       time.Now(),
		links:          1,
		entries:        make(map[string]*inode),
		durableEntries: make(map[string]*inode),
	}
}

func (n *inode) isDir() bool { return n.entries != nil }

// soil notes bytes as not durable. Appending, the usual case, makes the last span longer.
func (n *inode) soil(s span) {
	if s.from >= s.to {
		return
	}
	i := len(n.dirty)
	for i > 0 && n.dirty[i-1].to >= s.from {
		i--
	}
	j := i
	for j < len(n.dirty) && n.dirty[j].from <= s.to {
		s.from, s.to = min(s.from, n.dirty[j].from), max(s.to, n.dirty[j].to)
		j++
	}
	if i < j {
		n.dirty[i] = s
		n.dirty = append(n.dirty[:i+1], n.dirty[j:]...)
		return
	}
	n.dirty = append(n.dirty, span{})
	copy(n.dirty[i+1:], n.dirty[i:])
	n.dirty[i] = s
}

// settle makes everything durable.
func (n *inode) settle() {
	n.durable = resized(n.durable, int64(len(n.data)))
	for _, s := range n.dirty {
		if end := min(s.to, int64(len(n.data))); s.from < end {
			copy(n.durable[s.from:end], n.data[s.from:end])
		}
	}
	n.dirty = n.dirty[:0]
}

// resized cuts, or extends with zeros.
func resized(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size]
	}
	old := len(b)
	if size > int64(cap(b)) {
		grown := make([]byte, size, max(size, int64(cap(b))*2))
		copy(grown, b)
		return grown
	}
	b = b[:size]
	clear(b[old:])
	return b
}

// info describes the inode under one of its names.
func (n *inode) info(name string) fs.FileInfo {
	return fileInfo{name: name, size: int64(len(n.data)), dir: n.isDir(), modified: n.modified}
}

type fileInfo struct {
	name     string
	size     int64
	dir      bool
	modified time.Time
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) ModTime() time.Time { return i.modified }
func (i fileInfo) IsDir() bool        { return i.dir }
func (i fileInfo) Sys() any           { return nil }

func (i fileInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}
