package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticksPerSecond is Linux's USER_HZ.
const ticksPerSecond = 100

// cpuTime is what a process has used, user and system together.
func cpuTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name in parentheses may hold spaces; the fields are counted behind it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}

// Fields of a process's status.
const (
	rssNow  = "VmRSS:"
	rssMost = "VmHWM:" // since it started
)

// memoryMB is a process's resident memory in MB.
func memoryMB(pid int, field string) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, field); ok {
			n, err := strconv.ParseFloat(strings.Fields(kb)[0], 64)
			return n / 1024, err
		}
	}
	return 0, fmt.Errorf("process %d tells no %s", pid, field)
}

const (
	mostDrain = 30 * time.Second // a disk that others keep busy is not waited for any longer
	rest      = 3 * time.Second
)

// settle lets what came before be over: what it wrote is on disk, so that the kernel does not write it during the next measurement, and
// the process is at rest.
func settle() {
	written := make(chan struct{})
	go func() {
		syscall.Sync()
		close(written)
	}()
	select {
	case <-written:
	case <-time.After(mostDrain):
	}
	time.Sleep(rest)
}

// touch has the memory that the page cache takes for the next writes used before: that of a virtual machine may come from its host at the first
// touch of each page, which costs more than all that a broker does with it. No more than half of what is free. It does not last: freed memory in
// excess of about 1 GB goes back to the host within a second or two.
func touch(bytes int64) error {
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		return fmt.Errorf("asking for the free memory: %w", err)
	}
	bytes = min(bytes, int64(info.Freeram)*int64(info.Unit)/2)
	if bytes == 0 {
		return nil
	}
	memory, err := syscall.Mmap(-1, 0, int(bytes), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return fmt.Errorf("taking %d bytes of memory: %w", bytes, err)
	}
	for i := 0; i < len(memory); i += os.Getpagesize() {
		memory[i] = 1
	}
	return syscall.Munmap(memory)
}

// cpuDuring is the CPU time a process uses while f runs.
func cpuDuring(pid int, f func() error) (time.Duration, error) {
	before, err := cpuTime(pid)
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	after, err := cpuTime(pid)
	return after - before, err
}
