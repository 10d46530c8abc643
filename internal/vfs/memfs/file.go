package memfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"time"
)

// file is an open file.
type file struct {
	fs       *FS
	node     *inode
	name     string
	writable bool
	closed   bool
}

func (f *file) Name() string { return f.name }

// begin starts an operation of the handle; without an error, the file system's mutex is held.
func (f *file) begin(op Op) error {
	op.Name = f.name
	if err := f.fs.begin(op); err != nil {
		return err
	}
	if f.closed {
		f.fs.mu.Unlock()
		return failed(op.Kind.String(), f.name, fs.ErrClosed)
	}
	if op.Kind.changes() && op.Kind != OpSync && !f.writable {
		f.fs.mu.Unlock()
		return failed(op.Kind.String(), f.name, syscall.EBADF)
	}
	return nil
}

// ReadAt reads as io.ReaderAt asks.
func (f *file) ReadAt(p []byte, offset int64) (int, error) {
	if err := f.begin(Op{Kind: OpRead, Offset: offset, Size: int64(len(p))}); err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	if offset < 0 {
		return 0, failed("read", f.name, fmt.Errorf("negative offset %d", offset))
	}
	if offset >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes; where the volume is too small it writes what fits, and fails with ENOSPC.
func (f *file) WriteAt(p []byte, offset int64) (int, error) {
	if err := f.begin(Op{Kind: OpWrite, Offset: offset, Size: int64(len(p))}); err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	if offset < 0 {
		return 0, failed("write", f.name, fmt.Errorf("negative offset %d", offset))
	}
	end := offset + int64(len(p))
	if limit := int64(len(f.node.data)) + max(0, f.fs.capacity-f.fs.used); end > limit {
		end = max(offset, limit)
	}
	n := int(end - offset)
	if n > 0 {
		if end > int64(len(f.node.data)) {
			f.fs.resize(f.node, end)
		}
		copy(f.node.data[offset:], p[:n])
		f.node.soil(span{offset, end})
		f.node.modified = time.Now()
	}
	if n < len(p) {
		return n, failed("write", f.name, syscall.ENOSPC)
	}
	return n, nil
}

// Truncate cuts or extends the file.
func (f *file) Truncate(size int64) error {
	if err := f.begin(Op{Kind: OpTruncate, Size: size}); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	if size < 0 {
		return failed("truncate", f.name, syscall.EINVAL)
	}
	if size-int64(len(f.node.data)) > f.fs.capacity-f.fs.used && size > int64(len(f.node.data)) {
		return failed("truncate", f.name, syscall.ENOSPC)
	}
	f.fs.resize(f.node, size)
	f.node.modified = time.Now()
	return nil
}

// resize sets a file's length, and accounts for it. What is cut or added is not durable.
func (m *FS) resize(node *inode, size int64) {
	old := int64(len(node.data))
	m.used += size - old
	node.data = resized(node.data, size)
	node.soil(span{min(old, size), max(old, size)})
}

// Sync makes the file durable; its name is another matter (SyncDir). A fault makes what was unsynced neither durable nor
// unsynced: a later Sync passes without it, as Linux has it.
func (f *file) Sync() error {
	err := f.begin(Op{Kind: OpSync})
	if err == nil {
		defer f.fs.mu.Unlock()
		f.node.settle()
		return nil
	}
	if !errors.Is(err, fs.ErrClosed) && !errors.Is(err, ErrStopped) {
		f.fs.forget(f.node)
	}
	return err
}

func (m *FS) forget(node *inode) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node.dirty = node.dirty[:0]
}

// Size is the file's length.
func (f *file) Size() (int64, error) {
	if err := f.begin(Op{Kind: OpStat}); err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	return int64(len(f.node.data)), nil
}

// Close lets go of the file.
func (f *file) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return failed("close", f.name, fs.ErrClosed)
	}
	f.closed = true
	f.node.opens--
	f.fs.release(f.node)
	return nil
}

// release gives back the room of a file that nobody can reach any more.
func (m *FS) release(node *inode) {
	if node.links == 0 && node.opens == 0 && !node.isDir() {
		m.used -= int64(len(node.data))
		node.data, node.dirty = node.durable, nil // what a crash finds that undoes the removal
	}
}
