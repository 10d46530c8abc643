package segment

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"milena/internal/vfs"
)

// Kind is one of the files of a segment.
type Kind int8

const (
	Log Kind = iota
	OffsetIndex
	TimeIndex
	TxnIndex
	Snapshot // of the producers, at the base offset of the segment that follows
	kinds
)

// Suffixes that Kafka gives to files on their way in or out.
const (
	DeletedSuffix = ".deleted" // out of the log, to be removed after file.delete.delay.ms
	CleanedSuffix = ".cleaned" // being written by the cleaner; worthless after a crash
	SwapSuffix    = ".swap"    // complete, replaces the segments it covers
)

const offsetDigits = 20

// Extension is the end of the name of a file of that kind.
func (k Kind) Extension() string {
	switch k {
	case Log:
		return ".log"
	case OffsetIndex:
		return ".index"
	case TimeIndex:
		return ".timeindex"
	case TxnIndex:
		return ".txnindex"
	case Snapshot:
		return ".snapshot"
	}
	panic("segment: unknown kind " + strconv.Itoa(int(k)))
}

// FileName is the name, without directory, of a segment's file.
func FileName(base int64, kind Kind) string {
	digits := strconv.FormatInt(base, 10)
	return "00000000000000000000"[:offsetDigits-len(digits)] + digits + kind.Extension()
}

// ParseFileName is the reverse of FileName; suffix is what follows the extension ("" or ".deleted" and its like).
func ParseFileName(name string) (base int64, kind Kind, suffix string, ok bool) {
	digits, rest, found := strings.Cut(name, ".")
	if !found || len(digits) != offsetDigits {
		return 0, 0, "", false
	}
	base, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || base < 0 {
		return 0, 0, "", false
	}
	extension, _, more := strings.Cut(rest, ".")
	if more {
		suffix = rest[len(extension):]
	}
	for kind = range kinds {
		if kind.Extension()[1:] == extension {
			return base, kind, suffix, true
		}
	}
	return 0, 0, "", false
}

// Dir is the directory that the segments of one log share; its name changes when the topic is deleted. Who uses files in it by their
// names, and holds no lock that keeps the log from being renamed, does so inside Under.
type Dir struct {
	fs       vfs.FS
	cache    *FileCache
	path     atomic.Pointer[string]
	renaming sync.RWMutex
}

// NewDir describes a directory; without a cache the open files are not bounded.
func NewDir(fs vfs.FS, cache *FileCache, path string) *Dir {
	if cache == nil {
		cache = NewFileCache(0)
	}
	d := &Dir{fs: fs, cache: cache}
	d.path.Store(&path)
	return d
}

// Path is the directory's present name.
func (d *Dir) Path() string { return *d.path.Load() }

// Rename gives the directory another name, when nobody is inside Under any more.
func (d *Dir) Rename(path string) error {
	d.renaming.Lock()
	defer d.renaming.Unlock()
	if err := d.fs.Rename(d.Path(), path); err != nil {
		return err
	}
	d.path.Store(&path)
	return nil
}

// Under calls f with the directory's name, which stays until f returns. f takes no lock of the log's and opens no segment.
func (d *Dir) Under(f func(path string) error) error {
	d.renaming.RLock()
	defer d.renaming.RUnlock()
	return f(d.Path())
}

// FS is the file system the directory is on.
func (d *Dir) FS() vfs.FS { return d.fs }
