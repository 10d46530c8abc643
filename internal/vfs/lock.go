package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// ErrLocked is what errors.Is finds in the error of a Lock that someone else holds. The error itself is a *LockedError.
var ErrLocked = errors.New("vfs: locked by another process")

// LockedError tells who holds a lock.
type LockedError struct {
	Name string
	// PID is the process that holds the lock, 0 where it cannot be told.
	PID int
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("vfs: %s is locked by another process", e.Name)
	}
	return fmt.Sprintf("vfs: %s is locked by process %d", e.Name, e.PID)
}

// Is makes errors.Is(err, ErrLocked) true.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// writePID leaves this process's id in its lock file, so that one refused later can name it. The file is overwritten
// before it is cut, so a reader never finds it empty.
func writePID(f *os.File) error {
	text := strconv.AppendInt(nil, int64(os.Getpid()), 10)
	text = append(text, '\n')
	if _, err := f.WriteAt(text, 0); err != nil {
		return err
	}
	return f.Truncate(int64(len(text)))
}

// readPID is the id in the first line of a lock file, 0 where there is none: Kafka's lock files are empty.
func readPID(f *os.File) int {
	var buf [32]byte
	n, _ := f.ReadAt(buf[:], 0)
	line, _, _ := bytes.Cut(buf[:n], []byte("\n"))
	pid, err := strconv.Atoi(string(line))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}
