package etcdcoord

import (
	"bufio"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// evict has the pages of a file go from this process's memory, into which etcd takes all of its database at the start, though it is mostly
// reserve. What is read again comes back page by page. Only the mapping of the file's pages is given up: what is in them stays.
func evict(name string) error {
	var file unix.Stat_t
	if err := unix.Stat(name, &file); err != nil {
		return err
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return err
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var begin, end, offset, inode uint64
		var mode string
		var major, minor uint32
		_, err := fmt.Sscanf(lines.Text(), "%x-%x %s %x %x:%x %d", &begin, &end, &mode, &offset, &major, &minor, &inode)
		if err != nil || inode != file.Ino || unix.Mkdev(major, minor) != file.Dev {
			continue
		}
		length := min(end-begin, uint64(file.Size)) // it is mapped far beyond its end, where there are no pages
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, uintptr(begin), uintptr(length), unix.MADV_DONTNEED); errno != 0 {
			return errno
		}
	}
	return nil
}
