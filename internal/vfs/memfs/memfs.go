// Package memfs is a file system in memory for tests. It keeps apart what a program wrote and what it made durable: Crash
// gives the file system as a machine would find it after a power cut, where bytes that were synced are there, and of the
// others each sector is there or not; likewise names, which are durable by SyncDir alone. It can fail, slow down or stop
// at any operation (fault.go) and fill up (SetCapacity). What a seed decides is the same in every run.
//
// It imports vfs. FS.mu guards everything, inodes included; it is held briefly, never while a fault function runs, so it
// works under testing/synctest. Times are those of package time.
package memfs

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"milena/internal/vfs"
)

// DefaultCapacityBytes is the size of the volume until SetCapacity.
const DefaultCapacityBytes = 1 << 40

// FS is a file system. The working directory is its root, so "a" and "/a" are the same file.
type FS struct {
	mu       sync.Mutex
	root     *inode
	pending  []nameChange // not yet durable, oldest first
	capacity int64
	used     int64
	boot     int // counts the power cuts
	locks    map[*inode]struct{}

	changes int64
	stopAt  int64 // the change at which everything stops, 0 for never
	stopped bool
	fault   func(Op) error
	logging bool
	log     []Op
}

var _ vfs.FS = (*FS)(nil)

// New makes an empty file system.
func New() *FS {
	return &FS{root: newDir(), capacity: DefaultCapacityBytes, locks: make(map[*inode]struct{})}
}

// SetCapacity sets the size of the volume: writes beyond it fail with ENOSPC.
func (m *FS) SetCapacity(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity = bytes
}

// BootID is another one after each Crash.
func (m *FS) BootID() string { return fmt.Sprint("boot ", m.boot) }

// Space tells capacity and what is left of it.
func (m *FS) Space(name string) (vfs.Space, error) {
	if err := m.begin(Op{Kind: OpSpace, Name: name}); err != nil {
		return vfs.Space{}, err
	}
	defer m.mu.Unlock()
	if _, err := m.lookup("statfs", name); err != nil {
		return vfs.Space{}, err
	}
	return vfs.Space{TotalBytes: m.capacity, UsableBytes: max(0, m.capacity-m.used)}, nil
}

// elements are the names on the way from the root.
func elements(name string) []string {
	clean := path.Clean("/" + name)
	if clean == "/" {
		return nil
	}
	return strings.Split(clean[1:], "/")
}

func failed(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

// lookup finds what a name stands for; mu is held, as in all that follows.
func (m *FS) lookup(op, name string) (*inode, error) {
	at := m.root
	for _, element := range elements(name) {
		if !at.isDir() {
			return nil, failed(op, name, syscall.ENOTDIR)
		}
		next := at.entries[element]
		if next == nil {
			return nil, failed(op, name, syscall.ENOENT)
		}
		at = next
	}
	return at, nil
}

// place finds the directory in which a name stands, and the name's last element. The root stands in none.
func (m *FS) place(op, name string) (dir *inode, base string, err error) {
	all := elements(name)
	if len(all) == 0 {
		return nil, "", failed(op, name, syscall.EBUSY)
	}
	last := len(all) - 1
	dir, err = m.lookup(op, strings.Join(all[:last], "/"))
	if err != nil {
		return nil, "", failed(op, name, err.(*fs.PathError).Err)
	}
	if !dir.isDir() {
		return nil, "", failed(op, name, syscall.ENOTDIR)
	}
	return dir, all[last], nil
}

// Open opens an existing file for reading.
func (m *FS) Open(name string) (vfs.File, error) { return m.open(name, false) }

// OpenReadWrite opens an existing file for reading and writing.
func (m *FS) OpenReadWrite(name string) (vfs.File, error) { return m.open(name, true) }

func (m *FS) open(name string, writable bool) (vfs.File, error) {
	if err := m.begin(Op{Kind: OpOpen, Name: name}); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	node, err := m.lookup("open", name)
	if err != nil {
		return nil, err
	}
	if node.isDir() {
		return nil, failed("open", name, syscall.EISDIR)
	}
	return m.handle(node, name, writable), nil
}

func (m *FS) handle(node *inode, name string, writable bool) *file {
	node.opens++
	return &file{fs: m, node: node, name: name, writable: writable}
}

// Create makes an empty file.
func (m *FS) Create(name string) (vfs.File, error) {
	if err := m.begin(Op{Kind: OpCreate, Name: name}); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	node, err := m.create("open", name)
	if err != nil {
		return nil, err
	}
	m.resize(node, 0)
	node.modified = time.Now()
	return m.handle(node, name, true), nil
}

// create finds a file or makes it.
func (m *FS) create(op, name string) (*inode, error) {
	dir, base, err := m.place(op, name)
	if err != nil {
		return nil, err
	}
	if node := dir.entries[base]; node != nil {
		if node.isDir() {
			return nil, failed(op, name, syscall.EISDIR)
		}
		return node, nil
	}
	node := &inode{modified: time.Now()}
	m.change(nameChange{to: dir, toName: base, node: node})
	return node, nil
}

// Stat describes a file or directory.
func (m *FS) Stat(name string) (fs.FileInfo, error) {
	if err := m.begin(Op{Kind: OpStat, Name: name}); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	node, err := m.lookup("stat", name)
	if err != nil {
		return nil, err
	}
	return node.info(path.Base(name)), nil
}

// ReadDir lists a directory.
func (m *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := m.begin(Op{Kind: OpReadDir, Name: name}); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	dir, err := m.lookup("open", name)
	if err != nil {
		return nil, err
	}
	if !dir.isDir() {
		return nil, failed("readdir", name, syscall.ENOTDIR)
	}
	entries := make([]fs.DirEntry, 0, len(dir.entries))
	for _, base := range slices.Sorted(maps.Keys(dir.entries)) {
		entries = append(entries, fs.FileInfoToDirEntry(dir.entries[base].info(base)))
	}
	return entries, nil
}

// Lock takes a file's lock. The holder is always this process.
func (m *FS) Lock(name string) (io.Closer, error) {
	if err := m.begin(Op{Kind: OpLock, Name: name}); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	node, err := m.create("lock", name)
	if err != nil {
		return nil, err
	}
	if _, taken := m.locks[node]; taken {
		return nil, &vfs.LockedError{Name: name, PID: os.Getpid()}
	}
	m.locks[node] = struct{}{}
	return &lock{fs: m, node: node}, nil
}

type lock struct {
	fs   *FS
	node *inode
}

func (l *lock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	if l.node == nil {
		return fmt.Errorf("memfs: the lock is closed already: %w", fs.ErrClosed)
	}
	delete(l.fs.locks, l.node)
	l.node = nil
	return nil
}

// SetModified sets a file's time of change; it is durable at once and no change of its own.
func (m *FS) SetModified(name string, modified time.Time) error {
	if err := m.begin(Op{Kind: OpStat, Name: name}); err != nil {
		return err
	}
	defer m.mu.Unlock()
	node, err := m.lookup("chtimes", name)
	if err != nil {
		return err
	}
	node.modified = modified
	return nil
}
