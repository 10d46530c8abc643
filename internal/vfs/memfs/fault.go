package memfs

import (
	"errors"
	"strings"
)

// ErrStopped is what every operation of a stopped file system gives: the program that calls is dead, and need not know.
var ErrStopped = errors.New("memfs: stopped")

// Op is one operation, as a fault function and the log see it.
type Op struct {
	// N numbers the operations that change something, from 1; for the others it is the number of the last such one.
	N    int64
	Kind OpKind
	Name string
	// NewName is Rename's.
	NewName string
	// Offset and Size are those of reads and writes; Size is Truncate's, too.
	Offset, Size int64
}

// OpKind is what an operation does.
type OpKind int

// The operations. Open stands for Open and OpenReadWrite, Stat for a file's Size, too.
const (
	OpOpen OpKind = iota
	OpRead
	OpReadDir
	OpStat
	OpLock
	OpSpace
	// These change something.
	OpCreate
	OpWrite
	OpTruncate
	OpSync
	OpRename
	OpRemove
	OpRemoveAll
	OpMkdir
	OpSyncDir
)

func (k OpKind) changes() bool { return k >= OpCreate }

func (k OpKind) String() string {
	names := [...]string{"open", "read", "readdir", "stat", "lock", "space", "create", "write", "truncate", "sync", "rename",
		"remove", "removeall", "mkdir", "syncdir"}
	return names[k]
}

// SetFault has a function see every operation before it is done, and fail it by an error. It runs without any lock held, so
// it may sleep (a slow disk) or wait. nil ends it. A failed Sync loses what was unsynced.
func (m *FS) SetFault(fault func(Op) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = fault
}

// FailChange fails the nth change.
func FailChange(n int64, err error) func(Op) error {
	return func(op Op) error {
		if op.N == n && op.Kind.changes() {
			return err
		}
		return nil
	}
}

// FailKind fails each operation of one kind on names that contain a text.
func FailKind(kind OpKind, nameContains string, err error) func(Op) error {
	return func(op Op) error {
		if op.Kind == kind && strings.Contains(op.Name, nameContains) {
			return err
		}
		return nil
	}
}

// Changes counts the operations so far that changed something, those that failed included.
func (m *FS) Changes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changes
}

// StopAt makes the nth change (counted as Changes does) and all operations after it fail with ErrStopped, and do nothing: the
// program has died just before it. Crash or Kill then give what the next one finds. 0 means never.
func (m *FS) StopAt(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopAt = n
}

// Stop is StopAt now.
func (m *FS) Stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = true
}

// Stopped tells whether a StopAt or Stop has come true.
func (m *FS) Stopped() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stopped
}

// Record begins to keep a log of the changes.
func (m *FS) Record() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.logging = true
}

// Log is what was recorded.
func (m *FS) Log() []Op {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Op(nil), m.log...)
}

// begin counts an operation and lets it fail; without an error, mu is held afterwards.
func (m *FS) begin(op Op) error {
	m.mu.Lock()
	if m.stopped {
		m.mu.Unlock()
		return ErrStopped
	}
	if op.Kind.changes() {
		m.changes++
		if m.changes == m.stopAt {
			m.stopped = true
			m.mu.Unlock()
			return ErrStopped
		}
	}
	op.N = m.changes
	if m.logging && op.Kind.changes() {
		m.log = append(m.log, op)
	}
	if m.fault == nil {
		return nil
	}
	fault := m.fault
	m.mu.Unlock()
	if err := fault(op); err != nil {
		return failed(op.Kind.String(), op.Name, err)
	}
	m.mu.Lock()
	if m.stopped {
		m.mu.Unlock()
		return ErrStopped
	}
	return nil
}
