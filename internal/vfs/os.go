package vfs

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	fileMode = 0o644
	dirMode  = 0o755
)

// OS is the machine's own file system. Its zero value is ready. Its files also have SyscallConn, for sendfile.
type OS struct{}

var _ FS = OS{}

// osFile adds to os.File what File asks beyond it; SyscallConn comes from the embedded one.
type osFile struct{ *os.File }

// Sync makes bytes and size durable; times, which nothing here relies on, may stay behind.
func (f osFile) Sync() error { return dataSync(f.File) }

func (f osFile) Size() (int64, error) {
	info, err := f.File.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func openOS(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, fileMode)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Open opens an existing file for reading.
func (OS) Open(name string) (File, error) { return openOS(name, os.O_RDONLY) }

// OpenReadWrite opens an existing file for reading and writing.
func (OS) OpenReadWrite(name string) (File, error) { return openOS(name, os.O_RDWR) }

// Create makes an empty file.
func (OS) Create(name string) (File, error) {
	return openOS(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

// Rename moves a file or directory.
func (OS) Rename(oldName, newName string) error { return os.Rename(oldName, newName) }

// Remove deletes a file or an empty directory.
func (OS) Remove(name string) error { return os.Remove(name) }

// RemoveAll deletes a file or a whole directory.
func (OS) RemoveAll(name string) error { return os.RemoveAll(name) }

// MkdirAll makes a directory and its parents.
func (OS) MkdirAll(name string) error { return os.MkdirAll(name, dirMode) }

// ReadDir lists a directory.
func (OS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

// Stat describes a file or directory.
func (OS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// SyncDir makes the names in a directory durable.
func (OS) SyncDir(name string) error {
	d, err := os.Open(filepath.Clean(name))
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}

// Lock takes the exclusive lock of a file and writes this process's id into it. Kafka's broker and Milena exclude each
// other by it on Linux, since both lock the same file the same way.
func (OS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f, name); err != nil {
		_ = f.Close()
		return nil, err
	}
	if err := writePID(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// Space asks the volume that holds name, which must exist.
func (OS) Space(name string) (Space, error) { return volumeSpace(name) }

// BootID is the kernel's.
func (OS) BootID() string { return bootID() }

// SetModified sets a file's time of change.
func (OS) SetModified(name string, modified time.Time) error {
	return os.Chtimes(name, time.Time{}, modified)
}
