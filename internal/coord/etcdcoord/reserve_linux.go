package etcdcoord

import (
	"os"

	"golang.org/x/sys/unix"
)

// reserve has the volume set room aside for a file to grow to size bytes. The file's own length does not change.
func reserve(name string, size int64) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
