//go:build unix

package vfs

import (
	"os"

	"golang.org/x/sys/unix"
)

func volumeSpace(name string) (Space, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(name, &stat); err != nil {
		return Space{}, &os.PathError{Op: "statfs", Path: name, Err: err}
	}
	block := int64(stat.Bsize)
	return Space{TotalBytes: int64(stat.Blocks) * block, UsableBytes: int64(stat.Bavail) * block}, nil
}
