package vfs

import (
	"errors"
	"io"
	"path"
	"time"
)

// ReadFile reads a whole file.
func ReadFile(fsys FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	data := make([]byte, size)
	n, err := f.ReadAt(data, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return data[:n], nil
}

// TempSuffix ends the name under which WriteFileAtomic writes. A file left with it by a crash means nothing.
const TempSuffix = ".tmp"

// WriteFileAtomic puts data in place of what a file holds, durably: after a crash the file has either its old bytes or
// the new ones. It writes name.tmp, syncs it, renames it and syncs the directory, as Kafka does for its checkpoints.
// Two calls for one name must not run at the same time. After an error the file may hold either.
func WriteFileAtomic(fsys FS, name string, data []byte) error {
	temp := name + TempSuffix
	if err := writeAndSync(fsys, temp, data); err != nil {
		return err
	}
	if err := fsys.Rename(temp, name); err != nil {
		return err
	}
	return fsys.SyncDir(path.Dir(name))
}

func writeAndSync(fsys FS, name string, data []byte) error {
	f, err := fsys.Create(name)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// SetModified sets the time at which a file was last changed, where the file system can (SetModified of its own); durable with the
// file's next sync, if at all.
func SetModified(fsys FS, name string, modified time.Time) error {
	if f, ok := fsys.(interface {
		SetModified(name string, modified time.Time) error
	}); ok {
		return f.SetModified(name, modified)
	}
	return nil
}
