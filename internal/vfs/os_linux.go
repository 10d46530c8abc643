package vfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// lockFile takes an open-file-description lock of the whole file. Unlike flock it conflicts with the POSIX locks that Java
// takes, so a Kafka broker on the same directory is noticed, and notices us; unlike a POSIX lock it also conflicts within
// one process and isn't lost when another descriptor of the file is closed.
func lockFile(f *os.File, name string) error {
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock)
	if err == nil {
		return nil
	}
	if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES) {
		return fmt.Errorf("vfs: lock %s: %w", name, err)
	}
	refused := &LockedError{Name: name, PID: readPID(f)}
	holder := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &holder) == nil && holder.Type != unix.F_UNLCK && holder.Pid > 0 {
		refused.PID = int(holder.Pid) // a POSIX lock: the kernel knows whose
	}
	return refused
}

// bootID is what the kernel drew when it started.
func bootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// dataSync leaves out the write of the inode where only its times changed.
func dataSync(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var syncErr error
	err = conn.Control(func(fd uintptr) {
		syncErr = retryInterrupted(func() error { return unix.Fdatasync(int(fd)) })
	})
	if err != nil {
		return err
	}
	if syncErr != nil {
		return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: syncErr}
	}
	return nil
}

func retryInterrupted(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
