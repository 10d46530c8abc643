//go:build unix && !linux

package vfs

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func lockFile(f *os.File, name string) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return &LockedError{Name: name, PID: readPID(f)}
	}
	if err != nil {
		return fmt.Errorf("vfs: lock %s: %w", name, err)
	}
	return nil
}

func dataSync(f *os.File) error { return f.Sync() }

// bootID is not known: after a start without a clean stop everything unsynced counts as lost.
func bootID() string { return "" }
