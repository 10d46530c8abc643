package milena

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// MountVolume gives the broker's data a small volume of its own, a tmpfs of a size such as "160m", and tells how it is taken away again. Only
// root may do so.
func (b *Broker) MountVolume(size string) (unmount func() error, err error) {
	if err := os.MkdirAll(b.DataDir(), 0o755); err != nil {
		return nil, err
	}
	if err := syscall.Mount("tmpfs", b.DataDir(), "tmpfs", 0, "size="+size); err != nil {
		return nil, fmt.Errorf("this test needs a small volume, and may not mount one (run it as root): %w", err)
	}
	return func() error { return syscall.Unmount(b.DataDir(), syscall.MNT_DETACH) }, nil
}

// FillVolume takes the room that is left on the volume of the broker's data, also once more when there is some again. The room is free when
// the file that it names is removed.
func (b *Broker) FillVolume() (filler string, err error) {
	filler = filepath.Join(b.DataDir(), "filler")
	f, err := os.OpenFile(filler, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for chunk := make([]byte, 4096); err == nil; {
		_, err = f.Write(chunk)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return "", fmt.Errorf("filling the volume: %w", err)
	}
	return filler, nil
}
