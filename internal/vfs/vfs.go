// Package vfs is the seam to the file system: everything Milena keeps on disk goes through an FS.
// OS is the machine's own; memfs is the one of the tests, which can crash, fill up and fail.
//
// Names are slash-separated paths, absolute or relative to the working directory. Errors are those of
// package os (errors.Is with fs.ErrNotExist, fs.ErrExist, syscall.ENOSPC …), so callers need not know which FS they have.
// An FS may be used by many goroutines at once. This package imports nothing of Milena.
package vfs

import (
	"io"
	"io/fs"
)

// FS is a file system.
type FS interface {
	// Open opens an existing file for reading.
	Open(name string) (File, error)
	// OpenReadWrite opens an existing file for reading and writing; it fails with fs.ErrNotExist where there is none.
	OpenReadWrite(name string) (File, error)
	// Create makes an empty file for reading and writing; what the name held before is cut to nothing.
	Create(name string) (File, error)
	// Rename moves a file or directory; a file that has the new name is replaced in one step.
	Rename(oldName, newName string) error
	// Remove deletes a file or an empty directory.
	Remove(name string) error
	// RemoveAll deletes a file or a whole directory; a missing one is no error.
	RemoveAll(name string) error
	// MkdirAll makes a directory and its parents; an existing one is no error.
	MkdirAll(name string) error
	// ReadDir lists a directory, sorted by name.
	ReadDir(name string) ([]fs.DirEntry, error)
	// Stat describes a file or directory.
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes the names in a directory durable (created, renamed and removed files).
	SyncDir(name string) error
	// Lock takes the exclusive lock of a file, created where missing, until the closer is closed.
	// A lock held by anyone else, in this process or another, fails at once with ErrLocked.
	Lock(name string) (io.Closer, error)
	// Space tells the size of the volume that holds name and what of it is usable, in bytes.
	Space(name string) (Space, error)
	// BootID names the present run of the machine: what was written in the same run is there, synced or not, whatever became of the process
	// that wrote it. "" where the machine does not tell.
	BootID() string
}

// File is an open file. Reads and writes carry their position and may run at the same time.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Truncate cuts or extends the file to size bytes.
	Truncate(size int64) error
	// Sync makes the file's bytes and size durable. After a failed Sync, what was unsynced must be taken for lost.
	Sync() error
	// Size is the file's length in bytes.
	Size() (int64, error)
	// Name is the name under which the file was opened.
	Name() string
}

// Space is the room on a volume, in bytes.
type Space struct {
	TotalBytes  int64
	UsableBytes int64
}

// Range is a piece of a file: what a fetch sends without reading it.
type Range struct {
	File   File
	Offset int64
	Size   int
}
