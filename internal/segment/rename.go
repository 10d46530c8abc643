package segment

import (
	"errors"
	"io/fs"
	"strconv"
	"time"

	"milena/internal/vfs"
)

// MarkDeleted renames the files to end in ".deleted". They are removed by the last Release. Where a segment of the same base offset
// waits under that name for its last reader (the cleaner has replaced it), a number stands before the suffix.
func (s *Segment) MarkDeleted(nowMs int64) error {
	s.names.Lock()
	defer s.names.Unlock()
	s.deletedAtMs.Store(nowMs)
	s.deleted.Store(true)
	suffix := DeletedSuffix
	for n := 1; ; n++ {
		_, err := s.dir.fs.Stat(s.dir.Path() + "/" + FileName(s.base, Log) + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return s.wrap(Log, 0, err)
		}
		suffix = "." + strconv.Itoa(n) + DeletedSuffix
	}
	return s.renameLocked(suffix)
}

// SetSuffix renames the files to end in suffix: SwapSuffix, or "" once what the segment replaces is gone. The caller makes the names
// durable.
func (s *Segment) SetSuffix(suffix string) error {
	s.names.Lock()
	defer s.names.Unlock()
	return s.renameLocked(suffix)
}

// renameLocked renames index files first: what a crash leaves of them without their .log is an orphan, which is removed when the log
// is opened. The caller holds names.
func (s *Segment) renameLocked(suffix string) error {
	for _, kind := range [...]Kind{TxnIndex, TimeIndex, OffsetIndex, Log} {
		name := s.name(kind)
		err := s.dir.fs.Rename(name, s.dir.Path()+"/"+FileName(s.base, kind)+suffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return s.wrap(kind, 0, err)
		}
	}
	s.suffix = suffix
	return nil
}

// RemoveFiles removes the files, of a segment that no list holds; the first error is returned, the other files are tried all the same.
func (s *Segment) RemoveFiles() error {
	s.names.Lock()
	defer s.names.Unlock()
	var first error
	for _, kind := range [...]Kind{Log, OffsetIndex, TimeIndex, TxnIndex} {
		err := s.dir.fs.Remove(s.name(kind))
		if err != nil && !errors.Is(err, fs.ErrNotExist) && first == nil {
			first = s.wrap(kind, 0, err)
		}
	}
	return first
}

// ModifiedMs is when the records were last written, in ms since 1970. SetModifiedMs gives a cleaned segment the time of the one it was
// made of, which retention by time goes by where records have no timestamps.
func (s *Segment) ModifiedMs() int64 { return s.modifiedMs.Load() }

// SetModifiedMs also marks the file, as far as the file system can.
func (s *Segment) SetModifiedMs(ms int64) error {
	s.modifiedMs.Store(ms)
	s.names.RLock()
	defer s.names.RUnlock()
	return s.dir.Under(func(string) error {
		return s.wrap(Log, 0, vfs.SetModified(s.dir.fs, s.name(Log), time.UnixMilli(ms)))
	})
}

// RemoveUnder is RemoveFiles for files under the name that they have and under that with another suffix: a SetSuffix has failed.
func (s *Segment) RemoveUnder(suffix string) error {
	err := s.RemoveFiles()
	s.names.Lock()
	s.suffix = suffix
	s.names.Unlock()
	if other := s.RemoveFiles(); err == nil {
		err = other
	}
	return err
}

// Stat describes the file of the records.
func (s *Segment) Stat() (fs.FileInfo, error) {
	s.names.RLock()
	defer s.names.RUnlock()
	return s.dir.fs.Stat(s.name(Log))
}
